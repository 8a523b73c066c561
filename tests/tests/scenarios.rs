//! Unmodified `socket.io-client` from npm in Node, over polling, websocket and the upgrade between.

use carillon_tests::gateway::{Gateway, KEY, Options, workspace};
use carillon_tests::process::Process;
use carillon_tests::{metrics, scripts};
use serde_json::{Value, json};

fn parameters(port: u64, api: u64) -> Value {
    json!({
        "url": format!("http://127.0.0.1:{port}"),
        "api": format!("http://127.0.0.1:{api}"),
        "key": KEY,
    })
}

/// Runs a scenario against the gateway on one and on three shards, and first against Node's own
/// server under an imitation of the same rules: what fails there is a fault of the scenario.
fn check(scenario: &str) {
    let (_server, address) = reference();
    scripts::node(scenario, &address);
    for shards in [1, 3] {
        let rules = workspace().join("tests/fixtures/scenarios.yaml");
        let mut gateway = Options::rules_file(&rules).shards(shards).start();
        let address = parameters(gateway.port().into(), gateway.api_port().into());
        scripts::node(scenario, &address);
        gateway.assert_alive();
        assert_accounted(&gateway);
    }
}

fn assert_accounted(gateway: &Gateway) {
    let [expected, ..] = metrics::assert_accounted(gateway);
    assert!(expected > 0.0, "the scenario delivered something");
}

/// A Node server of its own for each test: one that they shared would outlive them.
fn reference() -> (Process, Value) {
    let rules = workspace().join("tests/fixtures/scenarios.yaml");
    let (process, line) = scripts::node_server("reference.mjs", &json!({ "rules": rules }));
    let address = parameters(
        line["port"].as_u64().unwrap(),
        line["api"].as_u64().unwrap(),
    );
    (process, address)
}

/// python-socketio over polling, websocket and the upgrade.
#[test]
fn python() {
    let (_server, address) = reference();
    scripts::python("client.py", &address);
    for shards in [1, 3] {
        let rules = workspace().join("tests/fixtures/scenarios.yaml");
        let gateway = Options::rules_file(&rules).shards(shards).start();
        let address = parameters(gateway.port().into(), gateway.api_port().into());
        scripts::python("client.py", &address);
        assert_accounted(&gateway);
    }
}

macro_rules! scenarios {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}

scenarios!(connect, rooms, binary, acks, refusals, history, ends, large);
