//! SIGTERM: readiness goes, handshakes are refused, sessions end at their turn and never by `41`.

mod fleet;

use std::time::{Duration, Instant};

use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::http::{Connection, Request};
use carillon_tests::polling::{POLLING, Polling};
use carillon_tests::session::{Session, WEBSOCKET};
use carillon_tests::ws::{Message, Ws};
use carillon_tests::{scripts, wait};
use serde_json::json;

fn start(shards: u16, hold: &str, timeout: &str, rate: &str) -> Gateway {
    let rules = workspace().join("tests/fixtures/scenarios.yaml");
    Options::rules_file(&rules)
        .shards(shards)
        .env("CARILLON_DRAIN_HOLD", hold)
        .env("CARILLON_DRAIN_TIMEOUT", timeout)
        .env("CARILLON_DRAIN_RATE", rate)
        .start()
}

fn until_not_ready(gateway: &Gateway) {
    wait::until("readiness is off", || {
        let answer = gateway.admin("/readyz");
        (answer.status == 503)
            .then(|| assert!(answer.text().contains("drain"), "{}", answer.text()))
    });
}

/// The hold serves all, what follows refuses handshakes alone.
#[test]
fn refuses_handshakes_only() {
    for shards in [1, 3] {
        let mut gateway = start(shards, "1s", "30s", "1/s");
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let polling = Polling::open(gateway.port());
        polling.connect("/");
        // One session a second: these wait for their turn behind the others.
        let _crowd: Vec<Session> = (0..40).map(|_| gateway.websocket()).collect();
        gateway.process().signal("TERM");
        until_not_ready(&gateway);
        assert_eq!(
            Request::get(POLLING).send(gateway.port()).status,
            200,
            "served while it holds"
        );
        let refused = wait::until("handshakes are refused", || {
            let answer = Request::get(POLLING).try_send(gateway.port()).ok()?;
            (answer.status == 503).then_some(answer)
        });
        assert_eq!(refused.header("connection"), Some("close"));
        let websocket = Ws::connect(gateway.port(), WEBSOCKET, &[])
            .err()
            .map(|answer| answer.status);
        assert_eq!(websocket, Some(503));
        session.event("/", r#"1["echo"]"#);
        match session.message() {
            Message::Text(answer) => assert_eq!(answer, "431[]"),
            Message::Close(..) | Message::Dropped => {}
            other => panic!("{other:?}"),
        }
        let status = polling.post(r#"422["echo",1]"#).status;
        assert!(
            matches!(status, 200 | 400),
            "sessions are served until their turn: {status}"
        );
        gateway.process().signal("TERM");
        let status = gateway.process().wait();
        assert!(status.code().is_some(), "a second signal ends it: {status}");
    }
}

#[test]
fn upgrades_existing_sessions() {
    let mut gateway = start(1, "100ms", "30s", "1/s");
    let _crowd: Vec<Session> = (0..40).map(|_| gateway.websocket()).collect();
    let session = Polling::open(gateway.port());
    session.connect("/");
    gateway.process().signal("TERM");
    wait::until("handshakes are refused", || {
        (Request::get(POLLING).try_send(gateway.port()).ok()?.status == 503).then_some(())
    });
    let path = format!("{WEBSOCKET}&sid={}", session.sid());
    match Ws::connect(gateway.port(), &path, &[]) {
        Ok(mut ws) => {
            ws.text("2probe");
            assert_eq!(ws.data(), Message::Text("3probe".to_owned()));
        }
        Err(answer) => assert_eq!(answer.status, 400, "only if its turn had come"),
    }
}

/// Transports close without a DISCONNECT packet, so that clients reconnect; then the process ends.
#[test]
fn closes_without_goodbye() {
    for shards in [1, 3] {
        let mut gateway = start(shards, "0s", "20s", "1000/s");
        let mut sessions: Vec<Session> = (0..20)
            .map(|_| Session::connected(gateway.port(), "/").0)
            .collect();
        let polling: Vec<Polling> = (0..5).map(|_| Polling::open(gateway.port())).collect();
        let mut polls: Vec<Connection> = polling
            .iter()
            .map(|polling| {
                polling.connect("/");
                polling.start_poll()
            })
            .collect();
        gateway.process().signal("TERM");
        for session in &mut sessions {
            let end = session.message();
            assert!(
                matches!(end, Message::Close(..) | Message::Dropped),
                "no packet: {end:?}"
            );
        }
        for poll in &mut polls {
            if let Ok(answer) = poll.read_response(false) {
                assert!(!answer.text().contains("41"), "{}", answer.text());
            }
        }
        let status = gateway.process().wait();
        assert_eq!(status.code(), Some(0), "{}", gateway.process().output());
    }
}

/// The pace is the configured one.
#[test]
fn keeps_its_pace() {
    let mut gateway = start(3, "0s", "60s", "50/s");
    let mut sessions: Vec<Session> = (0..100).map(|_| gateway.websocket()).collect();
    let start = Instant::now();
    gateway.process().signal("TERM");
    for session in &mut sessions {
        session.closed();
    }
    let took = start.elapsed();
    let due = Duration::from_secs(2);
    assert!(
        took > due / 2 && took < due * 2,
        "100 sessions at 50/s took {took:?}"
    );
    assert_eq!(gateway.process().wait().code(), Some(0));
}

#[test]
fn ends_at_the_second_signal() {
    for signal in ["TERM", "INT"] {
        let mut gateway = start(1, "60s", "600s", "1/s");
        let _session = gateway.websocket();
        gateway.process().signal(signal);
        until_not_ready(&gateway);
        let start = Instant::now();
        gateway.process().signal(signal);
        gateway.process().wait();
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
}

/// Real clients go elsewhere by themselves and lose nothing that they had buffered.
#[test]
fn moves_real_clients() {
    let (mut first, second) = (
        start(3, "0s", "20s", "200/s"),
        start(3, "0s", "20s", "200/s"),
    );
    let proxy = json!({ "ports": [first.port(), second.port()] });
    let (_proxy, line) = scripts::node_server("failover.mjs", &proxy);
    let parameters = json!({
        "url": format!("http://127.0.0.1:{}", line["port"]),
        "process": first.process().id(),
        "transports": ["websocket"],
    });
    scripts::node("drain", &parameters);
    assert_eq!(first.process().wait().code(), Some(0));
}
