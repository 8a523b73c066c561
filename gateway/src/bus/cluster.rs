//! The task that speaks to the other processes of a cluster, through Redis, in one of its formats.
//!
//! It runs on the control thread. What this process publishes comes by the [`Remote`] queue and is encoded once; what
//! others publish is decoded once, encoded once for the browsers, and goes to the shards by the same inboxes as a local
//! message. Every request of a peer is answered exactly once, in a task of its own; every request of ours has a deadline.

mod answers;
mod deliver;
pub mod format;
pub mod members;
pub mod modes;
mod requests;
mod subscriptions;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
    time::Instant,
};

use tokio::{
    sync::{
        mpsc::{Receiver, UnboundedReceiver},
        oneshot,
    },
    task,
    time::{self, MissedTickBehavior},
};

use self::{
    format::{Format, Heard},
    members::Members,
    modes::Told,
    requests::Requests,
    subscriptions::Subscriptions,
};
use super::{
    Bus,
    broadcast::{Broadcast, HistoryLimits, Source, Stored},
    query::Change,
    redis::{Event, Events, Link, Publish, StreamEvent, from_redis_value},
    remote::{Outgoing, Remote},
    shared,
    wire::{Command, Opts, WireError},
};

/// What the task is made of.
pub struct Parts {
    /// The bus of this process.
    pub bus: Bus,
    /// The handle that every thread publishes by.
    pub remote: Remote,
    /// Its other end.
    pub outgoing: UnboundedReceiver<Outgoing>,
    /// Our connections.
    pub link: Link,
    /// What comes by them.
    pub events: Events,
    /// What comes by the streams, in streams mode.
    pub entries: Option<Receiver<StreamEvent>>,
    /// What the others speak.
    pub format: Format,
    /// The namespaces that the rules name, which are subscribed from the start.
    pub declared: Vec<Arc<str>>,
    /// How long a peer may take to answer.
    pub request_timeout: Duration,
    /// What the history keeps of a namespace.
    pub keep: Box<dyn Fn(&str) -> Option<HistoryLimits>>,
    /// Whether it is for this process to store what other servers and emitters publish.
    pub stores: Box<dyn Fn() -> bool>,
    /// Who is told how it goes.
    pub observer: Rc<dyn Observer>,
    /// Our own pods.
    pub members: Members,
    /// Told while other servers speak another format.
    pub other_mode: Told,
    /// The clock.
    pub now: fn() -> Instant,
}

/// Who is told how the cluster goes: metrics, health, log.
pub trait Observer {
    /// Redis answers and all subscriptions stand, or it does not, for this reason.
    fn up(&self, up: bool, reason: &str);
    /// Something failed, by the label of `carillon_bus_errors_total`.
    fn error(&self, kind: &'static str);
    /// A message of another process was taken.
    fn accepted(&self, namespace: &str, source: Source);
    /// From published to received, by the probe of this process.
    fn lag(&self, lag: Duration);
}

/// The task's state; everything on it happens on one thread.
struct Cluster {
    bus: Bus,
    remote: Remote,
    link: Link,
    format: Format,
    request_timeout: Duration,
    keep: Box<dyn Fn(&str) -> Option<HistoryLimits>>,
    stores: Box<dyn Fn() -> bool>,
    observer: Rc<dyn Observer>,
    now: fn() -> Instant,
    requests: Requests,
    subscriptions: RefCell<Subscriptions>,
    /// When the probe that is under way was published.
    probe: RefCell<Option<Instant>>,
    works: Cell<Works>,
    /// Nobody is seen who speaks another format.
    speaks_alone: Cell<bool>,
}

/// What of the way to Redis works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Works {
    publishing: bool,
    listening: bool,
    reading: bool,
}

