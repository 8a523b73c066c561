//! A join with replay where the past lies in Redis: the socket is in its rooms first, what comes live is held back while
//! the past is read, then the past is sent, then what was held. So there is neither gap nor double.
//!
//! A message is known again by its mark. What a replay has sent is not sent again when its live copy comes late, and
//! neither is what the same process published before it: the room's rule left no place for that. Of messages that different
//! processes publish at the same moment nobody knows an order, here as in all of the cluster.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future;
use serde::{Deserialize, Serialize};
use tokio::task;

use super::Node;
use super::park::{self, Wait};
use super::session::Member;
use crate::bus::broadcast::{Broadcast, HistoryLimits, Mark};
use crate::bus::history::{Past, Replay};
use crate::clock;
use crate::hub::{Frames, Socket, Terms};
use crate::id::{EntryId, SocketId};

/// The sockets that read the past, or have just read it.
#[derive(Default)]
pub(super) struct Replays(RefCell<HashMap<SocketId, Replaying>>);

#[derive(Default)]
struct Replaying {
    /// What came while the past is read.
    held: Option<Vec<Arc<Broadcast>>>,
    /// Up to where the socket was told all when that began.
    position: EntryId,
    /// What was sent, and is still to come live.
    sent: Vec<Mark>,
    /// The rooms that were entered.
    rooms: Vec<Arc<str>>,
    /// Nothing is as late as this.
    until: Option<Instant>,
}

/// The past that a socket asked for with an event.
pub(super) struct Wanted {
    rooms: Vec<Arc<str>>,
    entered: Vec<Arc<str>>,
    last: usize,
    limits: HistoryLimits,
    /// What the join waits for.
    pub(super) missing: Vec<Wait>,
    /// On its way already, unless rooms must be heard before.
    asked: Option<Reading>,
}

/// What a socket takes along to another process that has read the past lately.
#[derive(Serialize, Deserialize)]
pub(super) struct Lately {
    sent: Vec<u64>,
    rooms: Vec<String>,
    /// In so many milliseconds nothing of it comes any more.
    left: u64,
}

type Reading = Pin<Box<dyn Future<Output = Replay>>>;

/// The ack of an event, once all is done.
pub(super) type Answer = (u64, String, Vec<Bytes>);

/// A live copy comes within this time, or not at all.
const LATE: Duration = Duration::from_secs(10);
/// The server that stores what servers without marks publish has done it by then.
const FRESH: Duration = Duration::from_secs(2);

impl Replays {
    /// Whether a live message is to be sent to a socket now.
    pub(super) fn admits(&self, socket: &Socket, broadcast: &Arc<Broadcast>) -> bool {
        let mut all = self.0.borrow_mut();
        if all.is_empty() {
            return true;
        }
        let Some(replaying) = all.get_mut(&socket.id) else {
            return true;
        };
        match &mut replaying.held {
            Some(held) => {
                held.push(Arc::clone(broadcast));
                false
            }
            None => replaying.admits(socket, broadcast),
        }
    }

    fn begin(&self, socket: &Socket, position: EntryId, now: Instant) {
        let mut all = self.0.borrow_mut();
        all.retain(|_, replaying| replaying.until.is_none_or(|until| now < until));
        let replaying = all.entry(socket.id).or_default();
        if replaying.held.is_none() {
            replaying.held = Some(Vec::new());
            replaying.position = position;
        }
        replaying.until = None;
    }

    /// What a socket takes along.
    pub(super) fn lately(&self, socket: &Socket, now: Instant) -> Option<Lately> {
        let all = self.0.borrow();
        let replaying = all.get(&socket.id)?;
        let left = replaying.until?.checked_duration_since(now)?;
        Some(Lately {
            sent: replaying.sent.iter().map(|mark| mark.0).collect(),
            rooms: replaying.rooms.iter().map(|room| (**room).into()).collect(),
            left: u64::try_from(left.as_millis()).unwrap_or_default(),
        })
    }

