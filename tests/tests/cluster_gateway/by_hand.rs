//! The commands of docs/cluster.md, as a new user types them.

use carillon_tests::clients::Clients;
use carillon_tests::desk::Desk;
use carillon_tests::http::Request;
use carillon_tests::pages::{self, command};
use carillon_tests::{network, wait};
use serde_json::json;

const PAGE: &str = "docs/cluster.md";
const START: &str = "redis-server";
const NGINX: &str = "nginx -c \"$PWD/examples/nginx.conf\"";
const EMIT: &str = "curl -sS";

/// The port of nginx.
const CLIENT: u16 = 3001;

#[test]
fn two_nodes_behind_nginx() {
    network::apart(by_hand);
}

fn by_hand() {
    assert!(pages::read(PAGE).contains(NGINX));
    let desk = Desk::new().unwrap();
    let _background = desk.start(&format!("{}{NGINX}", command((PAGE, START))));
    for port in [9101, 9201] {
        wait::until("a node is ready", || {
            let ready = Request::get("/readyz").try_send(port).ok()?;
            (ready.status == 200).then_some(())
        });
    }
    wait::until("nginx passes requests on", || {
        let path = "/socket.io/?EIO=4&transport=polling";
        let opened = Request::get(path).try_send(CLIENT).ok()?;
        (opened.status == 200).then_some(())
    });
    let clients = Clients::start();
    let transports = json!({ "transports": ["polling", "websocket"] });
    clients.connect_with("browser", CLIENT, "/", &transports);
    let answer = desk.run(&command((PAGE, EMIT)));
    assert!(answer.contains("\"accepted\":true"), "{answer}");
    let message = json!(["message", { "from": "a backend", "text": "hello" }]);
    wait::until("the browser has the event", || {
        let ledgers = clients.ledgers();
        ledgers["browser"].contains(&message).then_some(())
    });
}
