//! The bus: how a message reaches every shard of this process, and every process of a cluster.
//!
//! The seam that every bus fills has few verbs, and shards and the control side know nothing else of it:
//!
//! * *publish* a broadcast. The caller learns whether it delivers to its own sockets itself, now, or whether the
//!   message comes back to it through its inbox in the order that all receivers agree on. A bus over Redis publishes
//!   behind the same call: it puts the message on a bounded queue to the writer and never waits for the network.
//! * *change* and *ask* a selection of sockets; the answers are gathered from all shards (and, over a network, from all
//!   processes, one answer each) under the caller's timeout.
//! * *history* of rooms, with the id up to which it was read, so that a join with replay has neither gap nor double.
//! * *watch* a room, for pollers that wait for the next entry. A bus over a network takes this, and the joins that
//!   shards make, as hints of which channels to subscribe to.
//!
//! Two orders hold. In a namespace without history a shard sees the messages of one publisher in the order in which
//! they were published. In a namespace with history every shard sees all messages in the same order, that of their ids.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::sync::watch;

pub mod broadcast;
pub mod gather;
pub mod history;
pub mod inbox;
pub mod query;
pub mod wire;

use self::{
    broadcast::{Broadcast, EntryId, HistoryLimits},
    gather::{AckGather, Acks, Tally},
    history::{Past, Replay, Store},
    inbox::{Inbound, Inbox, Outlet},
    query::{Answers, Change, Query},
};
use crate::target::Target;

/// The bus of this process, embedded and in memory. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Bus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outlets: Vec<Outlet>,
    store: Mutex<Store>,
    next_ack: AtomicU64,
}

/// The bounds of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of broadcasts that may wait for one shard.
    pub inbox: usize,
    /// Bytes of history in all.
    pub history: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            inbox: 32 << 20,
            history: 64 << 20,
        }
    }
}

/// What became of a published message.
#[derive(Debug)]
pub struct Published {
    /// Its id in the history, if it was kept.
    pub entry: Option<EntryId>,
    /// The message, if the publishing shard has to deliver it to its own sockets itself.
    pub deliver: Option<Arc<Broadcast>>,
}

/// Why a message was not published. Nobody received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A shard has not taken what was published before, up to the bound.
    #[error("a shard is too far behind: its inbox is full")]
    Full,
}

impl PublishError {
    /// The `reason` label of the metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Full => "inbox_full",
        }
    }
}

impl Bus {
    /// A bus for `shards` shards and their inboxes; history ids start with `boot_millis`.
    pub fn memory(shards: usize, boot_millis: u64, bounds: Bounds) -> (Self, Vec<Inbox>) {
        let (outlets, inboxes) = (0..shards).map(|_| Outlet::new(bounds.inbox)).unzip();
        let shared = Shared {
            outlets,
            store: Mutex::new(Store::new(boot_millis, bounds.history)),
            next_ack: AtomicU64::new(0),
        };
        (Self(Arc::new(shared)), inboxes)
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.outlets.len()
    }

    /// Publishes from a shard (`from`, by its index) or from the control side (`None`): to all or, on an error, to none.
    ///
    /// A message that is kept (`keep`) reaches every shard, the publisher's too, through the inboxes, in the order of
    /// ids. Any other is for the publishing shard to deliver ([`Published::deliver`]), and reaches the others by inbox.
    pub fn publish(
        &self,
        from: Option<usize>,
        broadcast: Broadcast,
    ) -> Result<Published, PublishError> {
        if broadcast.keep.is_some() {
            return self.publish_ordered(broadcast);
        }
        let weight = broadcast.weight();
        let others = || {
            let all = self.0.outlets.iter().enumerate();
            all.filter(|(shard, _)| Some(*shard) != from)
                .map(|(_, outlet)| outlet)
        };
        reserve(others(), weight)?;
        let broadcast = Arc::new(broadcast);
        for outlet in others() {
            outlet.broadcast(Arc::clone(&broadcast));
        }
        Ok(Published {
            entry: None,
            deliver: from.map(|_| broadcast),
        })
    }