    /// A socket goes on here that has read the past elsewhere.
    pub(super) fn go_on(&self, socket: &Socket, lately: Lately, now: Instant) {
        let Lately { sent, rooms, left } = lately;
        let replaying = Replaying {
            held: None,
            position: EntryId::default(),
            sent: sent.into_iter().map(Mark).collect(),
            rooms: rooms.into_iter().map(Arc::from).collect(),
            until: now.checked_add(Duration::from_millis(left)),
        };
        self.0.borrow_mut().insert(socket.id, replaying);
    }

    fn position(&self, socket: &Socket) -> EntryId {
        let all = self.0.borrow();
        all.get(&socket.id)
            .map_or_else(EntryId::default, |it| it.position)
    }

    fn forget(&self, socket: &Socket) {
        self.0.borrow_mut().remove(&socket.id);
    }
}

impl Replaying {
    fn admits(&mut self, socket: &Socket, broadcast: &Broadcast) -> bool {
        let Some(mark) = broadcast.mark else {
            return true;
        };
        if let Some(index) = self.sent.iter().position(|sent| *sent == mark) {
            if mark.is_foreign() {
                self.sent.swap_remove(index);
            }
            return false;
        }
        let older = self.sent.iter().any(|sent| mark.is_up_to(*sent));
        let rooms = &broadcast.target.rooms;
        let otherwise = |room: &Arc<str>| {
            let is_in = **room == *socket.id.as_str() || socket.is_in(room);
            is_in && !self.rooms.contains(room)
        };
        !older || rooms.is_empty() || rooms.iter().any(otherwise)
    }
}

impl Node {
    /// Begins to read the past for a socket that is in its rooms by now; from here on what comes live is held.
    pub(super) fn want_past(
        &self,
        member: &Member,
        rooms: &[Arc<str>],
        entered: Vec<Arc<str>>,
        last: usize,
        now: Instant,
    ) -> Option<Wanted> {
        self.bus.remote()?;
        let limits = member.space.history()?;
        let namespace = &member.space.namespace.name;
        let position = self.position(self.bus.lane(namespace));
        self.replays.begin(&member.socket, position, now);
        let missing = self.heard.missing(namespace, rooms);
        let mut wanted = Wanted {
            rooms: rooms.to_vec(),
            entered,
            last,
            limits,
            missing: missing.into_iter().map(park::hearing).collect(),
            asked: None,
        };
        if wanted.missing.is_empty() {
            wanted.asked = Some(self.ask_past(member, &wanted));
        }
        Some(wanted)
    }

    fn ask_past(&self, member: &Member, wanted: &Wanted) -> Reading {
        let past = Past {
            namespace: &member.space.namespace.name,
            rooms: &wanted.rooms,
            since: None,
            last: wanted.last,
        };
        Box::pin(self.bus.recall(&past, wanted.limits, clock::now()))
    }

    /// Sends the past once it is read, then what was held, then the ack; later events of the socket wait behind it.
    pub(super) fn replay_later(
        self: &Rc<Self>,
        member: &Rc<Member>,
        mut wanted: Wanted,
        answer: Option<Answer>,
    ) {
        member.parked.borrow_mut().get_or_insert_default();
        let (node, member) = (Rc::clone(self), Rc::clone(member));
        task::spawn_local(async move {
            future::join_all(std::mem::take(&mut wanted.missing)).await;
            let asked = wanted.asked.take();
            let asked = asked.unwrap_or_else(|| node.ask_past(&member, &wanted));
            let past = asked.await;
            if !member.socket.is_connected() {
                return node.replays.forget(&member.socket);
            }
            node.replay_shared(&member, &wanted, past);
            if let Some((id, args, attachments)) = answer {
                node.answer(&member.socket, id, &args, &attachments);
            }
            node.resume(&member);
        });
    }

    fn replay_shared(&self, member: &Member, wanted: &Wanted, past: Replay) {
        let now = clock::now();
        let heard = self.heard_lately(member, wanted);
        let past = self.with_fresh(past, &heard, wanted, now);
        let is_heard = |mark: Mark| heard.iter().any(|entry| entry.mark == Some(mark));
        let mut sent = Vec::new();
        for entry in &past {
            let Some(mark) = entry.mark else { continue };
            // Where the socket was before, what this shard has not had yet comes live, in order.
            let rooms = &entry.target.rooms;
            if !is_heard(mark) && !rooms.iter().any(|room| wanted.entered.contains(room)) {
                continue;
            }
            self.emit_past(&member.socket, entry, now);
            sent.push(mark);
        }
        let held = self.settle(member, wanted, &sent, &is_heard, now);
        for broadcast in held {
            self.emit_held(&member.socket, &broadcast);
        }
    }

