//! Clients that poll, without sticky sessions, while Redis forgets and gateways are suspended.

use std::time::{Duration, Instant};

use carillon_tests::cluster::Kind::Gateway;
use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::polling::Polling;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use carillon_tests::wait;
use serde_json::{Value, json};

use super::scene::Scene;

/// The rules of the cluster, whose sessions wait a minute for a heartbeat.
fn patient() -> String {
    let rules = carillon_tests::gateway::workspace().join("tests/fixtures/cluster.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    format!("engine: {{ pingTimeout: 60s }}\n{rules}")
}

fn polling() -> Value {
    json!({ "transports": ["polling"] })
}

/// Redis loses everything, again and again.
#[test]
fn a_redis_that_forgets_closes_no_session() {
    let redis = Redis::start();
    let mut scene = Scene::start(&redis, &Setup::new(Mode::Sharded), &[Gateway, Gateway]);
    scene.connect("poll", 10, scene.proxy.port(), &polling());
    let began = scene.heal();
    let mut late = Vec::new();
    for _ in 0..3 {
        redis.command(&["FLUSHALL"]);
        let session = Polling::open(scene.proxy.port());
        session.connect("/");
        late.push(session);
        scene.settle(&scene.heal());
        scene.assert_undisturbed();
    }
    for session in &late {
        assert_eq!(session.post("42[\"leave\",\"0\"]").status, 200);
    }
    // The keys and leases come back by themselves: a gateway that starts now serves the sessions of the others.
    let hash = |name: &str| format!("{{{}:carillon}}:{name}", scene.cluster.setup().prefix);
    for name in ["nodes", "keys"] {
        wait::until(&format!("{name} are back"), || {
            (redis.command(&["HLEN", &hash(name)]).integer() > 0).then_some(())
        });
    }
    let session = Polling::open(scene.cluster.members[0].port());
    let third = scene.cluster.setup().start(&redis, Gateway, 2);
    session.by(third.port()).connect("/");
    scene.settle(&began);
    scene.assert_undisturbed();
}

/// A gateway is suspended for longer than its lease holds.
#[test]
fn a_lapsed_lease_closes_no_session() {
    let redis = Redis::start();
    let setup = Setup::new(Mode::Classic).rules(&patient());
    let mut scene = Scene::start(&redis, &setup, &[Gateway, Gateway]);
    scene.connect("poll", 10, scene.proxy.port(), &polling());
    let began = scene.heal();
    scene.settle(&began);
    let frozen = 1;
    scene.signal(frozen, "STOP");
    let since = Instant::now();
    std::thread::sleep(Duration::from_secs(16).saturating_sub(since.elapsed()));
    scene.signal(frozen, "CONT");
    let ended = scene.heal();
    scene.settle(&ended);
    scene.settle(&began);
    scene.assert_undisturbed();
}

/// A gateway that has just become ready serves whatever the balancer sends it.
#[test]
fn a_late_gateway_serves_the_sessions_of_the_others() {
    let redis = Redis::start();
    for mode in [Mode::Classic, Mode::Sharded, Mode::Streams] {
        let setup = Setup::new(mode);
        let first = setup.start(&redis, Gateway, 0);
        let sessions: Vec<Polling> = (0..8).map(|_| Polling::open(first.port())).collect();
        let late = setup.start(&redis, Gateway, 1);
        for (index, session) in sessions.iter().enumerate() {
            session.by(late.port()).connect("/");
            session.post(&format!(r#"42{index}["echo",1]"#));
            let echoed = session.by(late.port()).packets();
            assert_eq!(echoed, [format!("43{index}[1]")], "{}", mode.name());
        }
        // And the other way round.
        let session = Polling::open(late.port());
        session.by(first.port()).connect("/");
    }
}

/// Where gateways cannot reach one another, a balancer with a cookie does.
#[test]
fn sticky_sessions_do_without_peers() {
    let redis = Redis::start();
    let setup = Setup::new(Mode::Classic).env("CARILLON_PEER", "off");
    let cluster = carillon_tests::cluster::Cluster::start(&redis, &setup, &[Gateway, Gateway]);
    let [one, other] = [0, 1].map(|index| cluster.members[index].port());
    let session = Polling::open(one);
    assert_eq!(session.by(other).poll().status, 400, "nobody is asked");
    let mut scene = Scene::of(cluster, Proxy::sticky);
    for (name, transports) in [
        ("poll", &["polling"][..]),
        ("upgrade", &["polling", "websocket"]),
    ] {
        let options = json!({ "transports": transports, "withCredentials": true });
        scene.connect(name, 10, scene.proxy.port(), &options);
    }
    for pod in [0, 1] {
        assert!(scene.count("poll", pod) > 0 && scene.count("upgrade", pod) > 0);
    }
    let began = scene.heal();
    scene.settle(&began);
    scene.assert_undisturbed();
}
