//! The recent past of rooms, bounded per room by its namespace's rule and in total by bytes.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::broadcast::{Broadcast, EntryId, HistoryLimits, Keep};
use super::recovery::kept::Kept;
use crate::target::{Target, is_socket_room};

/// Which part of the past is asked for.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The rooms; their entries are merged in the order of ids. The room `""` holds what went to the whole namespace.
    pub rooms: &'a [Arc<str>],
    /// Only what is later than this.
    pub since: Option<EntryId>,
    /// At most so many of each room, the last ones.
    pub last: usize,
}

/// A part of the past, and the moment up to which it was read.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The entries, in the order of their ids.
    pub entries: Vec<Arc<Broadcast>>,
    /// The last id given when this was read: what a shard receives with an id up to this is already told.
    pub head: EntryId,
}

/// Every room's past. The bus holds the lock around it.
#[derive(Debug)]
pub(super) struct Store {
    /// The last id of each order.
    heads: Vec<EntryId>,
    marks: u32,
    bytes: usize,
    bound: usize,
    entries: BTreeMap<EntryId, Stored>,
    rooms: HashMap<Key, VecDeque<EntryId>>,
    waiters: HashMap<Key, watch::Sender<()>>,
    /// What clients that come back may have missed: of the same order.
    pub(super) recovery: Kept,
}

pub(super) type Key = (Arc<str>, Arc<str>);

#[derive(Debug)]
struct Stored {
    broadcast: Arc<Broadcast>,
    rooms: usize,
}

impl Store {
    /// An empty past whose ids start at `millis`, and which holds at most `bound` bytes, and as many of `recovery`. Beside its
    /// own order there are those of so many streams.
    pub(super) fn new(millis: u64, bound: usize, recovery: usize, streams: usize) -> Self {
        let own = EntryId {
            millis,
            sequence: 0,
        };
        let mut heads = vec![own];
        heads.resize(1 + streams, EntryId::default());
        Self {
            heads,
            marks: 0,
            bytes: 0,
            bound,
            entries: BTreeMap::new(),
            rooms: HashMap::new(),
            waiters: HashMap::new(),
            recovery: Kept::new(recovery, 1 + streams),
        }
    }

    /// The number of the next message that other processes are told of.
    pub(super) fn next_mark(&mut self) -> u32 {
        self.marks = self.marks.wrapping_add(1);
        self.marks
    }

    /// The last id of an order.
    pub(super) fn head(&self, lane: usize) -> EntryId {
        self.heads[lane]
    }

    /// A stream is heard from this position on.
    pub(super) fn begin(&mut self, lane: usize, head: EntryId) {
        self.heads[lane] = self.heads[lane].max(head);
    }

    fn next(&self) -> EntryId {
        let own = self.heads[0];
        EntryId {
            sequence: own.sequence + 1,
            ..own
        }
    }

    /// Gives the message the next id, if it is of the kind that is kept, and encodes what tells its place. One that belongs
    /// to a stream has its id from there, or is not stored.
    pub(super) fn prepare(&self, broadcast: &mut Broadcast) {
        if broadcast.lane == 0 {
            let is_kept = broadcast.is_recoverable() || has_history(broadcast);
            broadcast.entry = is_kept.then(|| self.next());
        }
        broadcast.seal(broadcast.entry.unwrap_or(self.heads[broadcast.lane]));
    }

    /// Keeps a message that was prepared last.
    pub(super) fn append(&mut self, broadcast: Broadcast) -> Arc<Broadcast> {
        if let Some(id) = broadcast.entry {
            self.heads[broadcast.lane] = id;
        }
        self.remember(broadcast)
    }

    /// Keeps a message of the past of a stream.
    pub(super) fn remember(&mut self, broadcast: Broadcast) -> Arc<Broadcast> {
        let broadcast = Arc::new(broadcast);
        let Some(keep) = &broadcast.keep else {
            return broadcast;
        };
        if has_history(&broadcast)
            && let Some(place) = self.place(&broadcast)
        {
            self.insert(place, &broadcast, kept_rooms(&broadcast), keep.limits);
        }
        if let Some(id) = broadcast.entry.filter(|_| broadcast.is_recoverable()) {
            self.recovery.append(id, &broadcast);
        }
        broadcast
    }

    /// By what the history knows a message: its own id, or for one of a stream, whose ids may be those of another stream too,
    /// the order in which it came.
    fn place(&mut self, broadcast: &Broadcast) -> Option<EntryId> {
        if broadcast.lane == 0 {
            return broadcast.entry;
        }
        self.heads[0] = self.next();
        Some(self.heads[0])
    }

    fn insert(
        &mut self,
        id: EntryId,
        broadcast: &Arc<Broadcast>,
        rooms: Vec<Key>,
        limits: HistoryLimits,
    ) {
        self.bytes += weight(broadcast);
        let stored = Stored {
            broadcast: Arc::clone(broadcast),
            rooms: rooms.len(),
        };
        self.entries.insert(id, stored);
        for key in rooms {
            self.rooms.entry(key.clone()).or_default().push_back(id);
            self.trim(&key, limits, broadcast.accepted);
            self.wake(&key);
        }
        while self.bytes > self.bound {
            self.evict_first();
        }
    }

    /// Reads; entries older than their rule allowed at acceptance are left out.
    pub(super) fn read(&self, past: &Past<'_>, now: Instant) -> Replay {
        let mut ids = Vec::new();
        for room in past.rooms {
            let key = (Arc::from(past.namespace), Arc::clone(room));
            let kept = self.rooms.get(&key).into_iter().flatten().rev();
            ids.extend(
                kept.take_while(|id| self.entries.get(id).is_some_and(|e| e.is_after(past.since)))
                    .filter(|id| self.entries.get(id).is_some_and(|e| !e.is_over(now)))
                    .take(past.last),
            );
        }
        ids.sort_unstable();
        ids.dedup();
        let entries = ids
            .into_iter()
            .filter_map(|id| self.entries.get(id))
            .map(|stored| Arc::clone(&stored.broadcast));
        Replay {
            entries: entries.collect(),
            head: self.heads[0],
        }
    }

