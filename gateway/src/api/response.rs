//! The documents that the API answers with.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{binary, problem::Problem};
use crate::bus::{broadcast::Broadcast, gather::AckReply};

/// An event that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accepted {
    /// The id that the caller gave, or one made here.
    pub(super) id: Box<str>,
    /// Always true.
    pub(super) accepted: bool,
    /// How many sockets of this node it was sent to.
    pub(super) recipients: u64,
    /// True if the other nodes do not get it: the way to them is down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) degraded: bool,
    /// Its id in the history, where the namespace has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<Box<str>>,
    /// The acks, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acks: Option<Vec<Ack>>,
    /// How many sockets have not answered, where acks were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<u64>,
    /// False if another server did not tell how many sockets it has asked; absent if all did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<bool>,
}

/// One client's ack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ack {
    /// The socket's id; empty for a socket of another node, which does not tell it.
    pub(super) socket: Box<str>,
    /// What it answered.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(super) args: Box<RawValue>,
}

/// What became of one event of several.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Item {
    /// It was accepted.
    Accepted(Accepted),
    /// It was refused; the others are not concerned.
    Refused(Refused),
}

/// An event that was refused.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refused {
    /// The id that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Box<str>>,
    /// Why.
    pub(super) error: Problem,
}

/// The sockets that were changed.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    /// How many sockets were selected.
    pub(super) sockets: u64,
    /// Whether every shard has answered; what has not does it still.
    pub(super) complete: bool,
}

/// An event that was sent to the other servers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentToServers {
    /// Always true.
    pub(super) accepted: bool,
    /// How many servers it was sent to.
    pub(super) servers: u64,
    /// Their acks, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub(super) acks: Option<Vec<Box<RawValue>>>,
}

/// Rooms of a namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rooms {
    /// In the order of their names.
    pub(super) rooms: Vec<Room>,
    /// What to give as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Box<str>>,
    /// False if another server did not answer in time, so that its sockets are missing here; absent if all did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<bool>,
}

/// A room.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Room {
    /// Its name.
    pub(super) name: Box<str>,
    /// How many sockets are in it.
    pub(super) sockets: u64,
}

/// Sockets of a selection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sockets {
    /// In the order of their ids.
    pub(super) sockets: Vec<Socket>,
    /// What to give as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Box<str>>,
    /// False if another server did not answer in time, so that its sockets are missing here; absent if all did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<bool>,
}

/// A socket.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Socket {
    /// Its id.
    pub(super) id: Box<str>,
    /// The rooms it is in.
    pub(super) rooms: Vec<Box<str>>,
    /// Its data.
    #[schemars(with = "serde_json::Value")]
    pub(super) data: Box<RawValue>,
    /// Its user; null without an identity.
    #[schemars(with = "serde_json::Value")]
    pub(super) user: Box<RawValue>,
    /// What is kept of its handshake.
    #[schemars(with = "serde_json::Value")]
    pub(super) handshake: Box<RawValue>,
    /// The node that it is connected to; empty where another server does not tell its name.
    pub(super) node: Box<str>,
}

/// The past of rooms.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    /// In the order of their ids.
    pub(super) entries: Vec<Entry>,
    /// What to give as `after` for what follows; absent if this is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Box<str>>,
}

/// An event of the past.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Its id.
    pub(super) id: Box<str>,
    /// The rooms it was sent to; empty: the whole namespace.
    pub(super) rooms: Vec<Box<str>>,
    /// The event's name.
    #[schemars(with = "String")]
    pub(super) event: Box<RawValue>,
    /// Its arguments.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(super) args: Box<RawValue>,
}

/// The last events of a room, for browsers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Events {
    /// In the order of their ids.
    pub(super) events: Vec<Event>,
}

/// An event of a room.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    /// Its id.
    pub(super) id: Box<str>,
    /// The event's name.
    #[schemars(with = "String")]
    pub(super) event: Box<RawValue>,
    /// Its arguments.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(super) args: Box<RawValue>,
}

/// This node.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    /// The version of the gateway.
    pub(super) version: &'static str,
    /// The name of this node.
    pub(super) node: Box<str>,
    /// The bus.
    pub(super) bus: BusInfo,
    /// The rules in force.
    pub(super) rules: RulesInfo,
    /// How much there is of everything on this node.
    pub(super) counts: CountsInfo,
}

/// The state of the bus.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BusInfo {
    /// `memory` (this process is alone), `classic`, `sharded` or `streams`.
    pub(super) mode: &'static str,
    /// Whether it works.
    pub(super) up: bool,
    /// Broadcasts that a shard has not taken yet.
    pub(super) in_flight: usize,
    /// Bytes of history held.
    pub(super) history_bytes: usize,
}

/// The rules in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RulesInfo {
    /// Their hash; `development` without a document.
    pub(super) hash: Box<str>,
    /// The namespaces that are declared by name.
    pub(super) namespaces: Vec<Box<str>>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CountsInfo {
    /// Open sessions.
    pub(super) sessions: u64,
    /// Connected sockets.
    pub(super) sockets: u64,
    /// Rooms with a member.
    pub(super) rooms: u64,
    /// Shards.
    pub(super) shards: usize,
}

impl From<AckReply> for Ack {
    fn from(reply: AckReply) -> Self {
        Self {
            args: array(&binary::outward(&reply.args, &reply.attachments)),
            socket: reply.socket,
        }
    }
}

impl Entry {
    /// An entry of the history; `None` if nothing was kept of it.
    pub(super) fn of(broadcast: &Broadcast) -> Option<Self> {
        let Event { id, event, args } = Event::of(broadcast)?;
        Some(Self {
            id,
            rooms: names(&broadcast.target.rooms),
            event,
            args,
        })
    }
}

impl Event {
    /// An entry of the history; `None` if nothing was kept of it.
    pub(super) fn of(broadcast: &Broadcast) -> Option<Self> {
        let keep = broadcast.keep.as_ref()?;
        Some(Self {
            id: broadcast.entry?.to_string().into(),
            event: raw((*keep.name).to_owned()),
            args: array(&binary::outward(&keep.args, &keep.attachments)),
        })
    }
}

/// Names that are shared inside, for a reader outside.
pub(super) fn names(shared: &[Arc<str>]) -> Vec<Box<str>> {
    shared.iter().map(|name| (**name).into()).collect()
}

/// A text that was read as JSON before.
pub(super) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn array(items: &str) -> Box<RawValue> {
    raw(format!("[{items}]"))
}
