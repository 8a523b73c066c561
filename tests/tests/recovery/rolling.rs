//! Every pod is replaced, and every pod is killed, while clients, backends and an emitter publish: whoever listens has all of it,
//! once and in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Mode, Setup};
use carillon_tests::crowd::{Crowd, Published, Seen};
use carillon_tests::emitter::Emitter;
use carillon_tests::gateway::{Gateway, KEY};
use carillon_tests::http::Request;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::{self, Redis};
use carillon_tests::{ports, wait};
use serde_json::{Value, json};

use crate::exposure::preset::Front;

/// So many of each transport.
const LISTENERS: usize = 6;
const TRANSPORTS: [&str; 2] = ["websocket", "polling"];
const EVERY: Duration = Duration::from_millis(10);
/// Load for about half a second.
pub(super) const LOAD: u64 = 30;

/// Pods that are always found at the same ports.
pub(super) struct Fleet<'a> {
    pub(super) redis: &'a Redis,
    pub(super) setup: Setup,
    engine: Value,
    pub(super) ports: Vec<u16>,
    pub(super) pods: Vec<Gateway>,
    /// Where backends find them.
    apis: Arc<Mutex<Vec<u16>>>,
}

impl<'a> Fleet<'a> {
    pub(super) fn start(redis: &'a Redis, count: usize) -> Self {
        Self::start_with(redis, count, json!({}))
    }

    /// With this `engine` in the rules.
    pub(super) fn start_with(redis: &'a Redis, count: usize, engine: Value) -> Self {
        let rules = include_str!("../../fixtures/cluster.yaml")
            .replace("  events:\n", "  recovery: { window: 1m }\n  events:\n");
        let rules = format!("engine: {engine}\n{rules}");
        let setup = Setup::new(Mode::Streams)
            .rules(&rules)
            .env("CARILLON_DRAIN_HOLD", "100ms")
            .env("CARILLON_DRAIN_TIMEOUT", "5s");
        let mut fleet = Self {
            redis,
            setup,
            engine,
            ports: (0..count).map(|_| ports::free()).collect(),
            pods: Vec::new(),
            apis: Arc::default(),
        };
        for index in 0..count {
            let pod = fleet.launch(index);
            fleet.pods.push(pod);
        }
        fleet.tell();
        fleet
    }

    fn launch(&self, index: usize) -> Gateway {
        let options = self.setup.gateway(&format!("pod-{index}"), self.redis);
        options
            .env("SOCKET_PORT", &self.ports[index].to_string())
            .start()
    }

    /// A proxy of all of them, as its preset has it for their engine.
    pub(super) fn behind(&self, front: Front) -> Proxy {
        front.start(&self.engine, &self.ports)
    }

    fn tell(&self) {
        *self.apis.lock().unwrap() = self.pods.iter().map(Gateway::api_port).collect();
    }

    /// Ends a pod by a signal, and puts another one in its place.
    pub(super) fn replace(&mut self, index: usize, signal: &str) {
        self.pods[index].process().signal(signal);
        self.pods[index].process().wait();
        self.pods[index] = self.launch(index);
        self.tell();
    }
}

/// Someone who publishes numbers from a thread of its own.
pub(super) struct Publisher {
    end: Arc<AtomicBool>,
    last: Arc<AtomicU64>,
    thread: thread::JoinHandle<Published>,
}

impl Publisher {
    /// `publish` says whether a number is known to be taken.
    fn start(publish: impl Fn(u64) -> bool + Send + 'static) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let last = Arc::<AtomicU64>::default();
        let (ends, tells) = (Arc::clone(&end), Arc::clone(&last));
        let thread = thread::spawn(move || {
            let mut published = Published::default();
            while !ends.load(Ordering::Relaxed) {
                published.last += 1;
                tells.store(published.last, Ordering::Relaxed);
                if publish(published.last) {
                    published.acked.push(published.last);
                }
                thread::sleep(EVERY);
            }
            published
        });
        Self { end, last, thread }
    }

    /// Its last number by now.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    pub(super) fn stop(self) -> Published {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().expect("it publishes to its end")
    }
}

/// By HTTP, to so many pods in turn: without Redis they have no order between them.
pub(super) fn backend(fleet: &Fleet<'_>, pods: usize) -> Publisher {
    let apis = Arc::clone(&fleet.apis);
    Publisher::start(move |number| {
        let port = {
            let apis = apis.lock().unwrap();
            apis[number as usize % pods]
        };
        let args = json!(["0", "http", number]);
        let body =
            json!({ "namespace": "/", "rooms": ["room-0"], "event": "publish", "args": args });
        let request = Request::post("/v1/emit").header("authorization", &format!("Bearer {KEY}"));
        let answer = request
            .json(&body)
            .send_patiently(port, Duration::from_secs(10));
        answer.is_ok_and(|answer| answer.status == 200 && answer.json()["degraded"] != true)
    })
}

/// By an entry of the stream.
pub(super) fn emitter(cluster: &Cluster<'_>) -> Publisher {
    let emitter = Emitter::streams(cluster);
    Publisher::start(move |number| {
        let args = [json!("0"), json!("stream"), json!(number)];
        emitter.emit(&Emit::new(To::room("room-0"), "publish", &args));
        true
    })
}