    /// Forgets what is over, and what `limits` now leaves no room for (`None`: no history any more).
    pub(super) fn trim_all(
        &mut self,
        limits: &dyn Fn(&str) -> Option<HistoryLimits>,
        now: Instant,
    ) {
        let keys: Vec<Key> = self.rooms.keys().cloned().collect();
        for key in keys {
            match limits(&key.0) {
                Some(limits) => self.trim(&key, limits, now),
                None => self.forget_room(&key),
            }
        }
    }

    /// A receiver that changes with the room's next entry.
    pub(super) fn watch(&mut self, namespace: &Arc<str>, room: &Arc<str>) -> watch::Receiver<()> {
        self.waiters
            .entry((Arc::clone(namespace), Arc::clone(room)))
            .or_insert_with(|| watch::channel(()).0)
            .subscribe()
    }

    /// Forgets a room for which nobody waits any more.
    pub(super) fn unwatch(&mut self, namespace: &Arc<str>, room: &Arc<str>) {
        let key = (Arc::clone(namespace), Arc::clone(room));
        if let Entry::Occupied(waiter) = self.waiters.entry(key)
            && waiter.get().receiver_count() == 0
        {
            waiter.remove();
        }
    }

    /// The bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn wake(&mut self, key: &Key) {
        if let Some(waiter) = self.waiters.get(key)
            && waiter.send(()).is_err()
        {
            self.waiters.remove(key);
        }
    }

    fn trim(&mut self, key: &Key, limits: HistoryLimits, now: Instant) {
        while let Some(room) = self.rooms.get(key) {
            let Some(first) = room.front().copied() else {
                self.rooms.remove(key);
                return;
            };
            let old = |stored: &Stored| stored.age(now) >= limits.ttl || stored.is_over(now);
            if room.len() <= limits.size && !self.entries.get(&first).is_none_or(old) {
                return;
            }
            self.forget_first(key);
        }
    }

    fn forget_room(&mut self, key: &Key) {
        while self.rooms.contains_key(key) {
            self.forget_first(key);
        }
    }

    /// Takes the oldest entry out of one room; the last room of an entry frees it.
    fn forget_first(&mut self, key: &Key) {
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let first = room.pop_front();
        if room.is_empty() {
            self.rooms.remove(key);
        }
        let Some(id) = first else { return };
        if let Some(stored) = self.entries.get_mut(&id) {
            stored.rooms -= 1;
            if stored.rooms == 0 {
                self.bytes -= weight(&stored.broadcast);
                self.entries.remove(&id);
            }
        }
    }

    /// The oldest entry of all is the oldest of each of its rooms.
    fn evict_first(&mut self) {
        let Some((id, stored)) = self.entries.first_key_value() else {
            return;
        };
        let id = *id;
        for key in kept_rooms(&stored.broadcast) {
            if self.rooms.get(&key).and_then(|room| room.front()) == Some(&id) {
                self.forget_first(&key);
            }
        }
    }
}

impl Stored {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.broadcast.accepted)
    }

    /// What has no id, because it was not stored, is later than anything that a client may name.
    fn is_after(&self, since: Option<EntryId>) -> bool {
        let id = self.broadcast.entry;
        since.is_none_or(|since| id.is_none_or(|id| id > since))
    }

    fn is_over(&self, now: Instant) -> bool {
        let keep = self.broadcast.keep.as_ref();
        keep.is_none_or(|keep| self.age(now) >= keep.limits.ttl)
    }
}

/// Whether a message belongs to the past of a room: not a volatile one, nor what is for single sockets only.
fn has_history(broadcast: &Broadcast) -> bool {
    let limited = broadcast.keep.as_ref().is_some_and(|k| k.limits.size > 0);
    let rooms = &broadcast.target.rooms;
    let has_room = rooms.is_empty() || rooms.iter().any(|room| !is_socket_room(room));
    limited && !broadcast.volatile && has_room
}

/// The rooms whose past a message belongs to: none for a volatile one, and never one socket's own.
pub(super) fn kept_rooms(broadcast: &Broadcast) -> Vec<Key> {
    if !has_history(broadcast) {
        return Vec::new();
    }
    let Target {
        namespace, rooms, ..
    } = &broadcast.target;
    if rooms.is_empty() {
        return vec![(Arc::clone(namespace), Arc::from(""))];
    }
    let mut keys: Vec<Key> = rooms
        .iter()
        .filter(|room| !is_socket_room(room))
        .map(|room| (Arc::clone(namespace), Arc::clone(room)))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What an entry occupies, near enough for a bound; rooms of one small entry each are mostly their own bookkeeping.
fn weight(broadcast: &Broadcast) -> usize {
    let kept = |keep: &Keep| {
        let binary: usize = keep.attachments.iter().map(bytes::Bytes::len).sum();
        keep.name.len() + keep.args.len() + binary
    };
    let rooms = broadcast.target.rooms.iter();
    let rooms: usize = rooms.map(|room| room.len() + ROOM_OVERHEAD).sum();
    let texts = broadcast.keep.as_ref().map_or(0, kept);
    size_of::<Broadcast>() + broadcast.frames.len() + texts + rooms
}

/// A key and a queue of one id.
const ROOM_OVERHEAD: usize = 160;
