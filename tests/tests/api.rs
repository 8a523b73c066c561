//! The HTTP API of backends, and the snapshots that browsers poll.

mod emit;
mod events;
mod keys;
mod sockets;

use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::session::Session;
use serde_json::Value;

const READER: &str = "reader-key-0123456789abcdef";
const SENDER: &str = "sender-key-0123456789abcdef";

/// Runs a test on one shard and on three.
fn each(test: impl Fn(&Gateway)) {
    let rules = workspace().join("tests/fixtures/api.yaml");
    for shards in [1, 3] {
        let options = Options::rules_file(&rules).shards(shards);
        let mut gateway = options
            .env("READER_KEY", READER)
            .env("SENDER_KEY", SENDER)
            .start();
        test(&gateway);
        gateway.assert_alive();
    }
}

/// Sockets of `/` that joined a room, with their ids.
fn members(gateway: &Gateway, room: &str, count: usize) -> Vec<(Session, String)> {
    let member = |_| {
        let (mut session, id) = Session::connected(gateway.port(), "/");
        session.event("/", &format!(r#"1["join","{room}"]"#));
        session.expect("431[]");
        (session, id)
    };
    (0..count).map(member).collect()
}

/// The pointers of a problem's faults.
fn pointers(problem: &Value) -> Vec<String> {
    let faults = problem["errors"].as_array().into_iter().flatten();
    faults
        .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
        .collect()
}
