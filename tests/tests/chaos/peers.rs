//! The way between gateways is cut.

use std::net::Ipv4Addr;
use std::time::Duration;

use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Member, Mode, Setup};
use carillon_tests::forwarder::Forwarder;
use carillon_tests::polling::Polling;
use carillon_tests::ports;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use serde_json::json;

use super::scene::Scene;

/// A gateway whose peers reach it by a forwarder only.
fn behind(setup: &Setup, redis: &Redis, index: u8) -> (Member, Forwarder) {
    let (host, port) = (Ipv4Addr::new(127, 0, 1, index + 1), ports::free());
    let way = Forwarder::start(host, port);
    let setup = setup
        .clone()
        .env("CARILLON_PEER_ADDRESS", &host.to_string())
        .env("CARILLON_PEER_PORT", &port.to_string());
    (setup.start(redis, Kind::Gateway, index.into()), way)
}

/// Sessions that need no other gateway go on as if nothing had happened; one that is polled by the wrong gateway is refused
/// there, lives on, and gets all it has missed once the way is open again.
#[test]
fn cut_under_load() {
    let redis = Redis::start();
    let setup = Setup::new(Mode::Classic);
    let (members, ways): (Vec<Member>, Vec<Forwarder>) =
        (0..2).map(|index| behind(&setup, &redis, index)).unzip();
    let mut scene = Scene::of(Cluster::of(&redis, &setup, members), Proxy::nginx);
    scene.connect("socket", 10, scene.proxy.port(), &json!({}));
    let [own, other] = [0, 1].map(|index| scene.cluster.members[index].port());
    let session = Polling::open(own);
    let elsewhere = session.by(other);
    elsewhere.connect("/");
    let emit = |number: u32| Emit::new(To::all("/"), "told", &[json!(number)]);
    let told = |number: u32| format!(r#"42["told",{number}]"#);

    for round in 0..3 {
        let marks = scene.heal();
        // The client of a poll that breaks off opens another session, and the owner gives that one up.
        let polled = Polling::open(own).by(other);
        polled.connect("/");
        let mut poll = polled.heard_poll();
        for way in &ways {
            way.cut();
        }
        // For some seconds the way is tried again.
        let broken = poll.read_response(false);
        assert!(
            broken
                .as_ref()
                .is_ok_and(|answer| matches!(answer.status, 400 | 503)),
            "the poll under way is given up: {broken:?}"
        );
        let refused = elsewhere.poll();
        assert!(matches!(refused.status, 400 | 503), "{}", refused.text());
        scene.cluster.members[1].emit(&emit(3 * round));
        std::thread::sleep(Duration::from_millis(300));
        scene.settle(&marks);
        scene.assert_undisturbed();
        scene.cluster.members[0].emit(&emit(3 * round + 1));
        for way in &ways {
            way.mend();
        }
        scene.cluster.members[1].emit(&emit(3 * round + 2));
        let mut got = Vec::new();
        while got.len() < 3 {
            got.extend(elsewhere.packets());
        }
        assert_eq!(
            got,
            [0, 1, 2].map(|index| told(3 * round + index)),
            "{round}"
        );
        scene.settle(&marks);
    }
    scene.assert_undisturbed();
}

/// A way that is cut for a second ends no session, not even of those that poll, and each of them gets everything once.
#[test]
fn a_short_cut_ends_no_session() {
    let redis = Redis::start();
    let setup = Setup::new(Mode::Classic);
    let (members, ways): (Vec<Member>, Vec<Forwarder>) =
        (0..2).map(|index| behind(&setup, &redis, index)).unzip();
    let mut scene = Scene::of(Cluster::of(&redis, &setup, members), Proxy::nginx);
    let polling = json!({ "transports": ["polling"] });
    scene.connect("poll", 10, scene.proxy.port(), &polling);
    let began = scene.heal();
    for round in 0..8 {
        ways.iter().for_each(Forwarder::cut);
        std::thread::sleep(Duration::from_millis(150 * round));
        ways.iter().for_each(Forwarder::mend);
        scene.settle(&scene.heal());
        scene.assert_undisturbed();
    }
    scene.settle(&began);
    scene.assert_undisturbed();
}
