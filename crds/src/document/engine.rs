//! The connection: Engine.IO, origins, limits of a process.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names;
use crate::units::{Duration, Size};

/// The Engine.IO connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Engine {
    /// The path of the endpoint, with its closing slash.
    #[schemars(regex(pattern = "^/([A-Za-z0-9._~-]+/)*$"))]
    pub path: String,
    /// How often the server pings; together with `pingTimeout` at most 24 days.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping.
    pub ping_timeout: Duration,
    /// The largest message that a client may send: up to `1GiB`.
    pub max_payload: Size,
    /// How long a client may take to join its first namespace.
    pub connect_timeout: Duration,
    /// How long an upgrade to websocket may take.
    pub upgrade_timeout: Duration,
    /// The transports on offer.
    #[schemars(length(min = 1))]
    pub transports: Vec<Transport>,
    /// Compression of long polls.
    pub compression: Compression,
    /// Whether clients of Engine.IO 3 (Socket.IO 2) may connect.
    #[serde(rename = "allowEIO3")]
    pub allow_eio3: bool,
}

/// A transport of Engine.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Transport {
    /// HTTP long polling.
    Polling,
    /// WebSocket, directly or by upgrade.
    Websocket,
}

/// From which size answers are compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Compression {
    /// Answers to long polls of at least this size are compressed.
    pub polling: Size,
}

/// Which origins may connect. It holds for polling by CORS and for websocket handshakes by
/// their `Origin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cors {
    /// `https://a.com`, `https://*.a.com`, or `*` (never with `credentials`); nobody's by default.
    pub origins: Vec<String>,
    /// Whether a browser may send its cookies.
    pub credentials: bool,
    /// Whether a websocket handshake without `Origin` is refused.
    pub require_origin: bool,
}

/// Limits of a process and of an address. What is absent follows the machine or is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of a process; absent: 90 % of the descriptor limit.
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Memory of a process; absent: 75 % of the container's.
    pub memory: Option<Size>,
    /// Handshakes a second of a process; absent: unlimited.
    #[schemars(range(min = 1))]
    pub handshakes_per_second: Option<u32>,
    /// The same for one client address.
    pub per_address: PerAddress,
    /// Networks (CIDR) whose `X-Forwarded-For` or `Forwarded` is believed.
    pub trusted_proxies: Vec<String>,
}

/// Limits of one client address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PerAddress {
    /// Connections; absent: unlimited.
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Handshakes a second; absent: unlimited.
    #[schemars(range(min = 1))]
    pub handshakes_per_second: Option<u32>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            path: names::path::SOCKET_IO.to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: Size::from_bytes(1_000_000),
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            transports: vec![Transport::Polling, Transport::Websocket],
            compression: Compression::default(),
            allow_eio3: false,
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            polling: Size::from_bytes(1024),
        }
    }
}
