//! Connection state recovery: what is remembered of a socket whose connection was lost, and what its client has missed.
//!
//! A client that comes back names its private id and the last offset that it saw. The shard that it comes to *takes* the
//! session (once: it is gone for everybody else), tells what was *missed* in the order of ids, and *enlists* the socket again.
//! A bus over a network fills the same verbs; an answer that it has to wait for is [`Taken::Soon`].
//!
//! Two marks make this exact. A session remembers when it entered each room, so that nothing older is told; and a room
//! remembers the last of its messages that was forgotten, so that whoever may have missed that one gets a new session instead
//! of a gap.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::oneshot;

pub use self::claims::Claimant;
use super::{
    Bus,
    broadcast::{Broadcast, EntryId},
    inbox::Inbound,
};
use crate::id::{PrivateId, SocketId, Version};

pub(super) mod claims;
pub(super) mod kept;
pub(super) mod sessions;

/// What is remembered of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The public id.
    pub sid: SocketId,
    /// The private one.
    pub pid: PrivateId,
    /// The rooms, each with the position at which the socket entered it.
    pub rooms: Vec<(Arc<str>, EntryId)>,
    /// The position at which the socket connected for the first time.
    pub position: EntryId,
    /// The position when this was written: up to there the socket was told everything.
    pub upto: EntryId,
    /// The last of what it may have been told up to there.
    pub last: EntryId,
    /// Written by a server that tells no positions.
    pub is_foreign: bool,
    /// Its data, as JSON text.
    pub data: Box<str>,
    /// Its user, as JSON text; `null` without an identity.
    pub user: Box<str>,
    /// The shard it was on.
    pub owner: usize,
    /// How long it may be away.
    pub window: std::time::Duration,
    /// Its place among all that is written of the session.
    pub version: Version,
}

impl Record {
    /// After which place a client has to be told what it missed, by the last offset that it has seen; `None` if that is not
    /// known. Whoever has the last of what there was has all that there was.
    pub fn resumes(&self, offset: Option<EntryId>) -> Option<EntryId> {
        let had = match offset {
            Some(offset) => offset,
            None if self.is_foreign => return None,
            None => self.position,
        };
        let has_all = !self.is_foreign && had >= self.last;
        Some(if has_all { had.max(self.upto) } else { had })
    }

    /// For the socket that goes on with it, whose first writing is later than this version.
    pub(super) fn since(mut self: Box<Self>, version: Version) -> Box<Self> {
        self.version = version;
        self
    }

    /// The same where nobody else is asked.
    pub(super) fn goes_on_here(self: Box<Self>) -> Box<Self> {
        let version = self.version.moved();
        self.since(version)
    }
}

/// A session that was asked for.
#[derive(Debug)]
pub enum Taken {
    /// At once: the session, unless there is none.
    Now(Option<Box<Record>>),
    /// Its owner has to give it up first; an end without an answer means none.
    Soon(oneshot::Receiver<Option<Box<Record>>>),
}

/// Which part of the past a client is told.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub record: &'a Record,
    /// Only what is later than this.
    pub from: EntryId,
    /// Only what is not later than this: what the asking shard has delivered to others already.
    pub upto: EntryId,
    /// At most so many bytes of frames, but always one message.
    pub bytes: usize,
}

/// A page of what a client has missed.
#[derive(Debug)]
pub struct Missed {
    /// The messages, in the order of their ids.
    pub entries: Vec<Arc<Broadcast>>,
    /// Where the next page begins, if there is one.
    pub next: Option<EntryId>,
}

/// How much is held for clients that may come back, and what did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryLoad {
    /// Bytes of messages.
    pub bytes: usize,
    /// Sessions of clients that are away.
    pub sessions: usize,
    /// Messages forgotten before their time, because the bound on bytes was reached.
    pub messages_evicted: u64,
    /// Sessions forgotten before their time, for the same reason.
    pub sessions_evicted: u64,
}

impl Bus {
    /// The position before all messages of an order.
    pub fn start(&self, lane: usize) -> EntryId {
        let head = self.head(lane);
        let start = EntryId {
            sequence: 0,
            ..head
        };
        // A stream goes on from where it was.
        if lane == 0 { start } else { head }
    }

    /// The last id of an order.
    pub fn head(&self, lane: usize) -> EntryId {
        self.store().head(lane)
    }

    /// The last message that a socket may have been told, if `told` says up to which position that is known, and which was
    /// the last one then.
    pub fn last_told(&self, record: &Record, told: (EntryId, EntryId)) -> EntryId {
        let lane = self.lane(&record.namespace);
        self.store().recovery.last(record, lane, told)
    }

