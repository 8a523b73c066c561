//! The bus: how a message reaches every shard of this process, and every process of a cluster.
//!
//! The seam has few verbs, and shards and the control side know nothing else of it:
//!
//! * *publish* a broadcast. The caller learns whether it delivers to its own sockets itself, now, or whether the
//!   message comes back to it through its inbox in the order that all receivers agree on. To other processes it goes by
//!   a bounded queue ([`remote`]) to the task that speaks to Redis ([`cluster`]); nobody waits for the network.
//! * *change* and *ask* a selection of sockets; the answers are gathered from all shards, and by *fetch* from all other
//!   processes, under the caller's timeout.
//! * *history* of rooms, with the id up to which it was read, so that a join with replay has neither gap nor double.
//! * *recovery* of sockets whose connection was lost: [`recovery`].
//! * *watch* a room, for pollers that wait for the next entry. The namespaces and rooms that shards use are told to the
//!   cluster, which subscribes to their channels.
//!
//! Two orders hold. In a namespace without history a shard sees the messages of one publisher in the order in which
//! they were published. In a namespace with history or recovery every shard sees all messages in the same order, that of their ids.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Instant,
};

use tokio::sync::oneshot;

mod ask;
pub mod broadcast;
pub mod budget;
pub mod cluster;
pub mod gather;
pub mod history;
pub mod inbox;
mod lanes;
pub mod query;
pub mod recovery;
pub mod redis;
pub mod remote;
mod shared;
mod watching;
pub mod wire;

pub use self::watching::Watch;
use self::{
    broadcast::{Broadcast, EntryId, HistoryLimits, Mark},
    history::{Past, Replay, Store},
    inbox::{Inbox, Outlet},
    recovery::{claims::Claims, sessions::Sessions},
    remote::{Outgoing, Remote},
};

/// The bus of this process: embedded and in memory, and where there are others, the way to them. Clones are handles of the
/// same one.
#[derive(Clone, Debug)]
pub struct Bus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outlets: Vec<Outlet>,
    store: Mutex<Store>,
    sessions: Mutex<Sessions>,
    claims: Claims,
    next_ack: AtomicU64,
    publisher: u32,
    remote: Option<Remote>,
}

