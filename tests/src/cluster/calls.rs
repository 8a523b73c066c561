//! What every server of a cluster can be told, whatever it is.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// A selection of sockets of a namespace; without rooms all of them.
#[derive(Clone, Debug, Default)]
pub struct To {
    /// The namespace.
    pub namespace: String,
    /// Rooms and socket ids, of which a socket is in one at least.
    pub rooms: Vec<String>,
    /// Rooms and socket ids, of which it is in none.
    pub except: Vec<String>,
}

impl To {
    /// All sockets of a namespace.
    pub fn all(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        }
    }

    /// The sockets of a room of `/`.
    pub fn room(room: &str) -> Self {
        Self::all("/").and(room)
    }

    /// And those of another room.
    #[must_use]
    pub fn and(mut self, room: &str) -> Self {
        self.rooms.push(room.to_owned());
        self
    }

    /// But not those of a room.
    #[must_use]
    pub fn but(mut self, room: &str) -> Self {
        self.except.push(room.to_owned());
        self
    }

    /// As JSON; what is empty is left out.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("namespace".to_owned(), json!(self.namespace));
        for (name, list) in [("rooms", &self.rooms), ("except", &self.except)] {
            if !list.is_empty() {
                fields.insert(name.to_owned(), json!(list));
            }
        }
        fields
    }

    /// As JSON with one more field.
    pub(crate) fn with(&self, name: &str, value: Value) -> Value {
        let mut fields = self.json();
        fields.insert(name.to_owned(), value);
        Value::Object(fields)
    }
}

/// An event to be emitted.
#[derive(Clone, Debug)]
pub struct Emit {
    /// Whom it is for.
    pub to: To,
    /// Its name.
    pub event: String,
    /// Its arguments; binary ones as `{"$b64": …}`.
    pub args: Vec<Value>,
    /// Whether it may be dropped.
    pub volatile: bool,
}

impl Emit {
    /// An event that may not be dropped.
    pub fn new(to: To, event: &str, args: &[Value]) -> Self {
        Self {
            to,
            event: event.to_owned(),
            args: args.to_vec(),
            volatile: false,
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        let mut fields = self.to.json();
        fields.insert("event".to_owned(), json!(self.event));
        fields.insert("args".to_owned(), json!(self.args));
        if self.volatile {
            fields.insert("volatile".to_owned(), json!(true));
        }
        Value::Object(fields)
    }
}

/// Answers that were gathered.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// One value from each that answered.
    pub answers: Vec<Value>,
    /// Whether all have answered that should.
    pub complete: bool,
}

/// A socket as a server describes it.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Its id.
    pub id: String,
    /// Its rooms, without its own.
    pub rooms: BTreeSet<String>,
    /// Its data.
    pub data: Value,
    /// What is known of its handshake.
    pub handshake: Value,
}

impl Socket {
    pub(crate) fn of(value: &Value) -> Self {
        let id = value["id"].as_str().expect("a socket has an id").to_owned();
        let rooms = value["rooms"].as_array().into_iter().flatten();
        let rooms = rooms.filter_map(Value::as_str).map(str::to_owned);
        Self {
            rooms: rooms.filter(|room| *room != id).collect(),
            data: value["data"].clone(),
            handshake: value["handshake"].clone(),
            id,
        }
    }
}

/// The sockets of a selection, and whether every server has told its own.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// Those that were told.
    pub sockets: Vec<Socket>,
    /// Whether that is all.
    pub complete: bool,
}

impl Sockets {
    /// The ids, sorted.
    pub fn ids(&self) -> BTreeSet<String> {
        self.sockets
            .iter()
            .map(|socket| socket.id.clone())
            .collect()
    }
}

/// The calls. All but the first three act on the whole cluster.
pub trait Server {
    /// Its name in the cluster.
    fn name(&self) -> &str;

    /// The port of its clients.
    fn port(&self) -> u16;

    /// How many sockets are connected to it itself, in all namespaces.
    fn connected(&self) -> u64;

    /// Emits an event.
    fn emit(&self, emit: &Emit);

    /// Emits an event and gathers the first argument of each client's ack.
    fn emit_with_ack(&self, emit: &Emit, timeout: Duration) -> Gathered;

    /// The sockets in any of some rooms of a namespace; without rooms all of them.
    fn sockets(&self, namespace: &str, rooms: &[&str]) -> Sockets;

    /// The rooms of a namespace that have a member, without the sockets' own.
    fn rooms(&self, namespace: &str) -> BTreeSet<String>;

    /// Makes sockets join rooms.
    fn join(&self, to: &To, rooms: &[&str]);

    /// Makes sockets leave rooms.
    fn leave(&self, to: &To, rooms: &[&str]);

    /// Disconnects sockets; with `close` their connections.
    fn disconnect(&self, to: &To, close: bool);

    /// Emits to the other servers.
    fn server_side_emit(&self, namespace: &str, event: &str, args: &[Value]);

    /// Emits to the other servers and gathers their answers.
    fn server_side_emit_with_ack(&self, namespace: &str, event: &str, args: &[Value]) -> Gathered;
}
