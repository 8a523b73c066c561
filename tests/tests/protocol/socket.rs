//! Socket.IO v5: connect, disconnect, messages with and without attachments and acks.

use carillon_tests::packets;
use carillon_tests::session::Session;
use serde_json::Value;

pub(super) fn suite(port: u16) {
    connects(port);
    refused_namespace(port);
    closed(port, &["4abc"]);
    closed(port, &[]);
    disconnects(port);
    messages(port);
    acks(port);
    closed_after_connect(port);
}

/// A session whose main namespace is connected and whose welcome was read.
fn connected(port: u16) -> Session {
    let mut session = Session::open(port);
    session.connect("/", "");
    session.expect(r#"42["auth",{}]"#);
    session
}

fn connects(port: u16) {
    for (namespace, auth) in [
        ("/", ""),
        ("/", r#"{"token":"123"}"#),
        ("/custom", ""),
        ("/custom", r#"{"token":"abc"}"#),
    ] {
        let mut session = Session::open(port);
        let prefix = packets::prefix(namespace);
        session.send(&format!("40{prefix}{auth}"));
        let answer = session.next();
        let json = answer
            .strip_prefix(&format!("40{prefix}"))
            .expect("a CONNECT");
        let value: Value = serde_json::from_str(json).unwrap();
        assert!(
            value.as_object().unwrap().len() == 1 && value["sid"].is_string(),
            "{answer}"
        );
        let auth = if auth.is_empty() { "{}" } else { auth };
        session.expect(&format!(r#"42{prefix}["auth",{auth}]"#));
    }
}

fn refused_namespace(port: u16) {
    let mut session = Session::open(port);
    session.send("40/random");
    session.expect(r#"44/random,{"message":"Invalid namespace"}"#);
}

/// Such packets (or none within the connect timeout) end the session.
fn closed(port: u16, sent: &[&str]) {
    let mut session = Session::open(port);
    for packet in sent {
        session.send(packet);
    }
    session.closed();
}

fn disconnects(port: u16) {
    let mut session = connected(port);
    session.send("41");
    session.assert_quiet();

    let mut session = connected(port);
    session.connect("/custom", "");
    session.expect(r#"42/custom,["auth",{}]"#);
    session.send("41/custom");
    session.event("/", r#"["message","message to main namespace"]"#);
    session.expect(r#"42["message-back","message to main namespace"]"#);
}

fn messages(port: u16) {
    let mut session = connected(port);
    session.event("/", r#"["message",1,"2",{"3":[true]}]"#);
    session.expect(r#"42["message-back",1,"2",{"3":[true]}]"#);

    let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    session.send(&format!(r#"452-["message",{placeholders}]"#));
    session.send_binary(&[1, 2, 3]);
    session.send_binary(&[4, 5, 6]);
    session.expect(&format!(r#"452-["message-back",{placeholders}]"#));
    assert_eq!(session.next_binary(), [1, 2, 3]);
    assert_eq!(session.next_binary(), [4, 5, 6]);
}

fn acks(port: u16) {
    let mut session = connected(port);
    session.event("/", r#"456["message-with-ack",1,"2",{"3":[false]}]"#);
    session.expect(r#"43456[1,"2",{"3":[false]}]"#);

    let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    session.send(&format!(r#"452-789["message-with-ack",{placeholders}]"#));
    session.send_binary(&[1, 2, 3]);
    session.send_binary(&[4, 5, 6]);
    session.expect(&format!("462-789[{placeholders}]"));
    assert_eq!(session.next_binary(), [1, 2, 3]);
    assert_eq!(session.next_binary(), [4, 5, 6]);
}

fn closed_after_connect(port: u16) {
    for packet in ["4abc", "42{}", r#"42abc["message-with-ack",1]"#] {
        let mut session = connected(port);
        session.send(packet);
        session.closed();
    }
}
