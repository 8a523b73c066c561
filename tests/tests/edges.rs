//! What stands around the protocol: limits of connections, compression, headers, deadlines.

use std::time::{Duration, Instant};

use carillon_tests::gateway::Options;
use carillon_tests::http::Request;
use carillon_tests::polling::{POLLING, Polling};
use carillon_tests::session::{Session, WEBSOCKET};
use carillon_tests::wait;
use carillon_tests::ws::Ws;
use serde_json::json;

const NAMESPACE: &str = "namespaces: [{ name: /, events: [{ name: join, join: ['r-{0}'] }, { name: echo, ack: { args: true } }] }]";

fn rules(top: &str) -> Options {
    Options::rules(&format!("{top}\n{NAMESPACE}"))
}

/// Refused before a session is made, so that clients come again: never by `44`.
#[test]
fn connections_are_limited() {
    for shards in [1, 3] {
        let gateway = rules("limits: { connections: 4 }").shards(shards).start();
        let mut held: Vec<Session> = (0..4).map(|_| gateway.websocket()).collect();
        let refused = Ws::connect(gateway.port(), WEBSOCKET, &[])
            .err()
            .map(|answer| answer.status);
        assert_eq!(refused, Some(503));
        held.pop();
        wait::until("a place is free again", || {
            Ws::connect(gateway.port(), WEBSOCKET, &[]).ok()
        });
    }
}

/// The address is the peer's, or what a trusted proxy says.
#[test]
fn addresses_are_limited() {
    let limits = "limits: { perAddress: { connections: 2 }, trustedProxies: ['127.0.0.1/32'] }";
    let gateway = rules(limits).shards(3).start();
    let connect =
        |forwarded| Ws::connect(gateway.port(), WEBSOCKET, &[("x-forwarded-for", forwarded)]);
    let _held = [
        connect("203.0.113.1").unwrap(),
        connect("203.0.113.1").unwrap(),
    ];
    let status = connect("203.0.113.1").err().map(|answer| answer.status);
    assert!(matches!(status, Some(429 | 503)), "{status:?}");
    // Read from the right: what a client put there itself counts for nothing.
    let forged = connect("198.51.100.7, 203.0.113.1")
        .err()
        .map(|answer| answer.status);
    assert_eq!(forged, status);
    assert!(connect("203.0.113.2").is_ok());
}

#[test]
fn handshakes_are_limited() {
    let gateway = rules("limits: { handshakesPerSecond: 5 }").start();
    let answers: Vec<u16> = (0..40)
        .map(|_| Request::get(POLLING).send(gateway.port()).status)
        .collect();
    let served = answers.iter().filter(|status| **status == 200).count();
    assert!((5..30).contains(&served), "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|status| matches!(status, 200 | 429 | 503)),
        "{answers:?}"
    );
}

/// Long answers to polls are compressed for who takes it; short ones never.
#[test]
fn polls_are_compressed() {
    let gateway = rules("").shards(3).start();
    let text = "the same words again and again ".repeat(200);
    for (accepted, expected) in [
        ("gzip, deflate", Some("gzip")),
        ("deflate", Some("deflate")),
        ("identity", None),
        ("", None),
    ] {
        let session = Polling::open(gateway.port());
        session.connect("/");
        assert_eq!(
            session.post(&format!(r#"421["echo","{text}"]"#)).status,
            200
        );
        let poll = Request::get(&session.path())
            .header("accept-encoding", accepted)
            .send(gateway.port());
        assert_eq!(poll.header("content-encoding"), expected, "{accepted:?}");
        assert_eq!(poll.body.len() < text.len() / 4, expected.is_some());
        assert_eq!(session.post(r#"422["echo",1]"#).status, 200);
        let short = Request::get(&session.path())
            .header("accept-encoding", accepted)
            .send(gateway.port());
        assert_eq!(
            (short.header("content-encoding"), short.text().as_str()),
            (None, "432[1]")
        );
    }
}

#[test]
fn headers_are_as_in_node() {
    let gateway = rules("cors: { origins: ['http://a.example'], credentials: true }").start();
    let open = Request::get(POLLING)
        .header("origin", "http://a.example")
        .send(gateway.port());
    let header = |name| open.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "text/plain; charset=UTF-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("access-control-allow-origin"), "http://a.example");
    assert_eq!(header("access-control-allow-credentials"), "true");
    assert!(header("vary").to_ascii_lowercase().contains("origin"));
    let session = Polling::open(gateway.port());
    let posted = session.post("40");
    assert_eq!(
        (posted.header("content-type"), posted.text().as_str()),
        (Some("text/html"), "ok")
    );
}

/// Binary travels in polls as base64 beside its packet.
#[test]
fn polls_carry_binary() {
    let gateway = rules("").shards(3).start();
    let session = Polling::open(gateway.port());
    session.connect("/");
    let sent = "451-1[\"echo\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID/w==";
    assert_eq!(session.post(sent).status, 200);
    let mut packets = session.packets();
    if packets.len() == 1 {
        packets.extend(session.packets());
    }
    assert_eq!(
        packets,
        [r#"461-1[{"_placeholder":true,"num":0}]"#, "bAQID/w=="]
    );
}

/// Nobody may hold a connection by saying nothing.
#[test]
fn silence_ends() {
    let gateway =
        rules("engine: { connectTimeout: 300ms, pingInterval: 500ms, pingTimeout: 300ms }")
            .shards(3)
            .start();
    let start = Instant::now();
    let mut unconnected = gateway.websocket();
    assert_eq!(unconnected.closed(), 1005);
    assert!(start.elapsed() < Duration::from_secs(3));
    // As in Node, who has been in a namespace may be in none for a while.
    let (mut left, _) = Session::connected(gateway.port(), "/");
    left.send("41");
    left.assert_quiet();
    left.connect("/", "");
    let silent = Polling::open(gateway.port());
    silent.post("40");
    wait::until("a session that never polls ends", || {
        (silent.post("6").status == 400).then_some(())
    });
}

/// What is said when a session is closed over HTTP while it polls.
#[test]
fn polls_hear_the_end() {
    let gateway = rules("").shards(3).start();
    let session = Polling::open(gateway.port());
    let id = session.connect("/");
    let mut poll = session.start_poll();
    let body = json!({ "namespace": "/", "sockets": [id], "close": true });
    assert_eq!(gateway.post("/v1/disconnect", &body).status, 200);
    let mut heard = poll.read_response(false).unwrap().text();
    while !heard.ends_with('1') || heard.ends_with("41") {
        heard += "\u{1e}";
        heard += &session.poll().text();
    }
    assert_eq!(
        heard
            .split('\u{1e}')
            .filter(|packet| *packet != "6")
            .collect::<Vec<_>>(),
        ["41", "1"]
    );
    assert_eq!(session.poll().status, 400);
}
