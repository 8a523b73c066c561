//! The way to the other processes: what is published, changed and asked, up to the task that speaks to Redis.
//!
//! Every thread holds a [`Remote`] and never waits for the network: what goes out is put on one FIFO, whose broadcasts
//! are bounded in bytes. What does not fit, or comes while Redis is away, is delivered here only, and counted.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    PublishError,
    broadcast::Broadcast,
    query::Change,
    recovery::{Claimant, Record},
    redis::{LinkError, Publish, Value},
    wire::{Data, RemoteSocket, streams::Names},
};
use crate::id::{PrivateId, Version};
use crate::target::Target;

/// What the cluster is to be told.
#[derive(Debug)]
pub enum Outgoing {
    /// A broadcast, which is delivered here already.
    Broadcast(Arc<Broadcast>),
    /// A message that is delivered when the stream has given it its place.
    Ordered(Box<Broadcast>),
    /// A session is to be found by other processes.
    Session {
        /// The session.
        record: Box<Record>,
        /// Its socket is gone, else it lives here.
        is_saved: bool,
        /// Told once it is written.
        written: Option<oneshot::Sender<()>>,
    },
    /// A session is not to be found any more.
    Erase(PrivateId, Version),
    /// Take a session.
    Take {
        /// The namespace.
        namespace: Arc<str>,
        /// By what the client is known.
        pid: PrivateId,
        /// What this process had of it.
        here: Option<Box<Record>>,
        /// For whom.
        claimant: Claimant,
        /// The session, if there is one.
        reply: oneshot::Sender<Option<Box<Record>>>,
    },
    /// What another process asked for is done; its answer, after all that came before it on this queue.
    Answer(Publish),
    /// Tell when all that came before it is done.
    Flush(oneshot::Sender<()>),
    /// A command that is sent after all that came before it on this queue.
    Command(Publish, Option<oneshot::Sender<Result<Value, LinkError>>>),
    /// A change of the sockets of a selection, which is made here already.
    Change {
        /// Which sockets.
        target: Target,
        /// How they change.
        change: Change,
    },
    /// A shard has its first socket in a namespace, or none any more.
    Namespace {
        /// Its name.
        name: Arc<str>,
        /// The first one, else none any more.
        used: bool,
    },
    /// A shard has its first member of a room, or none any more.
    Room {
        /// The namespace.
        namespace: Arc<str>,
        /// The room.
        room: Arc<str>,
        /// The first one, else none any more.
        used: bool,
        /// Told once messages to the room reach this process.
        heard: Option<oneshot::Sender<()>>,
    },
    /// The sockets that others have.
    Fetch {
        /// Which.
        target: Target,
        /// How long to wait for them.
        timeout: Duration,
        /// The answer.
        reply: oneshot::Sender<Fetched>,
    },
    /// An event for the other servers.
    ServerSideEmit {
        /// The namespace.
        namespace: Arc<str>,
        /// The array `["name",…arguments]`.
        data: Data,
        /// How long to wait for acks, if any are wanted.
        timeout: Option<Duration>,
        /// The answer.
        reply: oneshot::Sender<Servers>,
    },
}

/// The sockets of other servers.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Each with the name of its server, as far as the format tells it.
    pub sockets: Vec<(Arc<str>, RemoteSocket)>,
    /// How many servers were asked.
    pub servers: u64,
    /// How many of them did not answer in time.
    pub missing: u64,
}

/// What other servers answered to an event of ours.
#[derive(Debug, Default)]
pub struct Servers {
    /// How many there are.
    pub servers: u64,
    /// Their acks, one value each.
    pub acks: Vec<Data>,
}

/// A handle to the task that speaks to the other processes.
#[derive(Clone)]
pub struct Remote(Arc<Line>);

struct Line {
    to: mpsc::UnboundedSender<Outgoing>,
    bytes: AtomicUsize,
    bound: usize,
    up: AtomicBool,
    whole: AtomicBool,
    stalled: AtomicBool,
    mode: &'static str,
    hears: Hears,
    streams: Option<Names>,
    timeout: Duration,
    keys: String,
    lost: Arc<AtomicU64>,
}

/// Which rooms are subscribed one by one, so that joins have to wait until a room is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// None: what is for a room comes with all else.
    Everything,
    /// All but the own rooms of sockets.
    Rooms,
    /// All rooms.
    AllRooms,
}

