//! An event that a client may send: guards first, then effects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Allow;
use crate::units::{Duration, Rate};

/// An event that a client may send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// The event's name; not `connect`, `connect_error`, `disconnect`, `disconnecting`, `newListener`, `removeListener`
    /// nor `carillon:…`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// How often a socket may send it; its count is also the burst.
    #[serde(default)]
    pub limit: Option<Rate>,
    /// Who may send it.
    #[serde(default)]
    pub allow: Option<Allow>,
    /// A condition (CEL).
    #[serde(default)]
    pub when: Option<String>,
    /// A JSON Schema for each argument, or `{ binary: true, maxBytes }`: no more and no fewer; absent: unchecked.
    #[serde(default)]
    pub args: Option<Vec<Value>>,
    /// Whether more arguments than declared may follow.
    #[serde(default)]
    pub rest: bool,
    /// A key that can be used once.
    #[serde(default)]
    pub once: Option<Once>,
    /// The backend that is asked.
    #[serde(default)]
    pub upstream: Option<String>,
    /// Rooms that the sender leaves, templates.
    #[serde(default)]
    pub leave: Vec<String>,
    /// Rooms that the sender joins, templates.
    #[serde(default)]
    pub join: Vec<String>,
    /// How many of the last events of each joined room the sender is sent; needs `history`.
    #[serde(default)]
    pub replay: u32,
    /// What others are sent.
    #[serde(default)]
    pub publish: Vec<Publish>,
    /// What the acknowledgement carries; absent: nothing, once all is done.
    #[serde(default)]
    pub ack: Option<Ack>,
}

/// A key that can be used once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Once {
    /// The key, a template.
    #[schemars(length(min = 1))]
    pub key: String,
    /// How long it stays used.
    pub ttl: Duration,
    /// What a sender is told who comes again; absent: the refusal `repeated`.
    #[serde(default)]
    pub repeat: Option<Repeat>,
}

/// What a sender is told who comes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repeat {
    /// The event's name.
    #[schemars(length(min = 1))]
    pub event: String,
    /// Its arguments, templates.
    #[serde(default)]
    pub args: Vec<Value>,
}

/// An emit to one socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneEmit {
    /// The event's name.
    #[schemars(length(min = 1))]
    pub event: String,
    /// Its arguments, templates.
    #[serde(default)]
    pub args: Vec<Value>,
}

/// What others are sent. Exactly one of `to` and `scope` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Publish {
    /// The rooms, templates. Exactly one of `to` and `scope` is set.
    pub to: Vec<String>,
    /// Instead of rooms: everybody in the namespace, or the sender alone.
    pub scope: Option<PublishScope>,
    /// Rooms whose sockets are left out, templates.
    pub except: Vec<String>,
    /// The event's name; absent: the same.
    #[schemars(length(min = 1))]
    pub event: Option<String>,
    /// Its arguments, templates; absent: the same.
    pub args: Option<Vec<Value>>,
    /// Whether the sender gets it too.
    #[serde(rename = "self")]
    pub to_self: bool,
    /// Whether it may be left out for a socket that is slow.
    pub volatile: bool,
}

/// Whom an event goes to if not to rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PublishScope {
    /// Everybody in the namespace.
    Namespace,
    /// The sender.
    #[serde(rename = "self")]
    Sender,
}

/// What an acknowledgement carries: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Ack {
    /// The event's own arguments. Exactly one of `args` and `values` is set.
    #[schemars(extend("enum" = [true]))]
    pub args: Option<bool>,
    /// These values, templates.
    pub values: Option<Vec<Value>>,
}
