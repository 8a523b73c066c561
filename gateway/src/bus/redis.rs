//! Our connections to Redis: what is said on them is somebody else's business.
//!
//! Two connections: one publishes and asks, the other listens, so that a listener that Redis cuts off for its backlog
//! takes no publication with it. Both come back by themselves, and all subscriptions stand again before [`Event::Listening`].

mod cap;
mod connect;
mod connection;
mod error;
mod events;
mod listen;
mod meter;
mod migrating;
mod pause;
mod publication;
mod publish;
mod source;
mod stream;
mod subscribe;
mod url;

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

pub use ::redis::{Cmd, Value, from_redis_value};

use self::connect::patiently;
pub use self::{
    error::{LinkError, PublishError},
    events::Events,
    publication::{Publish, Trim},
    source::Source,
    stream::{Entries, Past, StreamEvent, read_streams},
    url::{RedisUrl, UrlError},
};
use self::{
    events::{EventsTo, Held},
    listen::Listener,
    publish::Queue,
};

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub source: Source,
    /// Bytes of commands that may wait to be sent.
    pub queue_bytes: usize,
    /// Bytes of messages that may have come and not be taken.
    pub listen_bytes: usize,
    /// How long an answer may take.
    pub request_timeout: Duration,
}

impl Settings {
    /// The defaults for a URL.
    pub fn new(url: RedisUrl) -> Self {
        Self {
            source: Source::fixed(url),
            queue_bytes: 16 << 20,
            listen_bytes: 64 << 20,
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
    /// The connection that publishes and asks works.
    Publishing,
    /// The connection that listens works, and all subscriptions stand.
    Listening,
    /// One of them does not work any more, for this reason.
    Down {
        /// The one that listens, else the one that publishes.
        listener: bool,
        /// Why.
        reason: String,
    },
    /// What is published has not moved for a moment, or moves again.
    Stalled(bool),
    /// A message has come.
    Message {
        /// By what.
        kind: Kind,
        /// On which channel.
        channel: String,
        /// The message.
        payload: Bytes,
    },
    /// So many commands that others wait for were not sent, or nobody knows what became of them.
    Unsent(usize),
    /// Something failed; the label of `carillon_bus_errors_total`.
    Error {
        /// The label.
        kind: &'static str,
        /// How often.
        count: u64,
    },
}

/// A handle to the link; clones are the same one.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Queue,
    asking: Mutex<Asking>,
    /// A command has found the connection unusable.
    failed: watch::Sender<Option<(u64, LinkError)>>,
    changes: mpsc::UnboundedSender<listen::Change>,
    timeout: Duration,
    is_cluster: bool,
}

/// The connection that commands go by, and which one it is.
#[derive(Debug, Default)]
struct Asking {
    number: u64,
    connection: Option<connection::Connection>,
}

/// Where the two connections tell how they are.
struct Halves {
    events: EventsTo,
    publishing: watch::Sender<bool>,
}

impl Link {
    /// Starts the tasks, in a `LocalSet`. It connects in the background, for ever; the watch tells whether commands go out.
    pub fn start(settings: Settings) -> (Self, Events, watch::Receiver<bool>) {
        let (events_to, events) = events::channel();
        let (changes, changed) = mpsc::unbounded_channel();
        let (queue, queued) = Queue::new(settings.queue_bytes);
        let (up_to, up) = watch::channel(false);
        let halves = Arc::new(Halves {
            events: events_to,
            publishing: up_to,
        });
        let link = Self(Arc::new(Shared {
            queue,
            asking: Mutex::default(),
            failed: watch::channel(None).0,
            changes,
            timeout: settings.request_timeout,
            is_cluster: settings.source.is_cluster(),
        }));
        task::spawn_local(publish::pump(
            link.clone(),
            settings.clone(),
            queued,
            Arc::clone(&halves),
        ));
        let listener = Listener::new(settings, changed, halves);
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

    /// Listens to a channel from now on, also after reconnects; the answer comes once Redis has confirmed it. Without a
    /// connection that listens, or where it breaks before that, there is none, at once: the channel is subscribed with all
    /// others before the next [`Event::Listening`].
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
        let (number, connection) = {
            let asking = self.asking();
            (asking.number, asking.connection.clone())
        };
        let mut connection = connection.ok_or(LinkError::Closed)?;
        let answer = patiently(self.0.timeout, connection.send(&command)).await;
        let answer = answer.flatten();
        if let Err(error) = &answer
            && error.ends_connection()
            && !self.is_a_part(error)
        {
            self.0.failed.send_replace(Some((number, error.clone())));
        }
        answer
    }

    /// Whether it is a Redis Cluster.
    pub fn is_cluster(&self) -> bool {
        self.0.is_cluster
    }

    /// A command that a node of a Redis Cluster did not answer, as it died: the others go on.
    fn is_a_part(&self, error: &LinkError) -> bool {
        self.0.is_cluster && *error == LinkError::Closed
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
        match self.command(command).await? {
            // Of a cluster each node answers: the oldest one counts.
            Value::Map(nodes) => {
                let versions = nodes.into_iter().map(|(_, info)| version(info));
                let versions: Vec<(u16, u16)> = versions.collect::<Result<_, _>>()?;
                versions.into_iter().min().ok_or(LinkError::Protocol)
            }
            info => version(info),
        }
    }

    /// Commands go by this connection from now on.
    fn asks_on(&self, connection: Option<connection::Connection>) {
        let mut asking = self.asking();
        asking.number += 1;
        asking.connection = connection;
    }

    /// Returns once a command finds the present connection unusable.
    async fn failed(&self) -> LinkError {
        let number = self.asking().number;
        let mut failed = self.0.failed.subscribe();
        let found = failed.wait_for(|failed| matches!(failed, Some((of, _)) if *of == number));
        match found.await.as_deref() {
            Ok(Some((_, error))) => error.clone(),
            _ => LinkError::Closed,
        }
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    fn error(&self, kind: &'static str, count: u64) {
        if count > 0 {
            self.events.send(Event::Error { kind, count });
        }
    }

    fn message(&self, kind: Kind, channel: String, payload: Bytes, held: Option<Held>) {
        let message = Event::Message {
            kind,
            channel,
            payload,
        };
        self.events.send_held(message, held);
    }

    fn stalled(&self, stalled: bool) {
        self.events.send(Event::Stalled(stalled));
    }

    fn unsent(&self, count: usize) {
        if count > 0 {
            self.events.send(Event::Unsent(count));
        }
    }

    fn publishing(&self) {
        self.publishing.send_replace(true);
        self.events.send(Event::Publishing);
    }

    fn listening(&self) {
        self.events.send(Event::Listening);
    }

    /// A connection does not work, or could not be made.
    fn down(&self, listener: bool, reason: &LinkError) {
        if !listener {
            self.publishing.send_replace(false);
        }
        let reason = reason.to_string();
        self.events.send(Event::Down { listener, reason });
    }
}

/// The version in what `INFO` says.
fn version(info: Value) -> Result<(u16, u16), LinkError> {
    let info: String = ::redis::from_redis_value(info).map_err(|_| LinkError::Protocol)?;
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))
        .and_then(|version| {
            let mut parts = version.trim().split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
    version.ok_or(LinkError::Protocol)
}

/// What is subscribed, or is to be.
type Desired = HashSet<Subscription>;
