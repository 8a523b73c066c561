//! The rule book: what the data plane asks, already prepared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::arguments::Arguments;
use super::origins::Origins;
use crate::document::{Document, EventLimits, Overflow, Permission, Secret};
use crate::glob::Glob;
use crate::names;
use crate::network::Network;
use crate::template::{Room, Values};
use crate::units::Rate;

/// All rules, compiled.
#[derive(Debug)]
pub struct Rulebook {
    /// The document with its defaults: engine, cors and limits are read from here.
    pub document: Document,
    /// The rules hash; `development` without a document.
    pub hash: String,
    /// Whether these are the built-in rules of development mode.
    pub development: bool,
    /// Which origins may connect.
    pub origins: Origins,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Keys of the HTTP API.
    pub api_keys: Vec<ApiKey>,
    pub(super) exact: HashMap<Box<str>, Arc<Namespace>>,
    /// In the document's order; the first that matches counts.
    pub(super) patterns: Vec<(Regex, Arc<Namespace>)>,
}

/// A key of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// What logs and idempotency call it.
    pub name: String,
    /// Where the key itself is read from.
    pub secret: Secret,
    /// The namespaces that it opens.
    pub namespaces: Vec<Glob>,
    /// What it may do there.
    pub can: Vec<Permission>,
}

/// The rules of a namespace, or of all namespaces that match a pattern.
#[derive(Debug)]
pub struct Namespace {
    /// The name or the pattern, as the document has it.
    pub label: Box<str>,
    /// Whether it is declared by name; metrics name only those.
    pub exact: bool,
    /// Rooms of every socket.
    pub auto_join: Vec<Room>,
    /// Emits to a new socket.
    pub welcome: Vec<Emit>,
    /// Events that a client may send.
    pub events: HashMap<Box<str>, Event>,
    /// The bucket of all events of a socket.
    pub limit: EventLimits,
    /// Rooms that a socket may be in.
    pub max_rooms: usize,
    /// Bytes of the largest event that a socket may send, attachments included, where the rules name a size.
    pub max_payload: usize,
    /// Events of a socket that may wait.
    pub max_pending: usize,
    /// Unsent bytes that a socket may hold.
    pub backlog: usize,
    /// What follows when there would be more.
    pub overflow: Overflow,
    /// The last events of each room.
    pub history: Option<History>,
    /// Whether an emit by HTTP is refused while the way to the other servers is down.
    pub refuse_on_bus_loss: bool,
    /// How long a lost connection can be taken up again; absent: not at all.
    pub recovery: Option<Duration>,
    /// Request headers kept beside `user-agent` and `origin`, in lower case.
    pub keep_headers: Vec<Box<str>>,
    /// The event that tells of a refusal, as a JSON string.
    pub error_event: Arc<str>,
    /// What templates name of a CONNECT payload and of a query.
    pub kept: Kept,
}

/// The last events of each room.
#[derive(Clone, Debug)]
pub struct History {
    /// How many a room keeps.
    pub size: usize,
    /// For how long.
    pub ttl: Duration,
    /// Which rooms browsers may read by HTTP.
    pub read: Vec<Glob>,
}

/// What must be kept of a handshake, because a template names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Paths in the CONNECT payload; an empty path is all of it.
    pub auth: Vec<Vec<Box<str>>>,
    /// Parameters of the query.
    pub query: Vec<Box<str>>,
}

/// An emit to one socket.
#[derive(Clone, Debug)]
pub struct Emit {
    /// The event, as a JSON string.
    pub event: Arc<str>,
    /// Its arguments.
    pub args: Values,
}

