//! Chromium with the first user's game: its page on its own origin, its four namespaces, its rules.

use carillon_tests::gateway::{Gateway, KEY, Options, workspace};
use carillon_tests::{metrics, ports, scripts};
use serde_json::{Value, json};

/// The example's rules, their page's origin moved to a free port.
fn game(shards: u16) -> (Gateway, String) {
    let example = workspace().join("examples/government-sim.yaml");
    let rules = std::fs::read_to_string(example).unwrap();
    let origin = format!("http://localhost:{}", ports::free());
    assert!(
        rules.contains("http://localhost:3000"),
        "the game's own origin"
    );
    let rules = rules.replace("http://localhost:3000", &origin);
    (Options::rules(&rules).shards(shards).start(), origin)
}

fn run(gateway: &Gateway, more: &Value) -> usize {
    let mut parameters = json!({
        "url": format!("http://localhost:{}", gateway.port()),
        "api": format!("http://127.0.0.1:{}", gateway.api_port()),
        "key": KEY,
        "chromium": scripts::chromium(),
    });
    for (key, value) in more.as_object().unwrap() {
        parameters[key] = value.clone();
    }
    scripts::node_script("browser.mjs", &parameters).len()
}

#[test]
fn plays_the_game() {
    for shards in [1, 3] {
        let (gateway, origin) = game(shards);
        assert_eq!(run(&gateway, &json!({ "origin": origin })), 6);
        metrics::assert_accounted(&gateway);
    }
}

#[test]
fn refuses_another_origin() {
    let (gateway, _) = game(1);
    let denied = format!("http://localhost:{}", ports::free());
    assert_eq!(run(&gateway, &json!({ "denied": denied })), 2);
}
