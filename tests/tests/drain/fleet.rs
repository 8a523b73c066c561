//! Three gateways on one Redis drain, with real clients, some of which poll: what comes back elsewhere keeps to the
//! budget of the whole fleet, whatever becomes of Redis.

use std::time::{Duration, Instant};

use carillon_tests::cluster::{Kind, Member, Mode, Pod, Setup};
use carillon_tests::driver::Driver;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::topology::{RedisCluster, Sentinel};
use carillon_tests::wait;
use serde_json::{Value, json};

/// The budget, in sessions a second.
const RATE: f64 = 60.0;
/// Clients of each gateway that drains; a third of them polls.
const CLIENTS: usize = 120;
/// Gateways that drain. One more takes their clients.
const DRAINING: usize = 3;
/// The shortest window in which losses are counted, in seconds: in a shorter one the reading of the clients' clock would count.
const LOST_WINDOW: f64 = 2.0;
/// The same of returns. Each ends with several requests to the gateway that stays, so a moment in which the machine does not run it, or the
/// clients, bunches those of that moment: their losses, by which the pace is known, were counted already.
const BACK_WINDOW: f64 = 4.0;

/// The gateways and their clients.
struct Fleet {
    pods: Vec<Pod>,
    crowd: Driver,
    /// The one that stays.
    _stays: Member,
}

/// When connections were lost, and when they were there again; in seconds.
struct Trace {
    lost: Vec<f64>,
    back: Vec<f64>,
    reasons: Value,
}

impl Fleet {
    fn start(setup: Setup, redis: &Redis) -> Self {
        let setup = setup
            .env("CARILLON_DRAIN_HOLD", "0s")
            .env("CARILLON_DRAIN_TIMEOUT", "60s")
            .env("CARILLON_DRAIN_RATE", &format!("{RATE}/s"));
        let start = |index| match setup.start(redis, Kind::Gateway, index) {
            Member::Gateway(pod) => pod,
            Member::Node(_) => unreachable!("a gateway was asked for"),
        };
        let pods: Vec<Pod> = (0..DRAINING).map(start).collect();
        let stays = start(DRAINING);
        let crowd = Driver::start("drain-crowd.mjs", &json!({}));
        let url = |pod: &Pod| format!("http://127.0.0.1:{}", pod.view().port());
        for pod in &pods {
            for (count, transport) in [(CLIENTS / 3, "polling"), (CLIENTS * 2 / 3, "websocket")] {
                crowd.call(&json!({
                    "op": "connect", "count": count, "url": url(pod), "next": url(&stays), "transports": [transport],
                }));
            }
        }
        Self {
            pods,
            crowd,
            _stays: Member::Gateway(stays),
        }
    }

    fn signal(&mut self, index: usize) {
        self.pods[index].gateway().process().signal("TERM");
    }

    fn signal_all(&mut self) {
        (0..DRAINING).for_each(|index| self.signal(index));
    }

    /// How many sessions the ones that live have closed, by that. A gateway that has ended says nothing more.
    fn closed(&self, by: &str) -> f64 {
        let label = format!("by=\"{by}\"");
        let live = self.pods.iter().map(Pod::view);
        let live = live.filter(|gateway| {
            let request = carillon_tests::http::Request::get("/livez");
            request.try_send(gateway.admin_port()).is_ok()
        });
        live.map(|gateway| Metrics::of(gateway).sum("carillon_drain_closed_total", &[&label]))
            .sum()
    }

    fn until_closed(&self, by: &str, count: usize) {
        wait::until(&format!("{count} sessions are closed by {by}"), || {
            (self.closed(by) >= count as f64).then_some(())
        });
    }

    fn trace(&self) -> Trace {
        let trace = self.crowd.call(&json!({ "op": "trace" }));
        let seconds = |field: &str| {
            let times = trace[field].as_array().expect("a list").iter();
            times
                .map(|time| time.as_f64().expect("a number") / 1_000.0)
                .collect()
        };
        Trace {
            lost: seconds("lost"),
            back: seconds("back"),
            reasons: trace["reasons"].clone(),
        }
    }

