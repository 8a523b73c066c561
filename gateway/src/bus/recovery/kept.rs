//! The messages of recoverable namespaces, for as long as a client that missed them may come back.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Missed, Record, Wanted};
use crate::bus::broadcast::{Broadcast, EntryId};

/// A loss may be noticed so much later than the message was sent, beside the window itself.
const SLACK: Duration = Duration::from_secs(30);
/// A namespace without a message for so long is forgotten.
const IDLE: Duration = Duration::from_hours(24);
/// A namespace remembers the marks of at most so many rooms without a message.
const QUIET_ROOMS: usize = 100_000;
/// Bytes of bookkeeping a message and room.
const ROOM_OVERHEAD: usize = 96;

/// All that is kept. The bus holds the lock around it.
#[derive(Debug)]
pub(in crate::bus) struct Kept {
    namespaces: HashMap<Arc<str>, Line>,
    /// From where on each order is known.
    floors: Vec<EntryId>,
    bytes: usize,
    bound: usize,
    evicted: u64,
    warned: bool,
}

/// One namespace. Its rooms share the entries; the room `""` has what went to everybody.
#[derive(Debug, Default)]
struct Line {
    /// Which order its ids are of.
    lane: usize,
    entries: VecDeque<Arc<Broadcast>>,
    rooms: HashMap<Arc<str>, Room>,
    /// Rooms without a message, in the order of their marks.
    quiet: VecDeque<(Arc<str>, EntryId)>,
    /// The mark of every room that is not in `rooms`.
    floor: EntryId,
    bytes: usize,
    /// When the last message came.
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct Room {
    entries: VecDeque<(EntryId, Arc<Broadcast>)>,
    /// The last message that was forgotten.
    mark: EntryId,
}

impl Kept {
    pub(in crate::bus) fn new(bound: usize, lanes: usize) -> Self {
        Self {
            namespaces: HashMap::new(),
            floors: vec![EntryId::default(); lanes],
            bytes: 0,
            bound,
            evicted: 0,
            warned: false,
        }
    }

    /// Bytes held, and messages forgotten before their time.
    pub(in crate::bus) fn load(&self) -> (usize, u64) {
        (self.bytes, self.evicted)
    }

    /// Keeps a message; ids only grow.
    pub(in crate::bus) fn append(&mut self, id: EntryId, broadcast: &Arc<Broadcast>) {
        let lane = broadcast.lane;
        let line = self
            .namespaces
            .entry(Arc::clone(&broadcast.target.namespace))
            .or_insert_with(|| Line {
                lane,
                floor: self.floors[lane],
                ..Line::default()
            });
        line.append(id, broadcast);
        self.bytes += weight(broadcast);
        self.bytes -= line.trim(broadcast.accepted);
        while self.bytes > self.bound {
            self.evict();
        }
    }

    /// Reads a page, merged from the socket's rooms; `None` if one of them has forgotten what it may have missed.
    pub(in crate::bus) fn read(&self, wanted: &Wanted<'_>, lane: usize) -> Option<Missed> {
        let Some(line) = self.namespaces.get(&wanted.record.namespace) else {
            let is_known = self.floors[lane] <= wanted.from.max(wanted.record.position);
            return is_known.then(|| Missed {
                entries: Vec::new(),
                next: None,
            });
        };
        let mut queues = Vec::new();
        for (name, entered) in places(wanted.record) {
            let after = wanted.from.max(entered);
            let Some(room) = line.rooms.get(name) else {
                if line.floor > after {
                    return None;
                }
                continue;
            };
            if room.mark > after {
                return None;
            }
            let begin = room.entries.partition_point(|(id, _)| *id <= after);
            queues.push(room.entries.range(begin..).peekable());
        }
        Some(merge(queues, wanted))
    }