/// Everybody but who publishes.
fn listeners(seen: &BTreeMap<String, Seen>) -> impl Iterator<Item = &String> {
    seen.keys().filter(|name| !name.starts_with("pub-"))
}

/// Waits until every listener has heard so much more of the backend.
pub(super) fn until_heard(crowd: &Crowd, more: u64) {
    let least = || {
        let seen = crowd.seen();
        let heard = listeners(&seen).map(|name| seen[name].of("http").last());
        heard.min()
    };
    let before = least();
    wait::until("the load is heard by all", || {
        (least() >= before.map(|before| before + more)).then_some(())
    });
}

pub(super) fn until_all_are_back(crowd: &Crowd) {
    wait::until("all clients are back", || {
        let seen = crowd.seen();
        seen.values().all(|client| client.ready).then_some(())
    });
}

/// `since` says which number of a publisher was its last one when a listener was in its room.
pub(super) fn check(
    crowd: &Crowd,
    losses: usize,
    published: &BTreeMap<String, Published>,
    since: impl Fn(&str, &str) -> u64,
) {
    let missing = |name: &str| {
        let seen = crowd.seen();
        published
            .iter()
            .flat_map(|(publisher, sent)| {
                let got = seen[name].of(publisher);
                let acked = sent.acked.within(since(name, publisher), sent.last);
                let lost = acked.filter(move |number| !got.has(*number));
                lost.map(move |number| (publisher.clone(), number))
            })
            .collect::<Vec<_>>()
    };
    for name in listeners(&crowd.seen()) {
        let mut lost = missing(name);
        for _ in 0..100 {
            if lost.is_empty() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
            lost = missing(name);
        }
        let seen = &crowd.seen()[name];
        assert!(seen.reasons.len() >= losses, "{name}: {seen:?}");
        assert_eq!(seen.fresh, 1, "{name} lost its session: {seen:?}");
        assert!(lost.is_empty(), "{name} misses {lost:?}: {seen:?}");
        for publisher in published.keys() {
            assert!(
                seen.of(publisher).is_ordered(),
                "{name} of {publisher}: {seen:?}"
            );
        }
    }
}

/// `losses` is how often each listener loses its connection at the least, where Redis lives: without it an emitter dies, and
/// what clients publish reaches their own node alone.
fn under_load(
    redis: &Redis,
    front: Front,
    losses: Option<usize>,
    faults: impl FnOnce(&mut Fleet<'_>, &Crowd),
) {
    let mut fleet = Fleet::start(redis, 3);
    let cluster = Cluster::of(redis, &fleet.setup, Vec::new());
    let proxy = fleet.behind(front);
    let crowd = Crowd::start();
    for transport in TRANSPORTS {
        let options = json!({ "transports": [transport] });
        crowd.connect(transport, LISTENERS, proxy.port(), &["0"], &options);
    }
    crowd.connect("pub", 1, proxy.port(), &[], &json!({}));
    crowd.publish("pub-0", "0");
    let pods = losses.map_or(1, |_| fleet.pods.len());
    let backend = backend(&fleet, pods);
    let emitter = losses.map(|_| emitter(&cluster));
    until_heard(&crowd, LOAD);
    faults(&mut fleet, &crowd);
    until_heard(&crowd, LOAD);
    let mut published = BTreeMap::new();
    published.insert("http".to_owned(), backend.stop());
    if let Some(emitter) = emitter {
        published.insert("stream".to_owned(), emitter.stop());
    }
    crowd.hush();
    until_all_are_back(&crowd);
    let of_clients = crowd.published();
    published.extend(of_clients.into_iter().filter(|_| losses.is_some()));
    assert!(
        published.values().all(|sent| sent.acked.last() > 20),
        "{published:?}"
    );
    check(&crowd, losses.unwrap_or(0), &published, |_, _| 0);
    fleet.pods.iter_mut().for_each(Gateway::assert_alive);
}

fn replaced_behind(front: Front) {
    let redis = Redis::start();
    under_load(&redis, front, Some(1), |fleet, _| {
        for index in 0..fleet.pods.len() {
            fleet.replace(index, "TERM");
        }
    });
}

/// It asks another pod where one breaks off.
#[test]
fn every_pod_is_replaced() {
    replaced_behind(Front::Nginx);
}

/// It does not.
#[test]
fn every_pod_is_replaced_behind_haproxy() {
    replaced_behind(Front::Haproxy);
}

#[test]
fn every_pod_is_killed() {
    let redis = Redis::start();
    under_load(&redis, Front::Nginx, Some(1), |fleet, crowd| {
        for index in 0..fleet.pods.len() {
            fleet.replace(index, "KILL");
            until_all_are_back(crowd);
        }
    });
}

/// A Redis that keeps what it has acknowledged.
#[test]
fn redis_is_killed() {
    let redis = redis::Options::default().appendonly().start();
    under_load(&redis, Front::Nginx, None, |fleet, _| {
        fleet.redis.kill();
        // So long it is away, under load.
        thread::sleep(Duration::from_millis(500));
        fleet.redis.restart();
    });
}