    /// What this shard has had of these rooms.
    fn heard_lately(&self, member: &Member, wanted: &Wanted) -> Vec<Arc<Broadcast>> {
        let past = Past {
            namespace: &member.space.namespace.name,
            rooms: &wanted.rooms,
            since: None,
            last: usize::MAX,
        };
        let mut heard = self.bus.history(&past, clock::now()).entries;
        heard.retain(|entry| {
            let id = entry.entry;
            id.is_none_or(|id| id <= self.position(entry.lane))
        });
        heard
    }

    /// The past with what this shard has had of servers without marks, where the pod that stores it has not done so yet.
    fn with_fresh(
        &self,
        past: Replay,
        heard: &[Arc<Broadcast>],
        wanted: &Wanted,
        now: Instant,
    ) -> Vec<Arc<Broadcast>> {
        let mut entries = past.entries;
        let known: HashSet<Mark> = entries.iter().filter_map(|entry| entry.mark).collect();
        let is_new = |entry: &&Arc<Broadcast>| {
            let age = now.saturating_duration_since(entry.accepted);
            age < FRESH
                && entry
                    .mark
                    .is_some_and(|mark| mark.is_foreign() && !known.contains(&mark))
        };
        let fresh: Vec<_> = heard.iter().rev().take_while(is_new).cloned().collect();
        if fresh.is_empty() {
            return entries;
        }
        entries.extend(fresh.into_iter().rev());
        let most = wanted.last.saturating_mul(wanted.rooms.len());
        entries.drain(..entries.len().saturating_sub(most));
        entries
    }

    /// Ends the holding; what was held and is to be sent yet.
    fn settle(
        &self,
        member: &Member,
        wanted: &Wanted,
        sent: &[Mark],
        is_heard: &dyn Fn(Mark) -> bool,
        now: Instant,
    ) -> Vec<Arc<Broadcast>> {
        let mut all = self.replays.0.borrow_mut();
        let replaying = all.entry(member.socket.id).or_default();
        let held = replaying.held.take().unwrap_or_default();
        replaying.until = Some(now + LATE);
        replaying.rooms.clone_from(&wanted.entered);
        replaying.sent = sent.to_vec();
        let held = held
            .into_iter()
            .filter(|broadcast| replaying.admits(&member.socket, broadcast))
            .collect();
        // A mark of content is that of the next equal message too: it is kept only while the live copy is to come.
        replaying
            .sent
            .retain(|mark| !mark.is_foreign() || !is_heard(*mark));
        held
    }

    /// A recoverable socket is told the position up to which it was told all before.
    fn emit_past(&self, socket: &Socket, entry: &Broadcast, now: Instant) {
        let Some(keep) = &entry.keep else { return };
        let terms = Terms {
            volatile: entry.volatile,
            accepted: now,
            stored: false,
        };
        if socket.restorable().is_some() {
            let (name, args, attachments) = (&keep.name, &keep.args, &keep.attachments);
            let position = self.replays.position(socket);
            return self.emit_at(socket, position, (name, args, attachments), terms);
        }
        let encode = |out: &mut Vec<u8>| out.extend_from_slice(&keep.frames);
        let hint = keep.frames.len();
        self.hub.emit(socket, terms, Frames { hint, encode });
    }

    /// What came while the past was read goes out as it would have.
    fn emit_held(&self, socket: &Socket, broadcast: &Broadcast) {
        let terms = Terms {
            volatile: broadcast.volatile,
            accepted: broadcast.accepted,
            stored: false,
        };
        let keep = broadcast.keep.as_ref();
        let plain = keep.filter(|keep| keep.recovery.is_none());
        let frames = plain.map_or(&broadcast.frames, |keep| &keep.frames);
        let encode = |out: &mut Vec<u8>| out.extend_from_slice(frames);
        let hint = frames.len();
        self.hub.emit(socket, terms, Frames { hint, encode });
    }
}