/// So many messages are taken before the other side gets its turn.
const TURN: usize = 128;
/// How often the way to Redis and back is measured.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Speaks to the others for the life of the process.
pub async fn run(parts: Parts) {
    let Parts {
        bus,
        remote,
        mut outgoing,
        link,
        mut events,
        mut entries,
        format,
        declared,
        request_timeout,
        keep,
        stores,
        observer,
        members,
        other_mode,
        now,
    } = parts;
    let cluster = Rc::new(Cluster {
        bus,
        remote,
        link,
        format,
        request_timeout,
        keep,
        stores,
        observer,
        now,
        requests: Requests::default(),
        subscriptions: RefCell::default(),
        probe: RefCell::default(),
        works: Cell::new(Works {
            reading: entries.is_none(),
            ..Works::default()
        }),
        speaks_alone: Cell::new(false),
    });
    cluster.subscribe_probe();
    for name in &declared {
        cluster.declare(name);
    }
    task::spawn_local(Rc::clone(&cluster).watch_modes(members, other_mode));
    let mut tick = time::interval(PROBE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(first) = outgoing.recv() => {
                cluster.tell(first);
                for _ in 1..TURN {
                    let Ok(next) = outgoing.try_recv() else { break };
                    cluster.tell(next);
                }
            }
            Some(first) = events.recv() => {
                cluster.hear(first);
                for _ in 1..TURN {
                    let Ok(next) = events.try_recv() else { break };
                    cluster.hear(next);
                }
            }
            Some(entry) = next_entry(&mut entries) => cluster.read(entry),
            _ = tick.tick() => cluster.send_probe(),
            else => return,
        }
    }
}

impl Works {
    fn is_whole(self) -> bool {
        self.publishing && self.listening && self.reading
    }
}

async fn next_entry(entries: &mut Option<Receiver<StreamEvent>>) -> Option<StreamEvent> {
    match entries {
        Some(entries) => entries.recv().await,
        None => std::future::pending().await,
    }
}

