//! The documents that callers send.

use carillon_crds::units::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) mod parse;

/// An event for a selection of sockets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Emit<'a> {
    /// The namespace, such as `/politics`.
    pub(super) namespace: String,
    /// The event's name; not one that Socket.IO keeps for itself.
    #[serde(borrow)]
    #[schemars(with = "String", length(min = 1))]
    pub(super) event: &'a RawValue,
    /// Its arguments, any JSON. `{"$b64": "…"}` is a binary value; an object whose only key starts with `$` is written
    /// with one more `$`.
    #[serde(borrow, default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(super) args: Vec<&'a RawValue>,
    /// The rooms, united with `sockets`; both absent: the whole namespace.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) rooms: Option<Vec<String>>,
    /// Ids of sockets.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) sockets: Option<Vec<String>>,
    /// Ids of users. Not supported by this version.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) users: Option<Vec<String>>,
    /// Rooms and ids of sockets that are left out.
    #[schemars(length(max = 1000))]
    pub(super) except: Option<Vec<String>>,
    /// Whether it may be dropped for a socket that is behind.
    #[serde(default)]
    pub(super) volatile: bool,
    /// The idempotency key: the same call under the same id takes effect once in ten minutes.
    #[schemars(length(min = 1, max = 256))]
    pub(super) id: Option<String>,
    /// Gather the clients' acks.
    pub(super) ack: Option<Ack>,
}

/// How acks are gathered.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "GatherAcks")]
pub(super) struct Ack {
    /// How long to wait for them, at most `5m`.
    pub(super) timeout: Duration,
    /// Enough answers: the call ends when so many have come.
    #[schemars(range(min = 1))]
    pub(super) expect: Option<u64>,
}

/// Rooms for a selection of sockets to join.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Join {
    /// The namespace, such as `/politics`.
    pub(super) namespace: String,
    /// The rooms, united with `sockets`; both absent: the whole namespace.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) rooms: Option<Vec<String>>,
    /// Ids of sockets.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) sockets: Option<Vec<String>>,
    /// Ids of users. Not supported by this version.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) users: Option<Vec<String>>,
    /// Rooms and ids of sockets that are left out.
    #[schemars(length(max = 1000))]
    pub(super) except: Option<Vec<String>>,
    /// The rooms that the selected sockets join.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) join: Vec<String>,
}

/// Rooms for a selection of sockets to leave.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Leave {
    /// The namespace, such as `/politics`.
    pub(super) namespace: String,
    /// The rooms, united with `sockets`; both absent: the whole namespace.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) rooms: Option<Vec<String>>,
    /// Ids of sockets.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) sockets: Option<Vec<String>>,
    /// Ids of users. Not supported by this version.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) users: Option<Vec<String>>,
    /// Rooms and ids of sockets that are left out.
    #[schemars(length(max = 1000))]
    pub(super) except: Option<Vec<String>>,
    /// The rooms that the selected sockets leave.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) leave: Vec<String>,
}

/// A selection of sockets to disconnect.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Disconnect {
    /// The namespace, such as `/politics`.
    pub(super) namespace: String,
    /// The rooms, united with `sockets`; both absent: the whole namespace.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) rooms: Option<Vec<String>>,
    /// Ids of sockets.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) sockets: Option<Vec<String>>,
    /// Ids of users. Not supported by this version.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) users: Option<Vec<String>>,
    /// Rooms and ids of sockets that are left out.
    #[schemars(length(max = 1000))]
    pub(super) except: Option<Vec<String>>,
    /// Whether the whole connection ends, with every namespace on it.
    #[serde(default)]
    pub(super) close: bool,
}

/// An event for the other servers of the cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct ServerSideEmit<'a> {
    /// The namespace, such as `/politics`.
    pub(super) namespace: String,
    /// The event's name.
    #[serde(borrow)]
    #[schemars(with = "String", length(min = 1))]
    pub(super) event: &'a RawValue,
    /// Its arguments, any JSON.
    #[serde(borrow, default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(super) args: Vec<&'a RawValue>,
    /// Gather the servers' acks.
    pub(super) ack: Option<ServerAck>,
}

/// How servers' acks are gathered.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "GatherServerAcks")]
pub(super) struct ServerAck {
    /// How long to wait for them, at most `5m`.
    pub(super) timeout: Duration,
}