    /// The last message that a socket may have been told: of those after `known` by what is kept, else `last`.
    pub(in crate::bus) fn last(
        &self,
        record: &Record,
        lane: usize,
        (last, known): (EntryId, EntryId),
    ) -> EntryId {
        let line = self.namespaces.get(&record.namespace);
        let floor = line.map_or(self.floors[lane], |line| line.floor);
        let of_place = |(name, entered): (&str, EntryId)| {
            let room = line.and_then(|line| line.rooms.get(name));
            let last = room.map_or(floor, Room::last);
            Some(last).filter(|last| *last > entered.max(known))
        };
        let later = places(record).filter_map(of_place).max();
        later.map_or(last, |later| later.max(last))
    }

    /// What is not later than `floor` in an order is not known of namespaces of which there is nothing.
    pub(in crate::bus) fn begin_at(&mut self, lane: usize, floor: EntryId) {
        self.floors[lane] = self.floors[lane].max(floor);
    }

    /// What is not later than `floor` in an order is not known.
    pub(in crate::bus) fn forget_before(&mut self, lane: usize, floor: EntryId) {
        self.floors[lane] = self.floors[lane].max(floor);
        let lines = self
            .namespaces
            .values_mut()
            .filter(|line| line.lane == lane);
        lines.for_each(|line| line.forget_before(floor));
    }

    pub(in crate::bus) fn trim_all(&mut self, is_recoverable: &dyn Fn(&str) -> bool, now: Instant) {
        let mut freed = 0;
        self.namespaces.retain(|name, line| {
            freed += line.trim(now);
            let keep = is_recoverable(name) && !line.is_idle(now);
            if !keep {
                freed += line.bytes;
            }
            keep
        });
        self.bytes -= freed;
    }

    /// The namespace that holds most forgets its oldest message.
    fn evict(&mut self) {
        let largest = self.namespaces.values_mut().max_by_key(|line| line.bytes);
        self.bytes -= largest.map_or(self.bytes, Line::forget_first);
        self.evicted += 1;
        if !self.warned {
            self.warned = true;
            tracing::warn!(
                bytes = self.bound,
                "recovery holds all that it may: clients that were away long get new sessions"
            );
        }
    }
}

impl Room {
    /// The last of its messages, forgotten or not.
    fn last(&self) -> EntryId {
        self.entries.back().map_or(self.mark, |(id, _)| *id)
    }
}

impl Line {
    fn append(&mut self, id: EntryId, broadcast: &Arc<Broadcast>) {
        self.bytes += weight(broadcast);
        self.last = Some(broadcast.accepted);
        self.entries.push_back(Arc::clone(broadcast));
        for name in rooms(broadcast) {
            let mark = self.floor;
            let room = self.rooms.entry(name).or_insert_with(|| Room {
                mark,
                ..Room::default()
            });
            // A room that is named twice has the message once.
            if room.entries.back().is_none_or(|(last, _)| *last != id) {
                room.entries.push_back((id, Arc::clone(broadcast)));
            }
        }
    }

    /// Forgets what is over; returns its bytes.
    fn trim(&mut self, now: Instant) -> usize {
        let mut freed = 0;
        while self
            .entries
            .front()
            .is_some_and(|first| is_over(first, now))
        {
            freed += self.forget_first();
        }
        freed
    }

    /// Forgets the oldest message, which is the oldest of each of its rooms; returns its bytes.
    fn forget_first(&mut self) -> usize {
        let Some(first) = self.entries.pop_front() else {
            return 0;
        };
        for name in rooms(&first) {
            let Some(room) = self.rooms.get_mut(&name) else {
                continue;
            };
            if room.entries.front().map(|(id, _)| Some(*id)) != Some(first.entry) {
                continue;
            }
            if let Some((id, _)) = room.entries.pop_front() {
                room.mark = id;
            }
            if room.entries.is_empty() {
                room.entries = VecDeque::new();
                self.quiet.push_back((name, room.mark));
            }
        }
        self.forget_quiet();
        let freed = weight(&first);
        self.bytes -= freed;
        freed
    }

