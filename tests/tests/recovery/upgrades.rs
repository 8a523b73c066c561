//! Clients as browsers have them: they begin by polling, and their websocket lands on any pod. Their sessions move there, recoverable
//! as they are, while others publish; and from there they are recovered when that pod goes.

use std::collections::BTreeMap;

use carillon_tests::cluster::Cluster;
use carillon_tests::crowd::Crowd;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::{gateway::Gateway, wait};
use serde_json::{Value, json};

use crate::exposure::preset::Front;

use super::rolling::{self, Fleet, LOAD, backend, emitter, until_all_are_back, until_heard};

/// A client whose probe is answered by a pod that goes before the client's poll has ended waits in vain, until a ping is missing.
const PINGS: [&str; 2] = ["4s", "5s"];
const LISTENERS: usize = 24;
/// With the one that publishes.
const CLIENTS: usize = LISTENERS + 1;

/// What `socket.io-client` does by itself.
fn upgrading() -> Value {
    json!({ "transports": ["polling", "websocket"] })
}

fn sum(fleet: &Fleet<'_>, name: &str, label: &str) -> usize {
    let pods = fleet.pods.iter();
    let sums = pods.map(|pod| Metrics::of(pod).sum(name, &[label]));
    sums.sum::<f64>() as usize
}

fn moved(fleet: &Fleet<'_>) -> usize {
    sum(fleet, "carillon_upgrades_total", "outcome=\"moved\"")
}

/// Everybody has a websocket, on the pod that has the session.
fn until_nobody_is_piped(fleet: &Fleet<'_>) {
    let mut before = [0; 3];
    wait::until("all sessions are where their websockets are", || {
        let sessions = ["websocket", "polling", "relay"].map(|transport| {
            let label = format!("transport=\"{transport}\"");
            sum(fleet, "carillon_sessions", &label)
        });
        if before != sessions {
            println!("websocket, polling, relay: {sessions:?}");
            before = sessions;
        }
        (sessions == [CLIENTS, 0, 0]).then_some(())
    });
}

fn replaced(front: Front, signal: &str) {
    let redis = Redis::start();
    let [interval, timeout] = PINGS;
    let engine = json!({ "pingInterval": interval, "pingTimeout": timeout });
    let mut fleet = Fleet::start_with(&redis, 3, engine);
    let cluster = Cluster::of(&redis, &fleet.setup, Vec::new());
    let proxy = fleet.behind(front);
    let (crowd, options) = (Crowd::start(), upgrading());
    crowd.connect("pub", 1, proxy.port(), &[], &options);
    crowd.publish("pub-0", "0");
    let (backend, emitter) = (backend(&fleet, 3), emitter(&cluster));
    let mut since = BTreeMap::new();
    for index in 0..LISTENERS {
        let name = format!("listener{index}");
        crowd.connect(&name, 1, proxy.port(), &["0"], &options);
        let of_client = crowd.published()["pub-0"].last;
        for (publisher, last) in [
            ("http", backend.last()),
            ("stream", emitter.last()),
            ("pub-0", of_client),
        ] {
            since.insert((format!("{name}-0"), publisher.to_owned()), last);
        }
    }
    until_nobody_is_piped(&fleet);
    let first = moved(&fleet);
    println!("{first} of {CLIENTS} have moved");
    assert!(first > LISTENERS / 4, "{first} have moved");
    until_heard(&crowd, LOAD);
    for index in 0..fleet.pods.len() {
        fleet.replace(index, signal);
        until_all_are_back(&crowd);
    }
    // The pods are others. A probe that meets one that goes has its client poll on; while one goes, nobody knows that all have heard.
    let again = moved(&fleet);
    println!("{again} have moved of those who came back");
    assert!(again > 0, "nobody has moved who came back");
    until_heard(&crowd, LOAD);
    let mut published = BTreeMap::from([
        ("http".to_owned(), backend.stop()),
        ("stream".to_owned(), emitter.stop()),
    ]);
    crowd.hush();
    published.extend(crowd.published());
    let since = |name: &str, publisher: &str| since[&(name.to_owned(), publisher.to_owned())];
    rolling::check(&crowd, 1, &published, since);
    fleet.pods.iter_mut().for_each(Gateway::assert_alive);
}

#[test]
fn every_pod_is_replaced_under_those_who_upgrade() {
    replaced(Front::Nginx, "TERM");
}

#[test]
fn every_pod_is_replaced_under_those_who_upgrade_behind_haproxy() {
    replaced(Front::Haproxy, "TERM");
}

#[test]
fn every_pod_is_killed_under_those_who_upgrade() {
    replaced(Front::Nginx, "KILL");
}