/// The bounds of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of broadcasts that may wait for one shard.
    pub inbox: usize,
    /// Bytes of history in all.
    pub history: usize,
    /// Bytes in all of what clients that come back may have missed.
    pub recovery: usize,
    /// Bytes of sessions that wait for their clients to come back.
    pub sessions: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            inbox: 32 << 20,
            history: 64 << 20,
            recovery: 64 << 20,
            sessions: 32 << 20,
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
    /// It reached this process alone: the way to the others is down or full.
    pub degraded: bool,
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
        Self::new(shards, boot_millis, bounds, None)
    }

    /// The same, of a process that is one of a cluster: what is published and changed here is told to the others too.
    pub fn new(
        shards: usize,
        boot_millis: u64,
        bounds: Bounds,
        remote: Option<Remote>,
    ) -> (Self, Vec<Inbox>) {
        let (outlets, inboxes) = (0..shards).map(|_| Outlet::new(bounds.inbox)).unzip();
        let streams = remote.as_ref().map_or(0, Remote::streams);
        let Bounds {
            history, recovery, ..
        } = bounds;
        let shared = Shared {
            outlets,
            store: Mutex::new(Store::new(boot_millis, history, recovery, streams)),
            sessions: Mutex::new(Sessions::new(bounds.sessions)),
            claims: Claims::default(),
            next_ack: AtomicU64::new(0),
            publisher: rand::random(),
            remote,
        };
        (Self(Arc::new(shared)), inboxes)
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.outlets.len()
    }

    /// Whether a message that is not kept concerns nobody but the shard that publishes it.
    pub fn is_alone(&self) -> bool {
        self.shards() == 1 && self.0.remote.is_none()
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
        if self.is_ordered_by_stream(&broadcast) {
            return self.publish_in_stream(broadcast);
        }
        if broadcast.keep.is_some() {
            return self.distribute_in_order(broadcast, true);
        }
        let (mut published, broadcast) = self.distribute(from, broadcast)?;
        if let Some(remote) = &self.0.remote {
            published.degraded = !remote.broadcast(&broadcast);
        }
        Ok(published)
    }

    /// Whether what is published now reaches the other processes, if there can be any.
    pub fn reaches_others(&self) -> bool {
        self.remote().is_none_or(Remote::takes)
    }

    /// Delivers what another process has published: to every shard or, on an error, to none.
    pub fn receive(&self, broadcast: Broadcast) -> Result<(), PublishError> {
        if broadcast.keep.is_some() {
            return self.distribute_in_order(broadcast, false).map(|_| ());
        }
        self.distribute(None, broadcast).map(|_| ())
    }

    fn distribute(
        &self,
        from: Option<usize>,
        broadcast: Broadcast,
    ) -> Result<(Published, Arc<Broadcast>), PublishError> {
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
        let published = Published {
            entry: None,
            deliver: from.map(|_| Arc::clone(&broadcast)),
            degraded: false,
        };
        Ok((published, broadcast))
    }

    /// What goes to the others (`tell`) is on its way before a shard can see it, and so in the shared history before any
    /// question that a shard asks of that.
    fn distribute_in_order(
        &self,
        mut broadcast: Broadcast,
        tell: bool,
    ) -> Result<Published, PublishError> {
        let mut store = self.store();
        store.prepare(&mut broadcast);
        reserve(self.0.outlets.iter(), broadcast.weight())?;
        let remote = self.remote().filter(|_| tell);
        if remote.is_some() {
            broadcast.mark = Some(Mark::own(self.0.publisher, store.next_mark()));
        }
        let broadcast = store.append(broadcast);
        let degraded = remote.is_some_and(|remote| !remote.broadcast(&broadcast));
        if degraded && let Some(stored) = &broadcast.stored {
            drop(stored.take());
        }
        for outlet in &self.0.outlets {
            outlet.broadcast(Arc::clone(&broadcast));
        }
        let published = Published {
            entry: broadcast.entry.filter(|_| remote.is_none()),
            deliver: None,
            degraded,
        };
        Ok(published)
    }

    /// A shard has its first socket in a namespace (`used`), or none any more.
    pub fn use_namespace(&self, name: &Arc<str>, used: bool) {
        if let Some(remote) = self.remote() {
            let name = Arc::clone(name);
            remote.send(Outgoing::Namespace { name, used });
        }
    }

    /// A shard has its first member of a room. The answer comes once messages to the room reach this process, where that
    /// takes a subscription.
    pub fn enter_room(
        &self,
        namespace: &Arc<str>,
        room: &Arc<str>,
    ) -> Option<oneshot::Receiver<()>> {
        let remote = self.remote()?;
        let (heard, answer) = oneshot::channel();
        remote.send(Outgoing::Room {
            namespace: Arc::clone(namespace),
            room: Arc::clone(room),
            used: true,
            heard: Some(heard),
        });
        remote.is_up().then_some(answer)
    }

    /// A shard has no member of a room any more.
    pub fn leave_room(&self, namespace: &Arc<str>, room: &Arc<str>) {
        if let Some(remote) = self.remote() {
            remote.send(Outgoing::Room {
                namespace: Arc::clone(namespace),
                room: Arc::clone(room),
                used: false,
                heard: None,
            });
        }
    }

    /// `memory`, or the format in which other processes are spoken to.
    pub fn mode(&self) -> &'static str {
        self.remote().map_or("memory", Remote::mode)
    }

    /// The way to the other processes, if there can be any.
    pub fn remote(&self) -> Option<&Remote> {
        self.0.remote.as_ref()
    }

    /// Reads the past of rooms as this process has it in memory.
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

#[cfg(test)]
mod tests;
