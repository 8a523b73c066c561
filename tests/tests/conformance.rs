//! RFC 6455 on a live process: 247 cases under the numbers of the Autobahn suite's core, written
//! as data. The echo server of the gateway's frame path must pass each, and so must npm's `ws`,
//! which shows that the cases are right. `scripts/conformance` runs the suite itself.

mod case;
mod closing;
mod framing;
mod utf8;

use std::process::Command;

use carillon_tests::process::Process;
use carillon_tests::ws::Ws;
use carillon_tests::{gateway, ports, scripts, wait};
use case::Case;
use serde_json::json;

fn cases() -> Vec<Case> {
    [framing::cases(), utf8::cases(), closing::cases()].concat()
}

fn check(port: u16) {
    let cases = cases();
    let faults: Vec<String> = cases.iter().filter_map(|case| case.run(port)).collect();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert_eq!(cases.len(), 247);
}

#[test]
fn gateway() {
    let port = ports::free();
    let mut command = Command::new(gateway::example("ws_echo"));
    let mut server = Process::start("ws_echo", command.env("PORT", port.to_string()));
    wait::until("ws_echo listens", || {
        assert!(server.exited().is_none(), "{}", server.output());
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    check(port);
    assert!(server.exited().is_none(), "the echo server lives");
    assert!(Ws::connect(port, "/", &[]).is_ok(), "and serves");
}

#[test]
fn node() {
    let (_server, line) = scripts::node_server("ws-echo.mjs", &json!({}));
    check(u16::try_from(line["port"].as_u64().unwrap()).unwrap());
}
