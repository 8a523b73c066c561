//! Many unmodified `socket.io-client` sockets in one Node process.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::driver::Driver;

/// The sockets, each under a name. What a socket receives is kept in its ledger, in order, as
/// `[event, args…]`, binary values as `{"$b64": …}`. An event that asks for an ack is answered by
/// `{"client": <name>, "got": <first argument>}`.
pub struct Clients(Driver);

impl Clients {
    /// Starts the process; it has no sockets yet.
    pub fn start() -> Self {
        Self(Driver::start("cluster-client.mjs", &json!({})))
    }

    /// Connects a socket on a websocket of its own and returns its id.
    pub fn connect(&self, name: &str, port: u16, namespace: &str) -> String {
        self.connect_with(name, port, namespace, &json!({}))
    }

    /// Connects with more options: `transports`, `shares` (the name of a socket whose connection
    /// it uses too), `mute` (it acknowledges nothing), `options` for the manager, and `url` in
    /// place of the port of 127.0.0.1.
    pub fn connect_with(&self, name: &str, port: u16, namespace: &str, more: &Value) -> String {
        let id = self
            .0
            .call(&connecting("connect", name, port, namespace, more));
        id.as_str().expect("a socket has an id").to_owned()
    }

    /// Connects `count` sockets of `/` at once, with more options; they are `<name>-<index>`.
    pub fn crowd(&self, name: &str, count: usize, port: u16, more: &Value) -> Vec<String> {
        let mut operation = connecting("crowd", name, port, "/", more);
        operation["count"] = json!(count);
        let ids = self.0.call(&operation);
        serde_json::from_value(ids).expect("every socket has an id")
    }

    /// Emits an event and returns the arguments of its ack.
    pub fn ask(&self, name: &str, event: &str, args: &[Value]) -> Vec<Value> {
        let answer = self
            .0
            .call(&json!({ "op": "ask", "name": name, "event": event, "args": args }));
        answer.as_array().expect("a list").clone()
    }

    /// Emits an event that wants no ack.
    pub fn send(&self, name: &str, event: &str, args: &[Value]) {
        self.0
            .call(&json!({ "op": "send", "name": name, "event": event, "args": args }));
    }

    /// Joins the room `room-<room>` by the event `join`, acknowledged.
    pub fn join(&self, name: &str, room: &str) {
        self.ask(name, "join", &[json!(room)]);
    }

    /// What every socket has received since the last [`Clients::forget`].
    pub fn ledgers(&self) -> BTreeMap<String, Vec<Value>> {
        let ledgers = self.0.call(&json!({ "op": "ledgers" }));
        serde_json::from_value(ledgers).expect("lists by name")
    }

    /// Empties all ledgers.
    pub fn forget(&self) {
        self.0.call(&json!({ "op": "forget" }));
    }

    /// Whether a socket is connected, and the reason of its last disconnect.
    pub fn state(&self, name: &str) -> (bool, Option<String>) {
        let state = self.0.call(&json!({ "op": "state", "name": name }));
        let reason = state["reason"].as_str().map(str::to_owned);
        (state["connected"] == true, reason)
    }

    /// Disconnects a socket and forgets it.
    pub fn close(&self, name: &str) {
        self.0.call(&json!({ "op": "close", "name": name }));
    }
}

fn connecting(operation: &str, name: &str, port: u16, namespace: &str, more: &Value) -> Value {
    let url = format!("http://127.0.0.1:{port}");
    let mut operation =
        json!({ "op": operation, "name": name, "url": url, "namespace": namespace });
    let fields = operation.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    operation
}
