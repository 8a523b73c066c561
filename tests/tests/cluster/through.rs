//! Load balancers without affinity in front of a cluster.

use std::collections::BTreeSet;

use carillon_tests::clients::Clients;
use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Member, Mode, Setup};
use carillon_tests::metrics::Metrics;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use carillon_tests::wait;
use serde_json::{Value, json};

/// Clients are spread over all servers and hear one another; a large binary payload passes.
pub(crate) fn check(kinds: &[Kind], balance: fn(&[u16]) -> Proxy, count: usize, client: &Value) {
    check_on(&Setup::new(Mode::Classic), kinds, balance, count, client);
}

/// The same, on a cluster of another mode.
pub(crate) fn check_on(
    setup: &Setup,
    kinds: &[Kind],
    balance: fn(&[u16]) -> Proxy,
    count: usize,
    client: &Value,
) {
    let redis = Redis::start();
    let mut cluster = Cluster::start(&redis, setup, kinds);
    let ports: Vec<u16> = cluster.members.iter().map(|member| member.port()).collect();
    let proxy = balance(&ports);
    let clients = Clients::start();
    let ids = clients.crowd("client", count, proxy.port(), client);
    let ids: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(ids.len(), count);
    for member in &cluster.members {
        assert_eq!(
            member.sockets("/", &[]).ids(),
            ids,
            "{} finds all",
            member.name()
        );
        assert!(member.connected() > 0, "{} has some of them", member.name());
    }
    let large = json!({ "$b64": "A".repeat(400_000) });
    let echoed = clients.ask("client-0", "echo", std::slice::from_ref(&large));
    assert!(
        echoed == [large.clone()],
        "the payload comes back as it went"
    );
    clients.ask("client-0", "join", &[json!("large")]);
    for emit in [
        Emit::new(
            To::room("room-large"),
            "large",
            std::slice::from_ref(&large),
        ),
        Emit::new(To::all("/"), "all", &[json!("last")]),
    ] {
        cluster.members[1].emit(&emit);
    }
    let last = json!(["all", "last"]);
    let ledgers = wait::until("everybody has the last event", || {
        let ledgers = clients.ledgers();
        ledgers
            .values()
            .all(|ledger| ledger.contains(&last))
            .then_some(ledgers)
    });
    for (name, mut ledger) in ledgers {
        if name == "client-0" {
            assert!(
                ledger.remove(0) == json!(["large", large]),
                "the payload comes first"
            );
        }
        assert_eq!(ledger, std::slice::from_ref(&last), "{name}");
    }
    if *client == json!({ "transports": ["polling", "websocket"] }) {
        sessions_have_moved(&mut cluster, count);
    }
}

/// Upgrades that landed elsewhere took their sessions along, but for a few.
fn sessions_have_moved(cluster: &mut Cluster<'_>, count: usize) {
    let mut sum = |name: &str, label: &str| -> f64 {
        let metrics = cluster.members.iter_mut().map(|member| match member {
            Member::Gateway(pod) => Metrics::of(pod.gateway()).sum(name, &[label]),
            Member::Node(_) => 0.0,
        });
        metrics.sum()
    };
    wait::until("all are upgraded", || {
        let websockets = sum("carillon_sessions", "transport=\"websocket\"");
        (websockets as usize == count).then_some(())
    });
    let piped = sum("carillon_sessions", "transport=\"relay\"");
    let moved = sum("carillon_upgrades_total", "outcome=\"moved\"");
    println!("of {count} upgrades, {moved} have moved their session, {piped} are piped");
    assert!(
        moved >= 100.0 && piped * 10.0 <= moved,
        "{moved} moved, {piped} piped"
    );
}

/// Node servers cannot do polling without affinity.
fn websocket() -> Value {
    json!({ "transports": ["websocket"] })
}

#[test]
fn nginx() {
    check(&[Kind::Node, Kind::Node], Proxy::nginx, 1000, &websocket());
}

#[test]
fn haproxy() {
    check(
        &[Kind::Node, Kind::Node],
        Proxy::haproxy,
        1000,
        &websocket(),
    );
}
