//! The emitters of Socket.IO for Redis: processes that publish and hear nothing.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::cluster::calls::{Emit, To};
use crate::driver::Driver;

/// An emitter in a Node process.
pub struct Emitter(Driver);

impl Emitter {
    /// `@socket.io/redis-emitter`.
    pub fn classic(cluster: &Cluster<'_>) -> Self {
        Self::start("classic", cluster)
    }

    /// The streams emitter.
    pub fn streams(cluster: &Cluster<'_>) -> Self {
        Self::start("streams", cluster)
    }

    fn start(kind: &str, cluster: &Cluster<'_>) -> Self {
        let parameters = cluster.setup().emitter(kind, cluster.redis());
        Self(Driver::start("emitter.mjs", &parameters))
    }

    /// Emits an event.
    pub fn emit(&self, emit: &Emit) {
        self.call("emit", emit.json());
    }

    /// Makes sockets join rooms.
    pub fn join(&self, to: &To, rooms: &[&str]) {
        self.call("socketsJoin", to.with("join", json!(rooms)));
    }

    /// Makes sockets leave rooms.
    pub fn leave(&self, to: &To, rooms: &[&str]) {
        self.call("socketsLeave", to.with("leave", json!(rooms)));
    }

    /// Disconnects sockets; with `close` their connections.
    pub fn disconnect(&self, to: &To, close: bool) {
        self.call("disconnectSockets", to.with("close", json!(close)));
    }

    /// Emits to all servers.
    pub fn server_side_emit(&self, namespace: &str, event: &str, args: &[Value]) {
        let operation = json!({ "namespace": namespace, "event": event, "args": args });
        self.call("serverSideEmit", operation);
    }

    fn call(&self, name: &str, mut operation: Value) {
        operation["op"] = json!(name);
        self.0.call(&operation);
    }
}