    fn publish_ordered(&self, broadcast: Broadcast) -> Result<Published, PublishError> {
        let mut store = self.store();
        reserve(self.0.outlets.iter(), broadcast.weight())?;
        let broadcast = store.append(broadcast);
        for outlet in &self.0.outlets {
            outlet.broadcast(Arc::clone(&broadcast));
        }
        Ok(Published {
            entry: broadcast.entry,
            deliver: None,
        })
    }

    /// Changes the sockets of a selection on every shard; the tally counts them.
    pub fn change(&self, target: &Target, change: &Change) -> Arc<Tally> {
        let tally = self.tally();
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Change {
                target: target.clone(),
                change: change.clone(),
                reply: Arc::clone(&tally),
            });
        }
        tally
    }

    /// Asks every shard.
    pub fn ask(&self, query: &Query) -> Answers {
        let (reply, answers) = Answers::new(self.shards());
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Query {
                query: query.clone(),
                reply: reply.clone(),
            });
        }
        answers
    }

    /// Reads the past of rooms.
    ///
    /// A shard that replays to a joining socket puts the socket into the rooms first, reads, and then skips for it, in
    /// these rooms, what comes by inbox with an id up to [`Replay::head`].
    pub fn history(&self, past: &Past<'_>, now: Instant) -> Replay {
        self.store().read(past, now)
    }

    /// Forgets what is over, and what the rules in force leave no room for. Called at a reload and now and then.
    pub fn trim(&self, limits: &dyn Fn(&str) -> Option<HistoryLimits>, now: Instant) {
        self.store().trim_all(limits, now);
    }

    /// Waits for entries of a room that come after this call.
    pub fn watch(&self, namespace: Arc<str>, room: Arc<str>) -> Watch {
        Watch {
            changed: Some(self.store().watch(&namespace, &room)),
            namespace,
            room,
            bus: self.clone(),
        }
    }

    /// A tally to which each shard contributes once: for [`Broadcast::counted`].
    pub fn tally(&self) -> Arc<Tally> {
        Tally::new(self.shards())
    }

    /// Both ends of a gather of acks, under a new packet id; the replies may hold `bytes` bytes.
    pub fn acks(&self, bytes: usize) -> (AckGather, Acks) {
        Acks::new(self.next_ack_id(), self.shards(), bytes)
    }

    /// A packet id for a packet that asks a client for an ack, unique in this process.
    pub fn next_ack_id(&self) -> u64 {
        self.0.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells every shard that nobody waits for this packet id's acks any more.
    pub fn forget_ack(&self, id: u64) {
        for outlet in &self.0.outlets {
            outlet.send(Inbound::ForgetAck(id));
        }
    }

    /// How many broadcasts were accepted and wait, in all inboxes: zero before a process may end.
    pub fn in_flight(&self) -> usize {
        self.0.outlets.iter().map(Outlet::waiting).sum()
    }

    /// The bytes of history held.
    pub fn history_bytes(&self) -> usize {
        self.store().bytes()
    }

    /// No code panics while it holds the lock, so a poisoned store is still whole.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes room in every outlet, or in none.
fn reserve<'a>(
    outlets: impl Iterator<Item = &'a Outlet> + Clone,
    weight: usize,
) -> Result<(), PublishError> {
    for (index, outlet) in outlets.clone().enumerate() {
        if !outlet.reserve(weight) {
            outlets.take(index).for_each(|taken| taken.release(weight));
            return Err(PublishError::Full);
        }
    }
    Ok(())
}

/// Someone waiting for a room's next entry.
#[derive(Debug)]
pub struct Watch {
    changed: Option<watch::Receiver<()>>,
    namespace: Arc<str>,
    room: Arc<str>,
    bus: Bus,
}

impl Watch {
    /// Waits for an entry that is newer than this watch, or than the last call. Cancel safe.
    pub async fn changed(&mut self) {
        if let Some(changed) = &mut self.changed {
            // The sender lives in the store as long as a receiver does, and the store as long as this handle.
            let _ = changed.changed().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.changed = None;
        self.bus.store().unwatch(&self.namespace, &self.room);
    }
}

#[cfg(test)]
mod tests;