impl Remote {
    /// Both ends of a queue that holds at most `bound` bytes of broadcasts. `mode` is the name of the format,
    /// `timeout` how long others may take to answer, and `prefix` what our keys in Redis begin with. `streams` are those that
    /// give messages their places, if the format has any.
    pub fn new(
        bound: usize,
        mode: &'static str,
        hears: Hears,
        streams: Option<Names>,
        timeout: Duration,
        prefix: &str,
    ) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (to, from) = mpsc::unbounded_channel();
        let line = Line {
            to,
            bytes: AtomicUsize::new(0),
            bound,
            up: AtomicBool::new(false),
            whole: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            mode,
            hears,
            streams,
            timeout,
            keys: format!("{{{prefix}:carillon}}:"),
            lost: Arc::default(),
        };
        (Self(Arc::new(line)), from)
    }

    /// Whether Redis answers.
    pub fn is_up(&self) -> bool {
        self.0.up.load(Ordering::Relaxed)
    }

    /// Whether a broadcast that comes now is passed on, by a way of which nothing is known to be broken.
    pub fn takes(&self) -> bool {
        self.is_up()
            && self.0.whole.load(Ordering::Relaxed)
            && !self.is_stalled()
            && self.0.bytes.load(Ordering::Acquire) <= self.0.bound
    }

    /// Set by the task: whether Redis takes what is published, and whether others are heard too.
    pub fn set_up(&self, up: bool, whole: bool) {
        self.0.up.store(up, Ordering::Relaxed);
        self.0.whole.store(whole, Ordering::Relaxed);
    }

    /// Set by the task: Redis has not answered what was published for a moment.
    pub fn set_stalled(&self, stalled: bool) {
        self.0.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Whether nobody can rely on what is published now: it waits behind something that Redis does not answer.
    pub fn is_stalled(&self) -> bool {
        self.0.stalled.load(Ordering::Relaxed)
    }

    /// The name of the format.
    pub fn mode(&self) -> &'static str {
        self.0.mode
    }

    /// Which rooms are subscribed one by one.
    pub fn hears(&self) -> Hears {
        self.0.hears
    }

    /// How many streams there are.
    pub fn streams(&self) -> usize {
        self.0.streams.as_ref().map_or(0, Names::total)
    }

    /// Which of them a namespace is written to, counted from 1; 0 where there is none.
    pub(super) fn lane(&self, namespace: &str) -> usize {
        let streams = self.0.streams.as_ref();
        streams.map_or(0, |names| 1 + names.index(namespace))
    }

    /// How long others may take to answer.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// How many messages others did not get because the queue was full or Redis was away, or may not have got because it
    /// went away before it answered.
    pub fn lost(&self) -> &Arc<AtomicU64> {
        &self.0.lost
    }

    /// Counts messages that others do not get.
    pub fn lose(&self, count: usize) {
        self.0.lost.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Passes a broadcast on; false if the others do not get it, or may not.
    pub(super) fn broadcast(&self, broadcast: &Arc<Broadcast>) -> bool {
        let weight = broadcast.weight();
        let before = self.0.bytes.fetch_add(weight, Ordering::AcqRel);
        if self.is_up() && (before == 0 || before + weight <= self.0.bound) {
            let sent = self.0.to.send(Outgoing::Broadcast(Arc::clone(broadcast)));
            return sent.is_ok() && !self.is_stalled();
        }
        self.0.bytes.fetch_sub(weight, Ordering::AcqRel);
        self.lose(1);
        false
    }

    /// Passes a message on that is delivered here when it has its place; that is found out also while Redis is away.
    pub(super) fn order(&self, broadcast: Broadcast) -> Result<(), PublishError> {
        let weight = broadcast.unsealed_weight();
        let before = self.0.bytes.fetch_add(weight, Ordering::AcqRel);
        if before > 0 && before + weight > self.0.bound {
            self.0.bytes.fetch_sub(weight, Ordering::AcqRel);
            return Err(PublishError::Full);
        }
        self.send(Outgoing::Ordered(Box::new(broadcast)));
        Ok(())
    }

    /// The name of a key; all of ours lie in one slot of a Redis Cluster.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.0.keys)
    }

    /// Has a script done after all that was published before, and tells its answer; nothing happens while Redis is away.
    pub fn script<K: AsRef<str>, A: AsRef<[u8]>>(
        &self,
        source: &str,
        keys: &[K],
        arguments: &[A],
    ) -> oneshot::Receiver<Result<Value, LinkError>> {
        let (reply, answer) = oneshot::channel();
        if self.is_up() {
            let command = Publish::script(source, keys, arguments);
            self.send(Outgoing::Command(command, Some(reply)));
        }
        answer
    }

    /// Passes anything else on.
    pub(super) fn send(&self, outgoing: Outgoing) {
        // The task lives as long as the process; at its end nobody is left to be told.
        let _ = self.0.to.send(outgoing);
    }

    /// The task has taken a broadcast off the queue.
    pub(super) fn taken(&self, broadcast: &Broadcast) {
        self.0.bytes.fetch_sub(broadcast.weight(), Ordering::AcqRel);
    }

    /// The same of one that is not encoded yet.
    pub(super) fn ordered(&self, broadcast: &Broadcast) {
        let weight = broadcast.unsealed_weight();
        self.0.bytes.fetch_sub(weight, Ordering::AcqRel);
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("up", &self.is_up())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}
