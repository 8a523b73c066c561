//! `carillon-gateway probe` on servers: ours, Node's, and such as it has to complain of.

use std::net::TcpListener;
use std::process::Command;

use carillon_tests::gateway::{Gateway, KEY, Options, binary};
use carillon_tests::scripts::node_server;
use serde_json::json;

const RULES: &str =
    "namespaces: [{ name: /, events: [{ name: a }] }, { name: /game, recovery: { window: 2m } }]";

/// Whether the server passed, and what was printed.
fn probe(url: &str, more: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary());
    command.env_clear().env("CARILLON_API_KEY", KEY);
    let output = command
        .args(["probe", "--url", url])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

fn assert_passes(url: &str, more: &[&str], said: &str) {
    let (passed, output) = probe(url, more);
    assert!(passed, "{output}");
    for transport in ["polling", "websocket"] {
        let line = output.lines().find(|line| line.starts_with(transport));
        assert!(line.is_some_and(|line| line.contains(said)), "{output}");
    }
}

fn assert_fails(url: &str, more: &[&str], said: &str) {
    let (passed, output) = probe(url, more);
    assert!(!passed, "{output}");
    assert_eq!(output.matches("FAILED").count(), 2, "{output}");
    assert_eq!(output.matches(said).count(), 2, "{output}");
}

fn urls(gateway: &Gateway) -> [String; 2] {
    [gateway.port(), gateway.api_port()].map(|port| format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_gateway_passes() {
    let gateway = Options::rules(RULES).start();
    let [client, api] = urls(&gateway);
    assert_passes(&client, &[], "connected to / in");
    for namespace in ["/", "/game"] {
        let more = ["--api-url", &api, "--namespace", namespace];
        assert_passes(&client, &more, "an event came in");
    }
}

#[test]
fn a_server_of_node_passes() {
    let (_server, line) = node_server("protocol-server.mjs", &json!({}));
    let url = format!("http://127.0.0.1:{}/socket.io/", line["port"]);
    assert_passes(&url, &["--namespace", "/custom"], "connected to /custom in");
    assert_fails(&url, &["--namespace", "/none"], "Invalid namespace");
}

#[test]
fn what_is_wrong_is_told() {
    let gateway = Options::rules(RULES).start();
    let [client, api] = urls(&gateway);
    assert_fails(&client, &["--namespace", "/none"], "refused the namespace");
    let elsewhere = format!("{client}/elsewhere/");
    assert_fails(&elsewhere, &[], "FAILED");
    assert_fails(&client, &["--api-url", &client], "answered 404");
    assert_fails(&api, &[], "FAILED");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    assert_fails(&address, &["--timeout", "300ms"], "longer than 300ms");
    drop(nobody);
    assert_fails(&address, &[], "cannot be reached");
}