    /// Waits until all have ended well and all clients are back, and looks at the trace. It takes so long, in seconds.
    fn assert_within_budget(mut self, at_most: f64) -> f64 {
        let clients = DRAINING * CLIENTS;
        let end = Instant::now() + Duration::from_secs_f64(at_most);
        let trace = loop {
            let trace = self.trace();
            if trace.back.len() >= clients {
                break trace;
            }
            assert!(
                Instant::now() < end,
                "{} of {clients} are back after {at_most} s",
                trace.back.len()
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(trace.lost.len(), clients, "each is lost once");
        assert_eq!(trace.reasons.get("io server disconnect"), None);
        for pod in &mut self.pods {
            let process = pod.gateway().process();
            assert_eq!(process.wait().code(), Some(0), "{}", process.output());
        }
        assert_rate("lost", &trace.lost, LOST_WINDOW);
        assert_rate("back", &trace.back, BACK_WINDOW);
        trace.back[clients - 1] - trace.back[0]
    }
}

/// No window has more than the budget and a tenth of it.
fn assert_rate(what: &str, times: &[f64], shortest: f64) {
    let mut worst: f64 = 0.0;
    for (index, from) in times.iter().enumerate() {
        for (count, to) in times[index..].iter().enumerate() {
            let window = (to - from).max(shortest);
            worst = worst.max((count + 1) as f64 / window);
        }
    }
    let span = times[times.len() - 1] - times[0];
    let mean = times.len() as f64 / span;
    println!(
        "{what}: {mean:.1}/s over {span:.1} s, at most {worst:.1}/s over {shortest} s or more"
    );
    assert!(
        worst <= RATE * 1.1,
        "{what}: {worst:.1}/s where the budget is {RATE}/s"
    );
}

/// What the whole budget takes for all, and what a loaded machine may add.
const WHOLE: f64 = (DRAINING * CLIENTS) as f64 / RATE;
const PATIENT: f64 = WHOLE * 5.0;

fn all_at_once(setup: Setup, redis: &Redis) {
    let mut fleet = Fleet::start(setup, redis);
    fleet.signal_all();
    let took = fleet.assert_within_budget(PATIENT);
    assert!(took < WHOLE * 1.5, "the budget is used: {took:.1} s");
}

#[test]
fn all_at_once_in_every_mode() {
    let redis = Redis::start();
    for mode in [Mode::Classic, Mode::Sharded, Mode::Streams] {
        all_at_once(Setup::new(mode).shards(2), &redis);
    }
}

#[test]
fn all_at_once_behind_sentinel() {
    let redis = Sentinel::start();
    let setup = Setup::new(Mode::Sharded).env("CARILLON_REDIS_URL", &redis.url());
    all_at_once(setup, &redis.master);
}

#[test]
fn all_at_once_on_a_redis_cluster() {
    let redis = RedisCluster::start();
    let setup = Setup::new(Mode::Streams).on(&redis);
    all_at_once(setup, &redis.nodes[0]);
}

#[test]
fn one_after_another() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(Setup::new(Mode::Sharded), &redis);
    for index in 0..DRAINING {
        fleet.signal(index);
        fleet.until_closed("budget", 20 * (index + 1));
    }
    let took = fleet.assert_within_budget(PATIENT);
    assert!(took < WHOLE * 1.5, "the budget is used: {took:.1} s");
}

/// Redis is killed, or does not answer any more: the shares hold. It comes back without its data, or with all of it.
#[test]
fn redis_goes_away() {
    type Act = fn(&Redis);
    let cases: [(Act, Option<Act>); 3] = [
        (Redis::kill, None),
        (Redis::kill, Some(Redis::restart)),
        (Redis::freeze, Some(Redis::thaw)),
    ];
    for (leave, come_back) in cases {
        let redis = Redis::start();
        let mut fleet = Fleet::start(Setup::new(Mode::Classic), &redis);
        fleet.signal_all();
        fleet.until_closed("budget", 60);
        leave(&redis);
        fleet.until_closed("share", 60);
        if let Some(come_back) = come_back {
            let before = fleet.closed("budget");
            come_back(&redis);
            fleet.until_closed("budget", before as usize + 20);
        }
        fleet.assert_within_budget(PATIENT);
    }
}

/// An operator sees how far it is, and which rules are served, until the end.
#[test]
fn tells_how_far_it_is() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(Setup::new(Mode::Sharded), &redis);
    let state = |fleet: &Fleet, state: &str| {
        let label = format!("state=\"{state}\"");
        Metrics::of(fleet.pods[0].view()).sum("carillon_drain_state", &[&label])
    };
    assert_eq!(state(&fleet, "serving"), 1.0);
    fleet.signal(0);
    fleet.until_closed("budget", 10);
    let gateway = fleet.pods[0].view();
    let metrics = Metrics::of(gateway);
    assert_eq!(state(&fleet, "closing"), 1.0);
    assert_eq!(metrics.sum("carillon_draining", &[]), 1.0);
    let closed = metrics.sum("carillon_drain_closed_total", &[]);
    let remaining = metrics.sum("carillon_sessions", &[]);
    assert!(
        (closed + remaining - CLIENTS as f64).abs() <= 5.0,
        "{closed} closed and {remaining} remaining of {CLIENTS}"
    );
    assert_eq!(metrics.sum("carillon_bus_up", &[]), 1.0);
    let rules = gateway.admin("/rules").json();
    assert!(rules["hash"].is_string(), "{rules}");
    let lease = redis.command(&["KEYS", "*:drain"]);
    assert_eq!(lease.array().len(), 1, "one bucket for the fleet");
    let key = lease.array()[0].text();
    let ttl = redis.command(&["PTTL", &key]).integer();
    assert!((1..=120_000).contains(&ttl), "it is forgotten: {ttl}");
}
