//! Our connections to Redis: what is said on them is somebody else's business.
//!
//! Two connections: one publishes and asks, the other listens, so that a listener that Redis cuts off for its backlog
//! takes no publication with it. Both come back by themselves, and all subscriptions stand again before [`Event::Up`].

mod connect;
mod error;
mod listen;
mod publish;
mod stream;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task,
};

pub use ::redis::{Cmd, Value};

pub use self::{
    connect::{RedisUrl, UrlError},
    error::{LinkError, PublishError},
    publish::Publish,
    stream::{Entries, StreamEvent, read_streams},
};
use self::{listen::Listener, publish::Queue};

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub url: RedisUrl,
    /// Bytes of commands that may wait to be sent.
    pub queue_bytes: usize,
    /// How long an answer may take.
    pub request_timeout: Duration,
}

impl Settings {
    /// The defaults for a URL.
    pub fn new(url: RedisUrl) -> Self {
        Self {
            url,
            queue_bytes: 16 << 20,
            request_timeout: Duration::from_secs(5),
        }
    }
}

/// Something to listen to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// A channel.
    Channel(String),
    /// All channels that a pattern matches.
    Pattern(String),
    /// A sharded channel.
    Sharded(String),
}

/// By what a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`Subscription::Channel`].
    Channel,
    /// A [`Subscription::Pattern`].
    Pattern,
    /// A [`Subscription::Sharded`].
    Sharded,
}

/// What happens on the link.
#[derive(Clone, Debug)]
pub enum Event {
    /// Both connections work, and all subscriptions stand.
    Up,
    /// One of them does not, for this reason.
    Down(String),
    /// A message has come.
    Message {
        /// By what.
        kind: Kind,
        /// On which channel.
        channel: String,
        /// The message.
        payload: Bytes,
    },
    /// Something failed; the label of `carillon_bus_errors_total`.
    Error {
        /// The label.
        kind: &'static str,
    },
}

/// A handle to the link; clones are the same one.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Queue,
    asking: Mutex<Option<connect::Connection>>,
    changes: mpsc::UnboundedSender<listen::Change>,
    timeout: Duration,
}

/// Which of the two connections stand; [`Event::Up`] when both do.
struct Halves {
    up: Mutex<[bool; 2]>,
    events: mpsc::UnboundedSender<Event>,
    changed: watch::Sender<bool>,
}

impl Link {
    /// Starts the tasks, in a `LocalSet`. It connects in the background, for ever.
    pub fn start(
        settings: Settings,
    ) -> (Self, mpsc::UnboundedReceiver<Event>, watch::Receiver<bool>) {
        let (events_to, events) = mpsc::unbounded_channel();
        let (changes, changed) = mpsc::unbounded_channel();
        let (queue, queued) = Queue::new(settings.queue_bytes);
        let (up_to, up) = watch::channel(false);
        let halves = Arc::new(Halves {
            up: Mutex::default(),
            events: events_to.clone(),
            changed: up_to,
        });
        let link = Self(Arc::new(Shared {
            queue,
            asking: Mutex::default(),
            changes,
            timeout: settings.request_timeout,
        }));
        task::spawn_local(publish::pump(
            link.clone(),
            settings.clone(),
            queued,
            Arc::clone(&halves),
        ));
        let listener = Listener::new(settings, changed, events_to, halves);
        task::spawn_local(listener.run());
        (link, events, up)
    }

    /// Puts a command on the queue, and never waits. What is accepted is sent in order.
    pub fn publish(
        &self,
        publish: Publish,
        reply: Option<oneshot::Sender<Result<Value, LinkError>>>,
    ) -> Result<(), PublishError> {
        self.0.queue.push(publish, reply)
    }

    /// Listens to a channel from now on, also after reconnects; the answer comes once Redis has confirmed it.
    pub fn subscribe(&self, subscription: Subscription) -> oneshot::Receiver<()> {
        let (confirmed, answer) = oneshot::channel();
        let change = listen::Change::Add(subscription, confirmed);
        // The task lives as long as the process.
        let _ = self.0.changes.send(change);
        answer
    }

    /// Does not listen any more.
    pub fn unsubscribe(&self, subscription: Subscription) {
        let _ = self.0.changes.send(listen::Change::Remove(subscription));
    }

    /// One command with its answer.
    pub async fn command(&self, command: Cmd) -> Result<Value, LinkError> {
        let connection = self.asking().clone();
        let mut connection = connection.ok_or(LinkError::Closed)?;
        let answer = connection.send(&command);
        match tokio::time::timeout(self.0.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(LinkError::Timeout),
        }
    }

    /// How many connections listen to a channel.
    pub async fn numsub(&self, channel: &str) -> Result<u64, LinkError> {
        self.count("NUMSUB", channel).await
    }

    /// How many connections listen to a sharded channel.
    pub async fn shardnumsub(&self, channel: &str) -> Result<u64, LinkError> {
        self.count("SHARDNUMSUB", channel).await
    }

    async fn count(&self, what: &str, channel: &str) -> Result<u64, LinkError> {
        let mut command = ::redis::cmd("PUBSUB");
        command.arg(what).arg(channel);
        let counts = self.command(command).await?;
        let counts: Vec<(String, u64)> =
            ::redis::from_redis_value(counts).map_err(|_| LinkError::Protocol)?;
        Ok(counts.iter().map(|(_, count)| count).sum())
    }

    /// The version of the server: major and minor.
    pub async fn version(&self) -> Result<(u16, u16), LinkError> {
        let mut command = ::redis::cmd("INFO");
        command.arg("server");
        let info: String = ::redis::from_redis_value(self.command(command).await?)
            .map_err(|_| LinkError::Protocol)?;
        let version = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"))
            .and_then(|version| {
                let mut parts = version.trim().split('.');
                Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
            });
        version.ok_or(LinkError::Protocol)
    }

    fn asking(&self) -> MutexGuard<'_, Option<connect::Connection>> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    fn error(&self, kind: &'static str) {
        // The receiver lives as long as the process.
        let _ = self.events.send(Event::Error { kind });
    }

    /// One of the two connections stands, or does not.
    fn set(&self, half: usize, is_up: bool, reason: &str) {
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        let before = up.iter().all(|half| *half);
        up[half] = is_up;
        let after = up.iter().all(|half| *half);
        if before == after {
            return;
        }
        self.changed.send_replace(after);
        // The receiver lives as long as the process.
        let _ = self.events.send(if after {
            Event::Up
        } else {
            Event::Down(reason.to_owned())
        });
    }
}

const PUBLISHER: usize = 0;
const LISTENER: usize = 1;

/// What is subscribed, or is to be.
type Desired = HashSet<Subscription>;
