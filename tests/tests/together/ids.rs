//! One effect for one id, wherever the calls land.

use std::thread;

use carillon_tests::cluster::Mode;
use carillon_tests::gateway::Gateway;
use carillon_tests::redis::Redis;
use carillon_tests::session::Session;
use serde_json::{Value, json};

use super::{MODES, pod, until_up};

const RULES: &str = "namespaces: [{ name: /, autoJoin: [all] }]";

fn call(id: &str, n: u32) -> Value {
    json!({ "namespace": "/", "event": "e", "args": [n], "rooms": ["all"], "id": id })
}

#[test]
fn the_same_id_at_two_nodes() {
    for mode in MODES {
        let redis = Redis::start();
        let pods = [pod(&redis, mode, RULES), pod(&redis, mode, RULES)];
        let mut clients = pods
            .each_ref()
            .map(|pod| Session::connected(pod.port(), "/").0);
        let first = pods[0].post("/v1/emit", &call("a", 1));
        let second = pods[1].post("/v1/emit", &call("a", 1));
        assert_eq!(
            (first.status, second.status),
            (200, 200),
            "{}",
            second.text()
        );
        assert_eq!(first.json(), second.json(), "the answer of the first");
        let other = pods[1].post("/v1/emit", &call("a", 2));
        assert_eq!(
            (other.status, &other.json()["code"]),
            (422, &json!("repeated"))
        );
        // In another order too, and a new id.
        assert_eq!(pods[1].post("/v1/emit", &call("b", 3)).status, 200);
        assert_eq!(pods[0].post("/v1/emit", &call("b", 3)).status, 200);
        for client in &mut clients {
            client.expect(r#"42["e",1]"#);
            client.expect(r#"42["e",3]"#);
            client.assert_quiet();
        }
    }
}

/// Callers that do not wait for one another: one publishes, the others are told to come back or get its answer.
#[test]
fn the_same_id_at_once() {
    let redis = Redis::start();
    let pods = [
        pod(&redis, Mode::Classic, RULES),
        pod(&redis, Mode::Classic, RULES),
    ];
    let (mut client, _) = Session::connected(pods[0].port(), "/");
    for round in 0..20 {
        let id = format!("round-{round}");
        let post = |pod: &Gateway| {
            let answer = pod.post("/v1/emit", &call(&id, round));
            assert!(
                answer.status == 200
                    || (answer.status == 409 && answer.header("retry-after").is_some()),
                "{}",
                answer.text()
            );
        };
        thread::scope(|scope| {
            for number in 0..6 {
                let pod = &pods[number % 2];
                scope.spawn(move || post(pod));
            }
        });
        client.expect(&format!(r#"42["e",{round}]"#));
    }
    client.assert_quiet();
}

/// While Redis is away a node knows its own ids, and says so; the id of a refused call is free.
#[test]
fn without_redis_and_after_a_refusal() {
    let redis = Redis::start();
    let rules = "namespaces: [{ name: /, autoJoin: [all] }, { name: /refuse, onBusLoss: refuse }]";
    let gateway = pod(&redis, Mode::Streams, rules);
    let (mut client, _) = Session::connected(gateway.port(), "/");
    redis.kill();
    until_up(&gateway, false);
    carillon_tests::wait::until("an emit is degraded", || {
        let event = json!({ "namespace": "/", "event": "e", "args": [], "rooms": ["nobody"] });
        (gateway.post("/v1/emit", &event).json()["degraded"] == true).then_some(())
    });
    let refused = json!({ "namespace": "/refuse", "event": "e", "args": [], "id": "r" });
    assert_eq!(gateway.post("/v1/emit", &refused).status, 503);
    for _ in 0..2 {
        let answer = gateway.post("/v1/emit", &call("c", 1)).json();
        assert_eq!(answer["degraded"], true, "{answer}");
    }
    client.expect(r#"42["e",1]"#);
    client.assert_quiet();
    redis.restart();
    until_up(&gateway, true);
    assert_eq!(gateway.post("/v1/emit", &refused).status, 200);
}
