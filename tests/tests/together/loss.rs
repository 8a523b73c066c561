//! `onBusLoss`: while Redis is away an emit reaches this node alone, or nobody.

use std::time::{Duration, Instant};

use carillon_tests::cluster::Mode;
use carillon_tests::gateway::{Gateway, KEY};
use carillon_tests::http::Request;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::session::Session;
use serde_json::{Value, json};

use super::{MODES, pod, until_up};

const RULES: &str = "
namespaces:
- { name: /local, autoJoin: [all] }
- { name: /refuse, autoJoin: [all], onBusLoss: refuse }
";

fn event(namespace: &str) -> Value {
    json!({ "namespace": namespace, "event": "e", "args": [], "rooms": ["all"] })
}

fn lines(gateway: &Gateway, events: &[Value]) -> Vec<Value> {
    let body: String = events.iter().map(|event| format!("{event}\n")).collect();
    let answer = Request::post("/v1/emit")
        .header("authorization", &format!("Bearer {KEY}"))
        .header("content-type", "application/x-ndjson")
        .body(body.as_bytes())
        .send(gateway.api_port());
    let lines = answer.text();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn is_survived_or_refused() {
    for mode in MODES {
        let redis = Redis::start();
        let gateway = pod(&redis, mode, RULES);
        let (mut local, _) = Session::connected(gateway.port(), "/local");
        let (mut refuse, _) = Session::connected(gateway.port(), "/refuse");
        let answer = gateway.post("/v1/emit", &event("/refuse"));
        assert_eq!(
            (answer.status, answer.json()["degraded"].is_null()),
            (200, true)
        );
        refuse.expect(r#"42/refuse,["e"]"#);

        redis.kill();
        until_up(&gateway, false);
        assert_eq!(gateway.post("/v1/emit", &event("/refuse")).status, 503);
        // A dead connection is found out within a second.
        carillon_tests::wait::until("an emit is degraded", || {
            let answer = gateway.post("/v1/emit", &event("/local"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            local.expect(r#"42/local,["e"]"#);
            (answer.json()["degraded"] == json!(true)).then_some(())
        });
        let answer = gateway.post("/v1/emit", &event("/refuse"));
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (503, &json!("unavailable"))
        );
        assert!(answer.header("retry-after").is_some());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let both = [event("/refuse"), event("/local")];
        let items = gateway.post("/v1/emit", &json!(both)).json();
        for items in [items.as_array().unwrap().clone(), lines(&gateway, &both)] {
            assert_eq!(items[0]["error"]["code"], "unavailable", "{items:?}");
            assert_eq!(items[1]["degraded"], true, "{items:?}");
            local.expect(r#"42/local,["e"]"#);
        }
        refuse.assert_quiet();

        redis.restart();
        until_up(&gateway, true);
        assert_eq!(gateway.post("/v1/emit", &event("/refuse")).status, 200);
        refuse.expect(r#"42/refuse,["e"]"#);
    }
}

/// Without Redis there is no way to lose.
#[test]
fn is_unknown_to_one_gateway() {
    let gateway = carillon_tests::gateway::Options::rules(RULES).start();
    let (mut refuse, _) = Session::connected(gateway.port(), "/refuse");
    let answer = gateway.post("/v1/emit", &event("/refuse"));
    assert_eq!(
        (answer.status, answer.json()["degraded"].is_null()),
        (200, true)
    );
    refuse.expect(r#"42/refuse,["e"]"#);
}

/// A reload changes it for the next call.
#[test]
fn follows_the_rules() {
    let redis = Redis::start();
    let folder = std::env::temp_dir().join(format!("carillon-loss-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("rules.yaml");
    std::fs::write(&file, "namespaces: [{ name: / }]").unwrap();
    let gateway = carillon_tests::gateway::Options::rules_file(&file)
        .env("CARILLON_REDIS_URL", &redis.url())
        .env("CARILLON_REDIS_MODE", Mode::Classic.name())
        .start();
    redis.kill();
    until_up(&gateway, false);
    assert_eq!(gateway.post("/v1/emit", &event("/")).status, 200);
    std::fs::write(&file, "namespaces: [{ name: /, onBusLoss: refuse }]").unwrap();
    carillon_tests::wait::until("the new rules are in force", || {
        (gateway.post("/v1/emit", &event("/")).status == 503).then_some(())
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A Redis that is frozen breaks no connection: one second after the first publication that it does not answer, nobody is
/// told that others will get theirs, and once it goes on all is well.
#[test]
fn is_told_of_a_frozen_redis() {
    for mode in MODES {
        let redis = Redis::start();
        let gateway = pod(&redis, mode, RULES);
        let is_degraded = || {
            let answer = gateway.post("/v1/emit", &event("/local"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()["degraded"] == json!(true)
        };
        assert!(!is_degraded());
        redis.freeze();
        let began = Instant::now();
        assert!(!is_degraded(), "a moment is none");
        carillon_tests::wait::until("an emit is degraded", || is_degraded().then_some(()));
        let noticed = began.elapsed();
        redis.thaw();
        assert!(
            (Duration::from_millis(900)..Duration::from_millis(1_900)).contains(&noticed),
            "{}: after {noticed:?}",
            mode.name()
        );
        carillon_tests::wait::until("no emit is degraded", || (!is_degraded()).then_some(()));
    }
}

/// Each time that the others were not heard is counted, with how long it was.
#[test]
fn gaps_are_counted() {
    let redis = Redis::start();
    let gateway = pod(&redis, Mode::Classic, RULES);
    let sums = || {
        let metrics = Metrics::of(&gateway);
        ["carillon_bus_gaps_total", "carillon_bus_gap_seconds_total"]
            .map(|name| metrics.sum(name, &[]))
    };
    assert_eq!(sums(), [0.0, 0.0]);
    for gaps in [1.0, 2.0] {
        let before = sums()[1];
        redis.kill();
        until_up(&gateway, false);
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(500));
        redis.restart();
        let lasted = carillon_tests::wait::until("the gap is counted", || {
            let [count, seconds] = sums();
            (count == gaps).then_some(seconds - before)
        });
        let most = began.elapsed().as_secs_f64() + 1.0;
        assert!((0.5..most).contains(&lasted), "{lasted} of {most}");
    }
}