    /// A socket of that private id lives on a shard.
    pub fn enlist(&self, shard: usize, namespace: &Arc<str>, socket: SocketId, pid: PrivateId) {
        self.sessions()
            .enlist(shard, Arc::clone(namespace), socket, pid);
    }

    /// A connection was lost: its client may come back within the window.
    pub fn save(&self, record: Record, now: Instant) {
        match self.write_saved(record) {
            Ok((socket, pid)) => self.release(socket, pid),
            Err(record) => self.save_here(*record, now),
        }
    }

    /// The same in this process alone.
    pub(super) fn save_here(&self, record: Record, now: Instant) {
        self.sessions().save(record, now);
    }

    /// A socket has ended for good, later than all that has a lesser version was written.
    pub fn forget(&self, socket: SocketId, pid: PrivateId, version: Version) {
        self.erase(pid, version);
        self.release(socket, pid);
    }

    /// A socket goes on in another process, which is about to write its session.
    pub fn hand_over(&self, record: Record, now: Instant) {
        self.sessions().hand_over(record, now);
    }

    /// Whether a socket of that private id lives in this process.
    pub fn is_live(&self, pid: PrivateId) -> bool {
        self.sessions().is_live(pid)
    }

    /// A socket goes on elsewhere.
    pub fn release(&self, socket: SocketId, pid: PrivateId) {
        self.sessions().forget(socket, pid);
    }

    /// Takes a session, from wherever it is, for the socket that continues it: nobody else gets it. One whose socket still
    /// lives is given up first. Where the client does not listen any more, it is taken from nobody else.
    pub async fn claim(
        &self,
        namespace: &Arc<str>,
        pid: PrivateId,
        claimant: &Claimant,
        now: Instant,
    ) -> Option<Box<Record>> {
        let _claim = self.0.claims.begin();
        let here = self.take_here(namespace, pid, now).await;
        self.take_anywhere(namespace, pid, here, claimant).await
    }

    /// Waits until no session is being taken: its client may be gone, and then it is written again.
    pub async fn claims_nothing(&self) {
        self.0.claims.none().await;
    }

    /// The same of this process alone.
    pub(super) async fn take_here(
        &self,
        namespace: &str,
        pid: PrivateId,
        now: Instant,
    ) -> Option<Box<Record>> {
        match self.take(namespace, pid, now) {
            Taken::Now(record) => record,
            Taken::Soon(answer) => answer.await.ok().flatten(),
        }
    }

    /// Begins with that.
    pub fn take(&self, namespace: &str, pid: PrivateId, now: Instant) -> Taken {
        match self.sessions().take(namespace, pid, now) {
            sessions::Found::Saved(record) => Taken::Now(Some(record)),
            sessions::Found::Nothing => Taken::Now(None),
            sessions::Found::Live {
                shard,
                namespace,
                socket,
            } => {
                let (reply, answer) = oneshot::channel();
                self.0.outlets[shard].send(Inbound::Yield {
                    namespace,
                    socket,
                    pid,
                    reply,
                });
                Taken::Soon(answer)
            }
        }
    }

    /// Takes a session whose connection is lost; as [`Bus::take`] otherwise.
    pub fn take_saved(&self, namespace: &str, pid: PrivateId, now: Instant) -> Option<Box<Record>> {
        self.sessions().take_saved(namespace, pid, now)
    }

    /// Reads a page of what a client has missed; `None` if something of it may be forgotten already.
    pub fn missed(&self, wanted: &Wanted<'_>) -> Option<Missed> {
        let lane = self.lane(&wanted.record.namespace);
        let store = self.store();
        let head = store.head(lane);
        let is_of_here = lane > 0 || wanted.from.millis == head.millis;
        if !is_of_here || wanted.from > head {
            return None;
        }
        store.recovery.read(wanted, lane)
    }

    /// Forgets what is over, and all of namespaces that are not recoverable any more. Called at a reload and now and then.
    pub fn trim_recovery(&self, is_recoverable: &dyn Fn(&str) -> bool, now: Instant) {
        self.store().recovery.trim_all(is_recoverable, now);
        self.sessions().trim(is_recoverable, now);
    }

    /// How much is held.
    pub fn recovery_load(&self) -> RecoveryLoad {
        let (bytes, messages_evicted) = self.store().recovery.load();
        let (sessions, sessions_evicted) = self.sessions().load();
        RecoveryLoad {
            bytes,
            sessions,
            messages_evicted,
            sessions_evicted,
        }
    }

    /// No code panics while it holds the lock, so poisoned sessions are still whole.
    pub(super) fn sessions(&self) -> MutexGuard<'_, sessions::Sessions> {
        self.0
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
