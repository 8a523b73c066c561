//! The cases of the protocols' published suites (Engine.IO v4, Socket.IO v5), in our own words,
//! against the gateway and, to show that they are right, against Node.

mod engine;
mod socket;

use std::process::Command;

use carillon_tests::gateway::{self, Options, workspace};
use carillon_tests::process::Process;
use carillon_tests::{ports, scripts, wait};
use serde_json::json;

fn node(script: &str) -> (Process, u16) {
    let (process, line) = scripts::node_server(script, &json!({}));
    (
        process,
        u16::try_from(line["port"].as_u64().unwrap()).unwrap(),
    )
}

#[test]
fn engine_node() {
    let (_server, port) = node("engine-echo.mjs");
    engine::suite(port, "/engine.io/");
}

#[test]
fn engine_example() {
    let port = ports::free();
    let mut command = Command::new(gateway::example("engine_echo"));
    command
        .env("PORT", port.to_string())
        .env("PING_INTERVAL", "300")
        .env("PING_TIMEOUT", "200")
        .env("MAX_PAYLOAD", "1000000");
    let mut server = Process::start("engine_echo", &mut command);
    wait::until("engine_echo listens", || {
        assert!(server.exited().is_none(), "{}", server.output());
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    engine::suite(port, "/engine.io/");
}

#[test]
fn socket_node() {
    let (_server, port) = node("protocol-server.mjs");
    engine::transport_suite(port, "/socket.io/");
    socket::suite(port);
}

#[test]
fn socket_gateway() {
    for shards in [1, 3] {
        let rules = workspace().join("tests/fixtures/protocol.yaml");
        let mut gateway = Options::rules_file(&rules).shards(shards).start();
        engine::transport_suite(gateway.port(), "/socket.io/");
        socket::suite(gateway.port());
        gateway.assert_alive();
    }
}
