//! Messages whose place in the order a stream gives: those of recoverable namespaces, where a stream joins the processes.
//!
//! Every process delivers them in the order of the stream, also the one that publishes: it writes the entry, and hands the
//! message to its shards when it reads the entry back. What cannot be written is delivered here, unstored, with the position
//! that this process is at.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::{
    Bus, PublishError, Published,
    broadcast::{Broadcast, EntryId, Mark},
    inbox::Inbound,
    recovery::{Claimant, Record},
    remote::{Outgoing, Remote},
    reserve,
};
use crate::id::{PrivateId, SocketId, Version};

impl Bus {
    /// The order to which the messages of a recoverable namespace belong.
    pub fn lane(&self, namespace: &str) -> usize {
        self.remote().map_or(0, |remote| remote.lane(namespace))
    }

    /// How many orders there are.
    pub fn lanes(&self) -> usize {
        1 + self.remote().map_or(0, Remote::streams)
    }

    /// Whether sessions outlive this process.
    pub fn shares_sessions(&self) -> bool {
        self.lanes() > 1
    }

    /// Acks are asked for by another way, and nobody makes up for what asks for them.
    pub(super) fn is_ordered_by_stream(&self, broadcast: &Broadcast) -> bool {
        let keep = broadcast.keep.as_ref();
        let is_recoverable = keep.is_some_and(|keep| keep.recovery.is_some());
        is_recoverable && broadcast.ack.is_none() && self.lanes() > 1
    }

    pub(super) fn publish_in_stream(
        &self,
        mut broadcast: Broadcast,
    ) -> Result<Published, PublishError> {
        let Some(remote) = self.remote() else {
            return self.distribute_in_order(broadcast, false);
        };
        broadcast.lane = self.lane(&broadcast.target.namespace);
        let degraded = !remote.is_up() || remote.is_stalled();
        // Marks are given in the order of the queue.
        let mut store = self.store();
        broadcast.mark = Some(Mark::own(self.0.publisher, store.next_mark()));
        remote.order(broadcast)?;
        drop(store);
        Ok(Published {
            entry: None,
            deliver: None,
            degraded,
        })
    }

    /// Delivers a message at its place in a stream to every shard, or gives it back where one is too far behind.
    pub(super) fn deliver_at(
        &self,
        id: EntryId,
        mut broadcast: Box<Broadcast>,
    ) -> Result<(), Box<Broadcast>> {
        let mut store = self.store();
        broadcast.entry = Some(id);
        store.prepare(&mut broadcast);
        if reserve(self.0.outlets.iter(), broadcast.weight()).is_err() {
            return Err(broadcast);
        }
        let broadcast = store.append(*broadcast);
        for outlet in &self.0.outlets {
            outlet.broadcast(Arc::clone(&broadcast));
        }
        Ok(())
    }

    /// Delivers a message that no stream has, with the position that this process is at.
    pub(super) fn deliver_unstored(
        &self,
        mut broadcast: Box<Broadcast>,
    ) -> Result<(), PublishError> {
        broadcast.entry = None;
        broadcast.stored = None;
        self.distribute_in_order(*broadcast, false).map(drop)
    }

    /// Keeps a message of the past of a stream for clients that come back; nobody here is told it.
    pub(super) fn remember(&self, id: EntryId, mut broadcast: Box<Broadcast>) {
        let mut store = self.store();
        broadcast.entry = Some(id);
        store.prepare(&mut broadcast);
        store.remember(*broadcast);
    }

    /// A stream is heard: all that is later than `known` is remembered or comes, and what comes is later than `head`.
    pub(super) fn begin(&self, lane: usize, known: EntryId, head: EntryId) {
        let mut store = self.store();
        store.recovery.forget_before(lane, known);
        self.pass(&mut store, lane, head);
    }

    /// An entry that is for nobody here was passed.
    pub(super) fn passed(&self, lane: usize, id: EntryId) {
        self.pass(&mut self.store(), lane, id);
    }

