//! A gateway beside a Node server that uses another adapter: it is not ready, and says what is to be set.

use std::process::Command;
use std::thread;

use carillon_tests::cluster::{Kind, Mode, Setup};
use carillon_tests::gateway::{binary, workspace};
use carillon_tests::http::Request;
use carillon_tests::redis::Redis;
use carillon_tests::wait;

const ALL: [Mode; 3] = [Mode::Classic, Mode::Sharded, Mode::Streams];

/// Starts a gateway beside a Node server, and ends the Node server.
fn beside(node: Mode, ours: Mode) {
    let redis = Redis::start();
    let setup = Setup::new(node);
    let server = setup.start(&redis, Kind::Node, 0);
    let mut setup = setup;
    setup.mode = ours;
    let mut gateway = setup.gateway("pod", &redis).launch();
    let advice = format!("CARILLON_REDIS_MODE={} here", node.name());
    wait::until(&format!("{ours:?} sees {node:?}"), || {
        let answer = Request::get("/readyz").try_send(gateway.admin_port());
        let answer = answer.ok().filter(|answer| answer.status == 503)?;
        answer.text().contains(&advice).then_some(())
    });
    drop(server);
    gateway.wait_until_ready();
}

fn beside_all_others(node: Mode) {
    thread::scope(|scope| {
        for ours in ALL.into_iter().filter(|ours| *ours != node) {
            scope.spawn(move || beside(node, ours));
        }
    });
}

#[test]
fn beside_classic() {
    beside_all_others(Mode::Classic);
}

#[test]
fn beside_sharded() {
    beside_all_others(Mode::Sharded);
}

#[test]
fn beside_streams() {
    beside_all_others(Mode::Streams);
}

/// What a mode cannot do for a document is told without a Redis.
#[test]
fn a_document_is_checked_for_a_mode() {
    let document =
        "namespaces: [{ name: /, recovery: { window: 1m }, history: { size: 9, ttl: 1m } }]";
    let check = |mode: &[&str]| {
        let output = Command::new(binary())
            .env_clear()
            .env("CARILLON_RULES_TEXT", document)
            .arg("check")
            .args(mode)
            .current_dir(workspace())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    for mode in ["classic", "sharded"] {
        let (code, text) = check(&["--redis-mode", mode]);
        assert_eq!(code, Some(1), "{text}");
        let path = text.contains("namespaces[0].recovery");
        assert!(
            path && text.contains("CARILLON_REDIS_MODE=streams"),
            "{text}"
        );
    }
    for arguments in [&[][..], &["--redis-mode", "streams"]] {
        let (code, text) = check(arguments);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.starts_with("no faults"), "{text}");
    }
}
