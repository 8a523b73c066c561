//! Packets that are none, over both transports (the parser's own bad cases, CVE-2022-2421,
//! CVE-2023-32695, CVE-2026-33151, and what Rust would trip over).

use carillon_tests::gateway::workspace;
use carillon_tests::http::Connection;
use carillon_tests::polling::Polling;
use carillon_tests::process::Process;
use carillon_tests::scripts;
use carillon_tests::session::{Session, WEBSOCKET};
use carillon_tests::ws::{self, Message};
use serde_json::json;

use super::attack;

/// Sent after CONNECT; each ends the session. `bin` stands for a binary message.
const FATAL: &[&[&str]] = &[
    &["é1234"],
    &["abc"],
    &["{}"],
    &["4é"],
    &["4😀[\"a\"]"],
    &["45"],
    &["451"],
    &["45a-"],
    &["451.23-"],
    &["453-[\"a\"]", "42[\"a\"]"],
    &["4511-[\"a\"]"],
    &["4542949672961-[\"a\"]"],
    &["45-1-[\"a\"]"],
    &["4999"],
    &["442[\"some\",\"data\""],
    &["40/admin,\"invalid\""],
    &["40/admin,[]"],
    &["40[]"],
    &["41/admin,{}"],
    &["42/admin,\"invalid"],
    &["42/admin,{}"],
    &["42[{\"toString\":\"foo\"}]"],
    &["42[true,\"foo\"]"],
    &["42[null,\"bar\"]"],
    &["42[[\"a\"]]"],
    &["42[\"connect\"]"],
    &["42[\"disconnect\",\"123\"]"],
    &["42[\"\\u0063onnect\"]"],
    &["42[\"a\",]"],
    &["42[\"a\" \"b\"]"],
    &["42[\"a\",01]"],
    &["42[\"a\",+1]"],
    &["42[\"a\",1.]"],
    &["42[\"a\",NaN]"],
    &["42[\"a\",'b']"],
    &["42[\"a\",{a:1}]"],
    &["42[\"a\",\"\\x41\"]"],
    &["42[\"a\",\"\\ud8\"]"],
    &["42[\"a\",\"\u{1}\"]"],
    &["42[\"a\",\"\n\"]"],
    &["42[\"a\"]\u{0}"],
    &["431{}"],
    &["43-1[]"],
    &["bin"],
    &[
        "451-[\"a\",{\"_placeholder\":true,\"num\":\"splice\"}]",
        "bin",
    ],
    &["451-[\"a\",{\"_placeholder\":true,\"num\":1}]", "bin"],
    &["451-[\"a\",{\"_placeholder\":true,\"num\":-1}]", "bin"],
    &[
        "451-[\"a\",{\"_placeholder\":true,\"num\":18446744073709551616}]",
        "bin",
    ],
    &["451-[\"a\",{\"_placeholder\":true}]", "bin"],
    &["451-[\"a\",{\"_\\u0070laceholder\":true,\"num\":7}]", "bin"],
    &[
        "452-[\"a\",{\"_placeholder\":true,\"num\":0}]",
        "bin",
        "42[\"a\"]",
    ],
    &["46"],
    &["44{\"message\":\"x\"}"],
];

/// As above; Node lets them pass: it takes such a space for an ack id of 0, and hands `undefined` to the
/// application for an attachment between two.
const STRICTER: &[&[&str]] = &[
    &["42\u{a0}[\"a\"]"],
    &["451-[\"a\",{\"_placeholder\":true,\"num\":0.5}]", "bin"],
];

/// Sent after CONNECT; nothing comes of it and the session goes on.
const HARMLESS: &[&str] = &[
    "6",
    "3",
    "43999[]",
    "42[\"a\",{\"__proto__\":{\"x\":1},\"constructor\":{\"prototype\":1}}]",
    "42[\"a\",{\"toString\":1,\"hasOwnProperty\":null}]",
    "42[\"a\",\"\u{2028}\u{2029}\u{feff}\u{7f}\"]",
    "42[\"a\",\"\\u0000\\u2028\"]",
    "42[\"a\",1e999,-0,1E-999,12345678901234567890]",
    "42[\"a\",\"\\ud800\",\"\\udc00\\ud800\"]",
    "42[\"a\",\t1 ,\r\n2 ]",
    "42[\"\\u0061\"]",
    "41/admin,",
];

