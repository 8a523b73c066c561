//! Arguments travel as they were sent, byte for byte; depth is limited; placeholders are checked.

use carillon_tests::session::Session;
use carillon_tests::ws::Message;
use serde_json::json;

use super::{Target, attack};

/// JSON texts that a parser and a printer between would change.
const EXACT: &[&str] = &[
    r#"{"a":1,"a":2}"#,
    "12345678901234567890",
    "-0",
    "1.0",
    "1e999",
    "1E+2",
    "0.1e-7",
    r#""\u0061\/\b""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\uD83D\uDE00😀""#,
    "\"\u{2028}\u{7f}\u{feff}\"",
    r#"{"__proto__":{"x":1}}"#,
    r#"{"" : [ ] , "b":{ }}"#,
    "[\t1 ]",
    "[[[[[]]]]]",
    "null",
];

#[test]
fn are_not_touched() {
    attack("odd JSON", |target| {
        let (mut sender, _) = Session::connected(target.port(), "/");
        let (mut receiver, _) = Session::connected(target.port(), "/");
        receiver.event("/", r#"1["join","exact"]"#);
        receiver.expect("431[]");
        for text in EXACT {
            sender.event("/", &format!(r#"["say","exact",{text}]"#));
            receiver.expect(&format!(r#"42["say","exact",{text}]"#));
            sender.event("/", &format!(r#"5["echo",{text}]"#));
            assert_eq!(sender.next(), format!("435[{text}]"));
        }
        sender.event("/", r#"["\u0073ay","exact"]"#);
        assert!(
            receiver.next().ends_with(r#"ay","exact"]"#),
            "an escaped name is the same event"
        );
    });
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// 512 levels, the array of the event itself among them.
#[test]
fn are_only_so_deep() {
    attack("deep JSON", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        session.event("/", &format!(r#"1["echo",{}]"#, nested(300)));
        session.expect(&format!("431[{}]", nested(300)));
        session.event("/", &format!(r#"2["echo",{}]"#, nested(511)));
        session.expect(&format!("432[{}]", nested(511)));
        for depth in [513, 5_000, 30_000] {
            let (mut session, _) = Session::connected(target.port(), "/");
            session.event("/", &format!(r#"3["echo",{}]"#, nested(depth)));
            assert_eq!(session.closed(), 1005, "{depth}");
            let unclosed = "[".repeat(depth);
            let (mut session, _) = Session::connected(target.port(), "/");
            session.event("/", &format!(r#"["a",{unclosed}"#));
            assert_eq!(session.closed(), 1005, "{depth}");
        }
        let mut deep = json!([]);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let emit = |args: &serde_json::Value| json!({ "namespace": "/", "event": "e", "args": args, "rooms": ["nobody"] });
        assert_eq!(target.gateway.post("/v1/emit", &emit(&deep)).status, 200);
        let body = format!(
            r#"{{"namespace":"/","event":"e","args":[{}]}}"#,
            nested(2_000)
        );
        let answer = carillon_tests::http::Request::post("/v1/emit")
            .header(
                "authorization",
                &format!("Bearer {}", carillon_tests::gateway::KEY),
            )
            .header("content-type", "application/json")
            .body(body.as_bytes())
            .send(target.gateway.api_port());
        assert_eq!(answer.status, 400, "{}", answer.text());
    });
}

#[test]
fn keep_their_attachments() {
    attack("attachments", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        // Swapped, used twice and not at all: each receiver gets what the text says.
        session.send(r#"453-["back",{"_placeholder":true,"num":2},{"x":{"_placeholder":true,"num":0}},{"num":2,"_placeholder":true}]"#);
        for byte in [10, 20, 30] {
            session.send_binary(&[byte]);
        }
        assert_eq!(
            resolved(&mut session),
            json!(["back", [30], { "x": [10] }, [30]])
        );
        // Arguments recombined by a template renumber their placeholders.
        session.send(r#"453-["combine",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]"#);
        for byte in [10, 20, 30] {
            session.send_binary(&[byte]);
        }
        assert_eq!(resolved(&mut session), json!(["combined", [20], [10]]));
    });
}

/// A placeholder object in a packet that brings no attachments is never combined with some.
#[test]
fn do_not_forge_placeholders() {
    attack("forged placeholders", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        let forged = r#"{"_placeholder":true,"num":0}"#;
        session.event("/", &format!(r#"1["echo",{forged}]"#));
        session.expect(&format!("431[{forged}]"));
        let escaped = r#"{"_\u0070laceholder":true,"num":0}"#;
        session.event("/", &format!(r#"2["echo",{escaped}]"#));
        session.expect(&format!("432[{escaped}]"));
        session.assert_quiet();
    });
}

/// The next event with its attachments put in as arrays of bytes.
fn resolved(session: &mut Session) -> serde_json::Value {
    let packet = session.next();
    let (head, json) = packet.split_once('-').expect("a binary event");
    let count: usize = head.strip_prefix("45").unwrap().parse().unwrap();
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    let attachments: Vec<Vec<u8>> = (0..count)
        .map(|_| match session.message() {
            Message::Binary(bytes) => bytes,
            other => panic!("an attachment was due, not {other:?}"),
        })
        .collect();
    put(&mut value, &attachments);
    value
}

fn put(value: &mut serde_json::Value, attachments: &[Vec<u8>]) {
    if value["_placeholder"] == json!(true) {
        let number = usize::try_from(value["num"].as_u64().unwrap()).unwrap();
        *value = json!(attachments[number]);
        return;
    }
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| put(item, attachments)),
        serde_json::Value::Object(map) => map.values_mut().for_each(|item| put(item, attachments)),
        _ => {}
    }
}

#[test]
fn are_refused_beyond_the_namespace() {
    attack("many namespaces", |target: &mut Target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        for number in 1..16 {
            session.connect(&format!("/n-{number}"), "");
        }
        session.send("40/n-16,");
        let answer = session.next();
        assert!(
            answer.starts_with("44/n-16,"),
            "a connection holds 16 namespaces: {answer}"
        );
        session.event("/", r#"1["echo"]"#);
        session.expect("431[]");
        let (mut session, _) = Session::connected(target.port(), "/");
        session.send(&format!("40/n-{},", "x".repeat(60_000)));
        let answer = session.next();
        assert!(answer.starts_with("44/n-x"), "{:.80}", answer);
    });
}