    fn forget_before(&mut self, floor: EntryId) {
        let marks = self.quiet.drain(..).map(|(_, mark)| mark);
        self.floor = marks.fold(self.floor.max(floor), EntryId::max);
        self.rooms.retain(|_, room| !room.entries.is_empty());
        for room in self.rooms.values_mut() {
            room.mark = room.mark.max(floor);
        }
    }

    /// Whether its marks tell nothing any more: no connection is half dead for so long.
    fn is_idle(&self, now: Instant) -> bool {
        let age = |last| now.saturating_duration_since(last);
        self.entries.is_empty() && self.last.is_some_and(|last| age(last) > IDLE)
    }

    fn forget_quiet(&mut self) {
        while self.quiet.len() > QUIET_ROOMS {
            let Some((name, mark)) = self.quiet.pop_front() else {
                return;
            };
            let is_quiet = |room: &Room| room.entries.is_empty() && room.mark == mark;
            if self.rooms.get(&name).is_some_and(is_quiet) {
                self.rooms.remove(&name);
                self.floor = self.floor.max(mark);
            }
        }
    }
}

/// Every room that selects the socket, and since when.
fn places(record: &Record) -> impl Iterator<Item = (&str, EntryId)> {
    let own = [
        ("", record.position),
        (record.sid.as_str(), record.position),
    ];
    let rooms = record
        .rooms
        .iter()
        .map(|(name, entered)| (&**name, *entered));
    own.into_iter().chain(rooms)
}

type Queue<'a> =
    std::iter::Peekable<std::collections::vec_deque::Iter<'a, (EntryId, Arc<Broadcast>)>>;

/// The next messages of all queues in the order of ids, each once.
fn merge(mut queues: Vec<Queue<'_>>, wanted: &Wanted<'_>) -> Missed {
    let mut heads: BinaryHeap<Reverse<(EntryId, usize)>> = BinaryHeap::new();
    for (index, queue) in queues.iter_mut().enumerate() {
        heads.extend(queue.peek().map(|(id, _)| Reverse((*id, index))));
    }
    let mut missed = Missed {
        entries: Vec::new(),
        next: None,
    };
    let (mut last, mut bytes) = (wanted.from, 0);
    while let Some(Reverse((id, index))) = heads.pop() {
        if id > wanted.upto {
            break;
        }
        let Some((_, entry)) = queues[index].next() else {
            continue;
        };
        heads.extend(queues[index].peek().map(|(id, _)| Reverse((*id, index))));
        if id > last && is_for(entry, wanted.record) {
            bytes += entry.frames.len();
            if bytes > wanted.bytes && !missed.entries.is_empty() {
                missed.next = Some(last);
                break;
            }
            missed.entries.push(Arc::clone(entry));
        }
        last = id;
    }
    missed
}

/// Whether nothing excepts the socket from a message of its rooms.
fn is_for(broadcast: &Broadcast, record: &Record) -> bool {
    let excepts = |name: &Arc<str>| {
        **name == *record.sid.as_str() || record.rooms.iter().any(|(room, _)| room == name)
    };
    !broadcast.target.except.iter().any(excepts)
}

fn rooms(broadcast: &Broadcast) -> Vec<Arc<str>> {
    match &*broadcast.target.rooms {
        [] => vec![Arc::from("")],
        rooms => rooms.to_vec(),
    }
}

fn is_over(broadcast: &Broadcast, now: Instant) -> bool {
    let window = broadcast.keep.as_ref().and_then(|keep| keep.recovery);
    let age = now.saturating_duration_since(broadcast.accepted);
    window.is_none_or(|window| age > window + SLACK)
}

fn weight(broadcast: &Broadcast) -> usize {
    let rooms = broadcast.target.rooms.iter();
    let rooms: usize = rooms.map(|room| room.len() + ROOM_OVERHEAD).sum();
    size_of::<Broadcast>() + broadcast.frames.len() + rooms + ROOM_OVERHEAD
}

#[cfg(test)]
mod tests;
