//! A gateway of a cluster, told what to do by its HTTP API.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::calls::{Emit, Gathered, Server, Socket, Sockets, To};
use super::setup::is_room;
use crate::gateway::Gateway;

/// A gateway; it is killed when this value is dropped.
pub struct Pod {
    name: String,
    gateway: Gateway,
}

impl Pod {
    pub(super) fn new(name: &str, gateway: Gateway) -> Self {
        Self {
            name: name.to_owned(),
            gateway,
        }
    }

    /// The gateway itself.
    pub fn gateway(&mut self) -> &mut Gateway {
        &mut self.gateway
    }

    /// The gateway, to look at.
    pub fn view(&self) -> &Gateway {
        &self.gateway
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.gateway.post(path, body);
        assert_eq!(
            answer.status,
            200,
            "{} {path} {body}: {}",
            self.name,
            answer.text()
        );
        answer.json()
    }

    /// All pages of a list, and whether each says (or does not deny) that it is complete.
    fn list(&self, path: &str, field: &str) -> (Vec<Value>, bool) {
        let (mut all, mut complete, mut after) = (Vec::new(), true, String::new());
        loop {
            let answer = self.gateway.get(&format!("{path}&limit=1000{after}"));
            assert_eq!(
                answer.status,
                200,
                "{} {path}: {}",
                self.name,
                answer.text()
            );
            let page = answer.json();
            all.extend(
                page[field]
                    .as_array()
                    .expect("a page is a list")
                    .iter()
                    .cloned(),
            );
            complete &= page["complete"] != false;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", escaped(next)),
                None => return (all, complete),
            }
        }
    }
}

impl Server for Pod {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self) -> u16 {
        self.gateway.port()
    }

    fn connected(&self) -> u64 {
        let info = self.gateway.get("/v1/info").json();
        info["counts"]["sockets"].as_u64().expect("a number")
    }

    fn emit(&self, emit: &Emit) {
        self.post("/v1/emit", &emit.json());
    }

    fn emit_with_ack(&self, emit: &Emit, timeout: Duration) -> Gathered {
        let mut body = emit.json();
        body["ack"] = json!({ "timeout": format!("{}ms", timeout.as_millis()) });
        let answer = self.post("/v1/emit", &body);
        let acks = answer["acks"].as_array().expect("acks were asked for");
        Gathered {
            answers: acks.iter().map(|ack| ack["args"][0].clone()).collect(),
            complete: answer["missing"] == 0 && answer["complete"] != false,
        }
    }

    fn sockets(&self, namespace: &str, rooms: &[&str]) -> Sockets {
        let mut path = format!("/v1/sockets?namespace={}", escaped(namespace));
        for room in rooms {
            path += &format!("&room={}", escaped(room));
        }
        let (found, complete) = self.list(&path, "sockets");
        Sockets {
            sockets: found.iter().map(Socket::of).collect(),
            complete,
        }
    }

    fn rooms(&self, namespace: &str) -> BTreeSet<String> {
        let path = format!("/v1/rooms?namespace={}", escaped(namespace));
        let (rooms, _) = self.list(&path, "rooms");
        let rooms = rooms.iter().filter_map(|room| room["name"].as_str());
        rooms
            .filter(|room| is_room(room))
            .map(str::to_owned)
            .collect()
    }

    fn join(&self, to: &To, rooms: &[&str]) {
        self.post("/v1/join", &to.with("join", json!(rooms)));
    }

    fn leave(&self, to: &To, rooms: &[&str]) {
        self.post("/v1/leave", &to.with("leave", json!(rooms)));
    }

    fn disconnect(&self, to: &To, close: bool) {
        self.post("/v1/disconnect", &to.with("close", json!(close)));
    }

    fn server_side_emit(&self, namespace: &str, event: &str, args: &[Value]) {
        let body = json!({ "namespace": namespace, "event": event, "args": args });
        self.post("/v1/server-side-emit", &body);
    }

    fn server_side_emit_with_ack(&self, namespace: &str, event: &str, args: &[Value]) -> Gathered {
        let ack = json!({ "timeout": "5s" });
        let body = json!({ "namespace": namespace, "event": event, "args": args, "ack": ack });
        let answer = self.post("/v1/server-side-emit", &body);
        let acks = answer["acks"].as_array().expect("acks were asked for");
        Gathered {
            complete: answer["servers"] == acks.len(),
            answers: acks.clone(),
        }
    }
}

/// For a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    let escape = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
