//! Load balancers without affinity in front of a cluster.

use std::collections::BTreeSet;

use carillon_tests::clients::Clients;
use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Mode, Setup};
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use carillon_tests::wait;
use serde_json::{Value, json};

/// Clients are spread over all servers and hear one another; a large binary payload passes.
pub(crate) fn check(kinds: &[Kind], balance: fn(&[u16]) -> Proxy, client: &Value) {
    let redis = Redis::start();
    let cluster = Cluster::start(&redis, &Setup::new(Mode::Classic), kinds);
    let ports: Vec<u16> = cluster.members.iter().map(|member| member.port()).collect();
    let proxy = balance(&ports);
    let clients = Clients::start();
    let names: Vec<String> = (0..2 * kinds.len())
        .map(|index| format!("client-{index}"))
        .collect();
    let connect = |name: &String| clients.connect_with(name, proxy.port(), "/", client);
    let ids: BTreeSet<String> = names.iter().map(connect).collect();
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
    let echoed = clients.ask(&names[0], "echo", std::slice::from_ref(&large));
    assert!(
        echoed == [large.clone()],
        "the payload comes back as it went"
    );
    cluster.members[0].emit(&Emit::new(
        To::all("/"),
        "large",
        std::slice::from_ref(&large),
    ));
    wait::until("everybody has it", || {
        let ledgers = clients.ledgers();
        let all = names
            .iter()
            .all(|name| ledgers[name] == [json!(["large", large])]);
        all.then_some(())
    });
}

/// Node servers cannot do polling without affinity.
fn websocket() -> Value {
    json!({ "transports": ["websocket"] })
}

#[test]
fn nginx() {
    check(&[Kind::Node, Kind::Node], Proxy::nginx, &websocket());
}

#[test]
fn haproxy() {
    check(&[Kind::Node, Kind::Node], Proxy::haproxy, &websocket());
}