#[test]
fn end_the_session() {
    attack("bad packets", |target| {
        for sent in FATAL.iter().chain(STRICTER) {
            over_websocket(target.port(), sent);
            over_polling(target.port(), sent);
        }
    });
}

/// The table is right: Node ends the session too.
#[test]
fn end_the_session_on_node() {
    let (_server, port) = node();
    for sent in FATAL {
        over_websocket(port, sent);
        over_polling(port, sent);
    }
    odd(port);
}

fn node() -> (Process, u16) {
    let rules = workspace().join("tests/fixtures/hostile.yaml");
    let (process, line) = scripts::node_server("reference.mjs", &json!({ "rules": rules }));
    (
        process,
        u16::try_from(line["port"].as_u64().unwrap()).unwrap(),
    )
}

fn over_websocket(port: u16, sent: &[&str]) {
    let (mut session, _) = Session::connected(port, "/");
    for packet in sent {
        match *packet {
            "bin" => session.send_binary(&[1]),
            text => session.send(text),
        }
    }
    let seen = session.ws().settle();
    let close = seen.last();
    assert_eq!(
        close,
        Some(&Message::Close(1005, String::new())),
        "{sent:?}: {seen:?}"
    );
}

fn over_polling(port: u16, sent: &[&str]) {
    let session = Polling::open(port);
    session.connect("/");
    let payload = sent.join("\u{1e}").replace("bin", "bAQ==");
    let status = session.post(&payload).status;
    assert!(matches!(status, 200 | 400), "{sent:?}: {status}");
    let answer = session.poll();
    let (status, text) = (answer.status, answer.text());
    let closed = status == 400 || text.split('\u{1e}').any(|packet| packet == "1");
    assert!(closed, "{sent:?}: {status} {text:?}");
    assert_eq!(session.poll().status, 400, "{sent:?}");
}

#[test]
fn change_nothing() {
    attack("odd packets", |target| odd(target.port()));
}

fn odd(port: u16) {
    let (mut session, _) = Session::connected(port, "/");
    for (index, packet) in HARMLESS.iter().enumerate() {
        if packet.starts_with("41/admin") {
            session.connect("/admin", "");
        }
        session.send(packet);
        session.event("/", &format!(r#"{index}["echo"]"#));
        assert_eq!(session.next(), format!("43{index}[]"), "after {packet:?}");
    }
}

#[test]
fn before_connect() {
    attack("packets before CONNECT", |target| {
        for packet in [
            "42[\"a\"]",
            "41",
            "430[]",
            "4abc",
            "44{\"message\":\"x\"}",
            "40\"x\"",
        ] {
            let mut session = Session::open(target.port());
            session.send(packet);
            assert_eq!(session.closed(), 1005, "{packet}");
        }
        let mut twice = Session::open(target.port());
        twice.connect("/", "");
        twice.send("40");
        assert_eq!(twice.closed(), 1005);
        let polling = Polling::open(target.port());
        polling.post("42[\"a\"]");
        assert_eq!(polling.poll().text(), "6\u{1e}1");
    });
}

/// CVE-2022-21676: an error between the handshake and the first message stays in its connection.
#[test]
fn in_the_handshake_itself() {
    attack("frames behind the handshake", |target| {
        let frames: [&[u8]; 5] = [
            &[0xff, 0xff, 0xff, 0xff],
            &[0x81, 0x05, b'h', b'e', b'l', b'l', b'o'],
            &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x88, 0x80, 1, 2, 3, 4],
            &[0x81, 0x84, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        ];
        for frame in frames {
            let request = ws::handshake(WEBSOCKET);
            let mut bytes = request.bytes(target.port());
            bytes.extend_from_slice(frame);
            let mut connection = Connection::open(target.port());
            connection.write(&bytes).unwrap();
            assert_eq!(connection.read_response(false).unwrap().status, 101);
            connection.read_to_end();
        }
    });
}

#[test]
fn late_packets_are_ignored() {
    attack("packets after a DISCONNECT", |target| {
        let (mut session, _) = Session::connected(target.port(), "/admin");
        session.connect("/", "");
        session.send("41/admin,");
        session.event("/", r#"1["echo"]"#);
        session.expect("431[]");
        session.event("/admin", r#"["a"]"#);
        assert_eq!(
            session.closed(),
            1005,
            "an event of a namespace that was left"
        );
    });
}
