//! The messages that wait for their place in a stream.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carillon_gateway::bus::broadcast::{Broadcast, HistoryLimits, Keep, Source};
use carillon_gateway::bus::cluster::format::{Format, Mode};
use carillon_gateway::bus::cluster::members::Members;
use carillon_gateway::bus::cluster::{self, Observer, Parts};
use carillon_gateway::bus::inbox::{Inbound, Inbox};
use carillon_gateway::bus::redis::{Link, Settings, StreamEvent};
use carillon_gateway::bus::remote::Remote;
use carillon_gateway::bus::wire::cluster::SubscriptionMode;
use carillon_gateway::bus::wire::streams::Names;
use carillon_gateway::bus::{Bounds, Bus};
use carillon_gateway::clock;
use carillon_gateway::target::Target;
use carillon_tests::redis::Redis;
use tokio::sync::mpsc;
use tokio::task;
use tokio::time;

use crate::fixture::{PATIENCE, run};

const QUEUE: usize = 128 << 20;
const WINDOW: Duration = Duration::from_secs(60);

/// Remembers what has failed.
#[derive(Clone, Default)]
struct Errors(Rc<RefCell<Vec<&'static str>>>);

impl Observer for Errors {
    fn up(&self, _up: bool, _reason: &str) {}

    fn error(&self, kind: &'static str) {
        self.0.borrow_mut().push(kind);
    }

    fn accepted(&self, _namespace: &str, _source: Source) {}

    fn gap(&self, _lasted: Duration) {}

    fn lag(&self, _lag: Duration) {}
}

/// A process whose way to Redis works, and that reads nothing of the stream.
struct Process {
    bus: Bus,
    inbox: Inbox,
    errors: Errors,
    _entries: mpsc::Sender<StreamEvent>,
}

impl Process {
    async fn start(redis: &Redis) -> Self {
        let mut settings = Settings::new(redis.url().parse().unwrap());
        settings.queue_bytes = QUEUE;
        let (link, events, _) = Link::start(settings);
        let names = Names::new("socket.io".to_owned(), 1);
        let format = Format::new(Mode::Streams, "p", SubscriptionMode::Dynamic, names);
        let timeout = Duration::from_secs(5);
        let (name, hears) = (format.name(), format.hears());
        let (remote, outgoing) = Remote::new(QUEUE, name, hears, format.names(), timeout, "p");
        let bounds = Bounds {
            inbox: QUEUE,
            ..Bounds::default()
        };
        let (bus, mut inboxes) = Bus::new(1, 1, bounds, Some(remote.clone()));
        let (to, entries) = mpsc::channel(1);
        to.send(StreamEvent::Up).await.unwrap();
        let process = Self {
            bus: bus.clone(),
            inbox: inboxes.remove(0),
            errors: Errors::default(),
            _entries: to,
        };
        let (members, _) = Members::new();
        task::spawn_local(cluster::run(Parts {
            bus,
            remote: remote.clone(),
            outgoing,
            link,
            events,
            entries: Some(entries),
            format,
            declared: Vec::new(),
            request_timeout: timeout,
            keep: Box::new(|_| Some((HistoryLimits::NONE, Some(WINDOW)))),
            window: Box::new(|| Some(WINDOW)),
            claimant: 1,
            observer: Rc::new(process.errors.clone()),
            members,
            other_mode: Box::new(|_| ()),
            now: clock::now,
        }));
        let works = async {
            while !remote.takes() {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(PATIENCE, works).await.unwrap();
        process
    }

    fn publish(&self, bytes: usize) {
        let mut message =
            Broadcast::new(Target::all("/"), Bytes::new(), clock::now(), Source::Http);
        message.keep = Some(Keep {
            limits: HistoryLimits::NONE,
            recovery: Some(WINDOW),
            name: "\"e\"".into(),
            args: format!("\"{}\"", "x".repeat(bytes)).into(),
            attachments: Vec::new(),
            frames: Bytes::new(),
        });
        self.bus.publish(None, message).unwrap();
    }

    /// The next message for the sockets of this process.
    async fn next(&mut self) -> Arc<Broadcast> {
        loop {
            let next = time::timeout(PATIENCE, self.inbox.recv()).await;
            if let Some(Inbound::Broadcast(broadcast)) = next.unwrap() {
                return broadcast;
            }
        }
    }
}

/// More than may wait is not held: all of it is delivered in order, as what has no place, and that is told.
#[test]
fn too_much_is_delivered_at_once() {
    run(async {
        let redis = Redis::start();
        let mut process = Process::start(&redis).await;
        for size in 0..15 {
            process.publish((1 << 20) + size);
        }
        let held = time::timeout(Duration::from_millis(500), process.next()).await;
        assert!(held.is_err(), "they wait for their places");
        assert!(process.errors.0.borrow().is_empty());
        for size in 15..40 {
            process.publish((1 << 20) + size);
        }
        let mut last = 0;
        for _ in 0..32 {
            let broadcast = process.next().await;
            assert_eq!(broadcast.entry, None);
            assert!(broadcast.frames.len() > last, "in order");
            last = broadcast.frames.len();
        }
        assert_eq!(*process.errors.0.borrow(), ["held_full"]);
    });
}