/// An event that a client may send.
#[derive(Debug)]
pub struct Event {
    /// The name.
    pub name: Arc<str>,
    /// How often a socket may send it.
    pub limit: Option<Rate>,
    /// The declared arguments; absent: unchecked.
    pub args: Option<Arguments>,
    /// Rooms that the sender leaves.
    pub leave: Vec<Room>,
    /// Rooms that the sender joins.
    pub join: Vec<Room>,
    /// How many of the last events of each joined room the sender is sent.
    pub replay: usize,
    /// What others are sent.
    pub publish: Vec<Publish>,
    /// What the acknowledgement carries.
    pub ack: Ack,
}

/// What others are sent.
#[derive(Debug)]
pub struct Publish {
    /// To whom.
    pub scope: Scope,
    /// Rooms whose sockets are left out.
    pub except: Vec<Room>,
    /// The event.
    pub event: EventName,
    /// Its arguments.
    pub payload: Payload,
    /// Whether the sender gets it too.
    pub to_self: bool,
    /// Whether it may be left out for a socket that is slow.
    pub volatile: bool,
}

/// To whom something is sent.
#[derive(Debug)]
pub enum Scope {
    /// Sockets in any of these rooms.
    Rooms(Vec<Room>),
    /// Everybody in the namespace.
    Namespace,
    /// The sender alone.
    Sender,
}

/// The event that others are sent.
#[derive(Debug)]
pub enum EventName {
    /// The same.
    Same,
    /// Another one, as a JSON string.
    Other(Arc<str>),
    /// The one that an argument names (development mode).
    Argument(usize),
}

/// The arguments that others are sent.
#[derive(Debug)]
pub enum Payload {
    /// The same.
    Same,
    /// These.
    Values(Values),
    /// The event's own from this one on (development mode).
    From(usize),
}

/// What an acknowledgement carries.
#[derive(Debug)]
pub enum Ack {
    /// Nothing.
    Empty,
    /// The event's own arguments.
    Same,
    /// These.
    Values(Values),
}

impl Rulebook {
    /// The rules of a namespace by the name that a client asks for.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        if let Some(found) = self.exact.get(name) {
            return Some(found.clone());
        }
        let known = names::is_namespace_name(name);
        let mut patterns = self.patterns.iter().filter(|_| known);
        patterns
            .find(|(regex, _)| regex.is_match(name))
            .map(|(_, found)| found.clone())
    }

    /// What the captures of the pattern that gives `name` its rules are, by capture.
    #[must_use]
    pub fn captures(&self, name: &str) -> BTreeMap<Box<str>, Box<str>> {
        let by_pattern = || {
            self.patterns
                .iter()
                .find_map(|(regex, _)| regex.captures(name).map(|found| (regex, found)))
        };
        let Some((regex, found)) = (!self.exact.contains_key(name)).then(by_pattern).flatten()
        else {
            return BTreeMap::new();
        };
        let named = regex.capture_names().flatten();
        named
            .filter_map(|key| Some((key.into(), found.name(key)?.as_str().into())))
            .collect()
    }

    /// Every rule of a namespace, by name or by pattern, in no particular order.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        let patterns = self.patterns.iter().map(|(_, rules)| rules);
        self.exact.values().chain(patterns)
    }

    /// Every namespace that is declared by name, in no particular order.
    pub fn declared(&self) -> impl Iterator<Item = (&str, &Arc<Namespace>)> {
        self.exact.iter().map(|(name, rules)| (&**name, rules))
    }
}

impl ApiKey {
    /// Whether the key may do something in a namespace.
    #[must_use]
    pub fn allows(&self, permission: Permission, namespace: &str) -> bool {
        self.can.contains(&permission) && self.namespaces.iter().any(|glob| glob.matches(namespace))
    }
}

impl History {
    /// Whether browsers may read a room by HTTP.
    #[must_use]
    pub fn readable(&self, room: &str) -> bool {
        self.read.iter().any(|glob| glob.matches(room))
    }
}

impl Event {
    /// Whether it does something to rooms or others, beyond its acknowledgement.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !(self.leave.is_empty() && self.join.is_empty() && self.publish.is_empty())
    }
}
