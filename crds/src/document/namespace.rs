//! A namespace: who may be in it, and within which bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::{Event, OneEmit};
use super::identity::Auth;
use crate::units::{Duration, Rate, Size};

/// A namespace, by name or by pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Namespace {
    /// The name, such as `/politics`. Exactly one of `name` and `pattern` is set.
    pub name: String,
    /// A regular expression that the whole name matches, such as `^/org-(?<org>[a-z0-9]+)$`; its captures are
    /// `{ns.org}`. Names win, then patterns in order.
    pub pattern: String,
    /// Who may connect.
    pub auth: Option<Auth>,
    /// Rooms of every socket, joined at connection; templates.
    pub auto_join: Vec<String>,
    /// Events that each new socket is sent.
    pub welcome: Vec<OneEmit>,
    /// The events that a client may send.
    pub events: Vec<Event>,
    /// What happens to other events.
    pub unlisted: Unlisted,
    /// Who is told that a socket left.
    pub disconnect: Option<Disconnect>,
    /// Limits of one socket.
    pub limits: NamespaceLimits,
    /// What a socket may leave unread.
    pub backlog: Backlog,
    /// The last events of each room.
    pub history: Option<History>,
    /// Who is in a room.
    pub presence: Option<Map<String, Value>>,
    /// Connection state recovery: a client whose connection is lost comes back to its id, its rooms and what it missed.
    pub recovery: Option<Recovery>,
    /// What `POST /v1/emit` does while the bus is down (`carillon_bus_up` is 0).
    pub on_bus_loss: OnBusLoss,
    /// Request headers kept beside `user-agent` and `origin`; never `cookie` or `authorization`.
    pub keep_headers: Vec<String>,
    /// The event that tells a client of a refusal where it asked for no acknowledgement:
    /// `{ code, message, event, retryAfter? }`.
    #[schemars(length(min = 1))]
    pub error_event: String,
}

/// What happens to events that are not listed: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Unlisted {
    /// They are refused.
    #[schemars(extend("enum" = [true]))]
    pub refuse: Option<bool>,
    /// This backend is asked.
    pub upstream: Option<String>,
}

/// Who is told that a socket left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disconnect {
    /// The backend that is told who left, why, and which rooms.
    pub upstream: String,
}

/// Limits of one socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NamespaceLimits {
    /// Events that a socket may send.
    pub events: EventLimits,
    /// Rooms that a socket may be in.
    pub rooms: u32,
    /// The largest event that a socket may send; absent: the engine's `maxPayload`.
    pub payload: Option<Size>,
    /// Events of a socket that may wait.
    #[schemars(range(min = 1))]
    pub pending: u32,
    /// Limits of one user over all sockets.
    pub per_user: Option<PerUser>,
}

/// A token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EventLimits {
    /// How fast the bucket fills.
    pub rate: Rate,
    /// How much it holds.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

/// Limits of one user over all sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PerUser {
    /// Connections of a user.
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Events of a user.
    pub events: Option<EventLimits>,
}

/// What a socket may leave unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backlog {
    /// Unsent bytes that a socket may hold.
    pub bytes: Size,
    /// What follows when there would be more; volatile messages go first.
    pub then: Overflow,
}

/// What follows when a backlog is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Overflow {
    /// The socket is closed.
    #[default]
    Disconnect,
    /// The message is left out for this socket.
    Skip,
}

/// The last events of each room, for late joiners and for readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct History {
    /// How many events a room keeps.
    #[schemars(range(min = 1, max = 10_000))]
    pub size: u32,
    /// How long an event is kept.
    pub ttl: Duration,
    /// The rooms that browsers may read by HTTP; none by default.
    #[serde(default)]
    pub read: Vec<HistoryRead>,
}

/// Rooms that browsers may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryRead {
    /// A room; `*` stands for any run of characters.
    #[schemars(length(min = 1))]
    pub room: String,
    /// A condition (CEL).
    #[serde(default)]
    pub when: Option<String>,
}

/// Connection state recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recovery {
    /// How long a lost connection can be taken up again: up to `1h`.
    pub window: Duration,
}

/// What an emit does while the bus is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnBusLoss {
    /// It delivers on this node, and its answer says `degraded`.
    #[default]
    Local,
    /// It delivers nowhere and answers 503.
    Refuse,
}

impl Default for Namespace {
    fn default() -> Self {
        Self {
            name: String::new(),
            pattern: String::new(),
            auth: None,
            auto_join: Vec::new(),
            welcome: Vec::new(),
            events: Vec::new(),
            unlisted: Unlisted::default(),
            disconnect: None,
            limits: NamespaceLimits::default(),
            backlog: Backlog::default(),
            history: None,
            presence: None,
            recovery: None,
            on_bus_loss: OnBusLoss::Local,
            keep_headers: Vec::new(),
            error_event: "error".to_owned(),
        }
    }
}

impl Default for Unlisted {
    fn default() -> Self {
        Self {
            refuse: Some(true),
            upstream: None,
        }
    }
}

impl Default for NamespaceLimits {
    fn default() -> Self {
        Self {
            events: EventLimits::default(),
            rooms: 100,
            payload: None,
            pending: 16,
            per_user: None,
        }
    }
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            rate: Rate::per_second(100),
            burst: 200,
        }
    }
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            bytes: Size::from_bytes(1 << 20),
            then: Overflow::default(),
        }
    }
}
