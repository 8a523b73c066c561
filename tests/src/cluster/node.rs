//! A Node server of a cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::calls::{Emit, Gathered, Server, Socket, Sockets, To};
use super::setup::is_room;
use crate::http::Request;
use crate::process::Process;
use crate::scripts;

/// `tests/node/cluster-server.mjs`; it is killed when this value is dropped.
pub struct NodeServer {
    name: String,
    process: Process,
    port: u16,
    control: u16,
}

impl NodeServer {
    pub(super) fn start(name: &str, parameters: &Value) -> Self {
        let (process, line) = scripts::node_server("cluster-server.mjs", parameters);
        let port = |field: &str| {
            let port = line[field].as_u64().and_then(|port| port.try_into().ok());
            port.unwrap_or_else(|| panic!("no {field} in {line}"))
        };
        Self {
            name: name.to_owned(),
            process,
            port: port("port"),
            control: port("control"),
        }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The port where operations are posted.
    pub fn control(&self) -> u16 {
        self.control
    }

    /// What other servers have told this one, in order: `{"namespace", "args"}` of each event `told`.
    pub fn told(&self) -> Vec<Value> {
        let told = self.call("told", Value::Null);
        told.as_array().expect("a list").clone()
    }

    /// Has an operation done; panics with what Node says when it fails.
    pub fn call(&self, name: &str, operation: Value) -> Value {
        let called = self.try_call(name, operation);
        called.unwrap_or_else(|error| panic!("{} cannot {name}: {error}", self.name))
    }

    /// Has an operation done that may fail.
    pub fn try_call(&self, name: &str, mut operation: Value) -> Result<Value, String> {
        operation["op"] = json!(name); // of null it makes an object
        let mut answer = Request::post("/")
            .json(&operation)
            .send(self.control)
            .json();
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => Err(answer["error"].to_string()),
        }
    }
}

impl Server for NodeServer {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn connected(&self) -> u64 {
        let count = self.call("connected", Value::Null);
        count.as_u64().expect("a number")
    }

    fn emit(&self, emit: &Emit) {
        self.call("emit", emit.json());
    }

    fn emit_with_ack(&self, emit: &Emit, timeout: Duration) -> Gathered {
        let mut operation = emit.json();
        operation["timeout"] = json!(timeout.as_millis() as u64);
        gathered(&self.call("emitWithAck", operation))
    }

    /// Node tells all or nothing: with a peer that does not answer it fails.
    fn sockets(&self, namespace: &str, rooms: &[&str]) -> Sockets {
        let operation = json!({ "namespace": namespace, "rooms": rooms });
        let found = self.try_call("fetchSockets", operation);
        let complete = found.is_ok();
        let found = found.unwrap_or_default();
        Sockets {
            sockets: found
                .as_array()
                .into_iter()
                .flatten()
                .map(Socket::of)
                .collect(),
            complete,
        }
    }

    fn rooms(&self, namespace: &str) -> BTreeSet<String> {
        let rooms = self.call("allRooms", json!({ "namespace": namespace }));
        let rooms = rooms.as_array().into_iter().flatten();
        let rooms = rooms.filter_map(Value::as_str).filter(|room| is_room(room));
        rooms.map(str::to_owned).collect()
    }

    fn join(&self, to: &To, rooms: &[&str]) {
        self.call("socketsJoin", to.with("join", json!(rooms)));
    }

    fn leave(&self, to: &To, rooms: &[&str]) {
        self.call("socketsLeave", to.with("leave", json!(rooms)));
    }

    fn disconnect(&self, to: &To, close: bool) {
        self.call("disconnectSockets", to.with("close", json!(close)));
    }

    fn server_side_emit(&self, namespace: &str, event: &str, args: &[Value]) {
        self.call("serverSideEmit", told(namespace, event, args));
    }

    fn server_side_emit_with_ack(&self, namespace: &str, event: &str, args: &[Value]) -> Gathered {
        gathered(&self.call("serverSideEmitWithAck", told(namespace, event, args)))
    }
}

fn told(namespace: &str, event: &str, args: &[Value]) -> Value {
    json!({ "namespace": namespace, "event": event, "args": args })
}

fn gathered(answer: &Value) -> Gathered {
    Gathered {
        answers: answer["answers"].as_array().cloned().unwrap_or_default(),
        complete: answer["complete"] == true,
    }
}
