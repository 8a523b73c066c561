//! The task that speaks to the other processes of a cluster, through Redis, in one of its formats.
//!
//! It runs on the control thread. What this process publishes comes by the [`Remote`] queue and is encoded once; what
//! others publish is decoded once, encoded once for the browsers, and goes to the shards by the same inboxes as a local
//! message. Every request of a peer is answered exactly once, in a task of its own; every request of ours has a deadline.

mod answers;
mod cap;
mod deliver;
pub mod format;
pub mod members;
pub mod modes;
mod ordered;
pub mod records;
mod requests;
mod sessions;
mod storing;
mod subscriptions;
mod tell;
mod works;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
    time::Instant,
};

use tokio::{
    sync::{
        Notify,
        mpsc::{Receiver, UnboundedReceiver},
        oneshot,
    },
    task,
    time::{self, MissedTickBehavior},
};

use self::ordered::{SLACK, STALL};
use self::{
    format::{Format, Heard},
    members::Members,
    modes::Told,
    ordered::Ordered,
    requests::Requests,
    sessions::Asked,
    storing::Storing,
    subscriptions::Subscriptions,
    works::Works,
};
use super::{
    Bus,
    broadcast::{HistoryLimits, Source},
    redis::{Event, Events, Link, StreamEvent},
    remote::{Outgoing, Remote},
    wire::WireError,
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
    /// What history and recovery keep of a namespace.
    pub keep: Keeps,
    /// The longest window of recovery, if there is any.
    pub window: Box<dyn Fn() -> Option<Duration>>,
    /// Who this process is, among those that store what other servers and emitters publish.
    pub claimant: u32,
    /// Who is told how it goes.
    pub observer: Rc<dyn Observer>,
    /// Our own pods.
    pub members: Members,
    /// Told while other servers speak another format.
    pub other_mode: Told,
    /// The clock.
    pub now: fn() -> Instant,
}

/// What history and recovery keep of a namespace, if it has one of them.
pub type Keeps = Box<dyn Fn(&str) -> Option<(HistoryLimits, Option<Duration>)>>;

/// Who is told how the cluster goes: metrics, health, log.
pub trait Observer {
    /// Redis answers and all subscriptions stand, or it does not, for this reason.
    fn up(&self, up: bool, reason: &str);
    /// Something failed, by the label of `carillon_bus_errors_total`.
    fn error(&self, kind: &'static str);
    /// A message of another process was taken.
    fn accepted(&self, namespace: &str, source: Source);
    /// The channels of the others were not heard for so long, and are again.
    fn gap(&self, lasted: Duration);
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
    keep: Keeps,
    window: Box<dyn Fn() -> Option<Duration>>,
    storing: Storing,
    observer: Rc<dyn Observer>,
    now: fn() -> Instant,
    requests: Requests,
    ordered: Ordered,
    asked: Asked,
    letterbox: String,
    subscriptions: RefCell<Subscriptions>,
    /// When the probe that is under way was published.
    probe: RefCell<Option<Instant>>,
    works: Cell<Works>,
    works_again: Notify,
    /// It has listened before, and does not since then.
    deaf_since: Cell<Option<Instant>>,
    /// Nobody is seen who speaks another format.
    speaks_alone: Cell<bool>,
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
        window,
        claimant,
        observer,
        members,
        other_mode,
        now,
    } = parts;
    let (ordered, written) = Ordered::new();
    let letterbox = format.letterbox(format.uid());
    let cluster = Rc::new(Cluster {
        bus,
        remote,
        link,
        format,
        request_timeout,
        keep,
        window,
        storing: Storing::new(claimant),
        observer,
        now,
        requests: Requests::default(),
        ordered,
        asked: Asked::default(),
        letterbox,
        subscriptions: RefCell::default(),
        probe: RefCell::default(),
        works: Cell::new(Works {
            reading: entries.is_none(),
            caught_up: entries.is_none(),
            ..Works::default()
        }),
        works_again: Notify::new(),
        speaks_alone: Cell::new(false),
        deaf_since: Cell::default(),
    });
    cluster.subscribe_probe();
    cluster.set_trim();
    for name in &declared {
        cluster.declare(name);
    }
    task::spawn_local(Rc::clone(&cluster).claim_storing());
    task::spawn_local(Rc::clone(&cluster).cap_streams());
    task::spawn_local(Rc::clone(&cluster).watch_modes(members, other_mode));
    task::spawn_local(Rc::clone(&cluster).watch_written(written));
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
            Some(first) = next_entry(&mut entries), if !cluster.ordered.is_stalled() => {
                cluster.read(first);
                for _ in 1..TURN {
                    if cluster.ordered.is_stalled() { break }
                    let next = entries.as_mut().and_then(|entries| entries.try_recv().ok());
                    let Some(next) = next else { break };
                    cluster.read(next);
                }
            }
            () = time::sleep(STALL), if cluster.ordered.is_stalled() => cluster.retry_stalled(),
            _ = tick.tick() => cluster.second(),
            else => return,
        }
    }
}

async fn next_entry(entries: &mut Option<Receiver<StreamEvent>>) -> Option<StreamEvent> {
    match entries {
        Some(entries) => entries.recv().await,
        None => std::future::pending().await,
    }
}

impl Cluster {
    /// Something that came by Redis.
    fn hear(self: &Rc<Self>, event: Event) {
        match event {
            Event::Publishing => {
                self.now_works("", |works| works.publishing = true);
                self.bus.renew_sessions();
            }
            Event::Listening => self.now_works("", |works| works.listening = true),
            Event::Down { listener, reason } => {
                self.now_works(&reason, |works| {
                    if listener {
                        works.listening = false;
                    } else {
                        works.publishing = false;
                    }
                });
                if !listener {
                    self.deliver_held();
                }
            }
            Event::Stalled(stalled) => self.now_works("", |works| works.stalled = stalled),
            Event::Error { kind, count } => (0..count).for_each(|_| self.observer.error(kind)),
            Event::Unsent(count) => self.remote.lose(count),
            Event::Message {
                kind,
                channel,
                payload,
            } => {
                if self.take_probe(&channel) || self.take_letter(&channel, &payload) {
                    return;
                }
                let heard = self.format.hear(kind, &channel, &payload);
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

    fn subscribe_probe(&self) {
        drop(self.link.subscribe(self.format.probe_subscription()));
        if self.bus.shares_sessions() {
            drop(self.link.subscribe(self.format.own_letterbox()));
        }
    }

    /// Once a second.
    fn second(&self) {
        self.send_probe();
        self.set_trim();
    }

    fn set_trim(&self) {
        let age = (self.window)().map(|window| window + SLACK);
        self.format.set_trim(self.bus.latest(), age);
    }

    /// Tells when all that was published before is answered, or Redis is away.
    fn flush(self: &Rc<Self>, done: oneshot::Sender<()>) {
        let (reply, answer) = oneshot::channel();
        let last = self.link.publish(self.format.probe(), Some(reply));
        self.in_a_task(|_| async move {
            if last.is_ok() {
                // An error says that nothing more is answered.
                answer.await.ok();
            }
            done.send(()).ok();
        });
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