impl Cluster {
    /// Something of this process that the others are to know.
    fn tell(self: &Rc<Self>, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Broadcast(broadcast) => {
                self.remote.taken(&broadcast);
                self.tell_broadcast(&broadcast);
            }
            Outgoing::Change { target, change } => {
                let opts = Opts {
                    rooms: target.rooms,
                    except: target.except,
                    ..Opts::default()
                };
                let command = match change {
                    Change::Join(rooms) => Command::Join { opts, rooms },
                    Change::Leave(rooms) => Command::Leave { opts, rooms },
                    Change::Disconnect { close } => Command::Disconnect { opts, close },
                };
                self.send(&target.namespace, command);
            }
            Outgoing::Command(command, reply) => {
                if let Err(error) = self.link.publish(command, reply) {
                    self.observer.error(error.label());
                }
            }
            Outgoing::Namespace { name, used } => self.use_namespace(&name, used),
            Outgoing::Room {
                namespace,
                room,
                used,
                heard,
            } => self.use_room(&namespace, &room, used, heard),
            Outgoing::Fetch {
                target,
                timeout,
                reply,
            } => {
                let cluster = Rc::clone(self);
                task::spawn_local(async move { reply.send(cluster.fetch(target, timeout).await) });
            }
            Outgoing::ServerSideEmit {
                namespace,
                data,
                timeout,
                reply,
            } => {
                let cluster = Rc::clone(self);
                task::spawn_local(async move {
                    reply.send(cluster.emit_to_servers(&namespace, data, timeout).await)
                });
            }
        }
    }

    fn tell_broadcast(self: &Rc<Self>, broadcast: &Arc<Broadcast>) {
        self.store(broadcast);
        if let Some(gather) = &broadcast.ack {
            let (cluster, broadcast, gather) =
                (Rc::clone(self), Arc::clone(broadcast), gather.clone());
            task::spawn_local(async move { cluster.gather_acks(&broadcast, &gather).await });
            return;
        }
        match self.format.broadcast(broadcast, None) {
            Ok(publish) => self.publish(publish),
            Err(error) => self.refused(&error),
        }
    }

    /// Appends a message of ours to the history that all processes share, before they hear it.
    fn store(&self, broadcast: &Broadcast) {
        let stored = broadcast.stored.as_ref().and_then(Stored::take);
        let Some(append) = shared::append(&self.remote, broadcast) else {
            return;
        };
        let Some(stored) = stored else {
            return self.append(append);
        };
        let (reply, answer) = oneshot::channel();
        match self.link.publish(append, Some(reply)) {
            Ok(()) => drop(task::spawn_local(async move {
                let id = answer.await.ok().and_then(Result::ok);
                let id = id.and_then(|value| from_redis_value::<String>(value).ok());
                if let Some(id) = id.and_then(|id| id.parse().ok()) {
                    // The caller may have gone.
                    let _ = stored.send(id);
                }
            })),
            Err(error) => self.observer.error(error.label()),
        }
    }

    fn append(&self, append: Publish) {
        if let Err(error) = self.link.publish(append, None) {
            self.observer.error(error.label());
        }
    }

    /// Sends a command to the others.
    fn send(&self, namespace: &Arc<str>, command: Command) {
        if !self.speaks_alone.get() && !self.format.is_harmless(&command) {
            return self.observer.error("other_mode");
        }
        match self.format.command(namespace, command) {
            Ok(publish) => self.publish(publish),
            Err(error) => self.refused(&error),
        }
    }

    fn publish(&self, publish: Publish) {
        if let Err(error) = self.link.publish(publish, None) {
            self.remote.lose(1);
            self.observer.error(error.label());
        }
    }

    fn refused(&self, error: &WireError) {
        self.observer.error(error.label());
    }

    /// Something that came by Redis.
    fn hear(self: &Rc<Self>, event: Event) {
        match event {
            Event::Publishing => self.now_works("", |works| works.publishing = true),
            Event::Listening => self.now_works("", |works| works.listening = true),
            Event::Down { listener, reason } => self.now_works(&reason, |works| {
                if listener {
                    works.listening = false;
                } else {
                    works.publishing = false;
                }
            }),
            Event::Error { kind, count } => (0..count).for_each(|_| self.observer.error(kind)),
            Event::Unsent(count) => self.remote.lose(count),
            Event::Message {
                kind,
                channel,
                payload,
            } => {
                if self.take_probe(&channel) {
                    return;
                }
                let heard = self.format.hear(kind, &channel, &payload);
                self.take(heard);
            }
        }
    }

    /// Something that came by a stream.
    fn read(self: &Rc<Self>, event: StreamEvent) {
        match event {
            StreamEvent::Up => self.now_works("", |works| works.reading = true),
            StreamEvent::Down(error) => {
                self.now_works(&error.to_string(), |works| works.reading = false);
            }
            StreamEvent::Entry(entry) => {
                let fields = entry.fields.iter();
                let fields = fields.map(|(name, value)| (&**name, &**value));
                let heard = self.format.hear_entry(fields);
                self.take(heard);
            }
        }
    }

    fn take(self: &Rc<Self>, heard: Result<Heard, WireError>) {
        match heard {
            Ok(Heard::Command(envelope, origin)) => self.obey(envelope, origin),
            Ok(Heard::Response(from, response)) => self.requests.answered(from, response),
            Ok(Heard::Nothing) => {}
            Err(error) => self.refused(&error),
        }
    }

    fn now_works(&self, reason: &str, change: impl FnOnce(&mut Works)) {
        let before = self.works.get();
        let mut works = before;
        change(&mut works);
        self.works.set(works);
        // What can be published is, also while the others are not heard.
        self.remote.set_up(works.publishing, works.is_whole());
        if works.is_whole() != before.is_whole() {
            self.observer.up(works.is_whole(), reason);
        }
    }

    fn subscribe_probe(&self) {
        drop(self.link.subscribe(self.format.probe_subscription()));
    }

    fn send_probe(&self) {
        if self.remote.is_up() {
            *self.probe.borrow_mut() = Some((self.now)());
            self.publish(self.format.probe());
        }
    }

    fn take_probe(&self, channel: &str) -> bool {
        if !self.format.is_probe(channel) {
            return false;
        }
        if let Some(sent) = self.probe.take() {
            self.observer
                .lag((self.now)().saturating_duration_since(sent));
        }
        true
    }
}