    fn pass(&self, store: &mut super::history::Store, lane: usize, id: EntryId) {
        store.begin(lane, id);
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Position { lane, id });
        }
    }

    /// All that is not later than `known` may be missing.
    pub(super) fn forget_before(&self, lane: usize, known: EntryId) {
        self.store().recovery.forget_before(lane, known);
    }

    /// Other namespaces are recoverable from now on: what was sent to them before is not known here.
    pub fn recovers_more(&self) {
        let mut store = self.store();
        for lane in 1..self.lanes() {
            let head = store.head(lane);
            store.recovery.begin_at(lane, head);
        }
    }

    /// The last id of any stream.
    pub(super) fn latest(&self) -> EntryId {
        let store = self.store();
        let heads = (1..self.lanes()).map(|lane| store.head(lane));
        heads.max().unwrap_or_default()
    }

    /// Has all shards write their sessions, to a Redis that may have lost them.
    pub(super) fn renew_sessions(&self) {
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Renew);
        }
    }

    /// The rooms or the data of a socket have changed, or its session is to live on. A bus whose sessions must outlive the
    /// process writes the record, and says when that is done; the one in memory learns all at the end.
    pub fn touch(&self, record: impl FnOnce() -> Option<Record>) -> Option<oneshot::Receiver<()>> {
        let remote = self.remote().filter(|_| self.shares_sessions())?;
        let record = record().filter(|_| remote.is_up())?;
        let (written, answer) = oneshot::channel();
        remote.send(Outgoing::Session {
            record: Box::new(record),
            is_saved: false,
            written: Some(written),
        });
        Some(answer)
    }

    /// Writes the session of a socket that is gone, or gives it back where that leads nowhere.
    pub(super) fn write_saved(&self, record: Record) -> Result<(SocketId, PrivateId), Box<Record>> {
        let record = Box::new(record);
        let remote = self.remote().filter(|_| self.shares_sessions());
        let Some(remote) = remote.filter(|remote| remote.is_up()) else {
            return Err(record);
        };
        let named = (record.sid, record.pid);
        remote.send(Outgoing::Session {
            record,
            is_saved: true,
            written: None,
        });
        Ok(named)
    }

    /// Forgets a session that outlives the process.
    pub(super) fn erase(&self, pid: PrivateId, version: Version) {
        if let Some(remote) = self.remote().filter(|_| self.shares_sessions()) {
            remote.send(Outgoing::Erase(pid, version));
        }
    }

    /// Takes a session of which this process has given up what it had, if it had any of it. Another process may have gone on
    /// with it since.
    pub(super) async fn take_anywhere(
        &self,
        namespace: &Arc<str>,
        pid: PrivateId,
        here: Option<Box<Record>>,
        claimant: &Claimant,
    ) -> Option<Box<Record>> {
        let remote = self.remote().filter(|_| self.shares_sessions());
        let answers = |remote: &&Remote| remote.is_up() && !remote.is_stalled();
        let Some(remote) = remote.filter(|remote| here.is_none() || answers(remote)) else {
            return here.map(Record::goes_on_here);
        };
        let (reply, answer) = oneshot::channel();
        remote.send(Outgoing::Take {
            namespace: Arc::clone(namespace),
            pid,
            here,
            claimant: claimant.clone(),
            reply,
        });
        answer.await.ok().flatten()
    }

    /// Gives up a socket that lives here to a client that has come back to another process. The answer comes from its shard;
    /// without a socket there is none.
    pub(super) fn give_up(
        &self,
        namespace: &str,
        pid: PrivateId,
    ) -> Option<oneshot::Receiver<Option<Box<Record>>>> {
        let (shard, namespace, socket) = self.sessions().take_live(namespace, pid)?;
        let (reply, answer) = oneshot::channel();
        self.0.outlets[shard].send(Inbound::Yield {
            namespace,
            socket,
            pid,
            reply,
        });
        Some(answer)
    }

    /// A session that was handed over to a process of which nobody has read yet that it has it.
    pub(super) fn given_away(
        &self,
        namespace: &str,
        pid: PrivateId,
        now: Instant,
    ) -> Option<Box<Record>> {
        self.sessions().given_away(namespace, pid, now)
    }

    /// Waits until everything that was published here is written, or cannot be.
    pub async fn flush(&self) {
        if let Some(remote) = self.remote() {
            let (done, flushed) = oneshot::channel();
            remote.send(Outgoing::Flush(done));
            // An error means that nobody is left who could.
            flushed.await.ok();
        }
    }
}
