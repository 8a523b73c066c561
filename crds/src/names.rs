//! Names on which both ends must agree: ports, paths, labels, prefixes.

/// Ports of the gateway's listeners.
pub mod port {
    /// Browsers: Socket.IO and the snapshots they poll.
    pub const CLIENT: u16 = 3001;
    /// Backends: the HTTP API.
    pub const API: u16 = 3002;
    /// Pod to pod.
    pub const PEER: u16 = 3003;
    /// Metrics and health; never routed to browsers.
    pub const ADMIN: u16 = 9090;
}

/// Paths of the admin port and of the API.
pub mod path {
    /// Prometheus metrics.
    pub const METRICS: &str = "/metrics";
    /// Whether the process lives.
    pub const LIVEZ: &str = "/livez";
    /// Whether it may get traffic, with reasons.
    pub const READYZ: &str = "/readyz";
    /// Hash of the rules, when they were loaded, the last rejection.
    pub const RULES: &str = "/rules";
    /// The prefix of the HTTP API.
    pub const API: &str = "/v1";
    /// Socket.IO's own path.
    pub const SOCKET_IO: &str = "/socket.io/";
}

/// Environment variables of the gateway that others set.
pub mod env {
    /// Prefix of all our variables.
    pub const PREFIX: &str = "CARILLON_";
    /// Path of the rules file.
    pub const RULES: &str = "CARILLON_RULES";
    /// The rules document itself.
    pub const RULES_TEXT: &str = "CARILLON_RULES_TEXT";
    /// Path of a file that holds the URL of Redis.
    pub const REDIS_URL_FILE: &str = "CARILLON_REDIS_URL_FILE";
    /// URL of Redis.
    pub const REDIS_URL: &str = "CARILLON_REDIS_URL";
    /// Path of the certificates by which Redis is trusted.
    pub const REDIS_CA_FILE: &str = "CARILLON_REDIS_CA_FILE";
    /// The bus between pods.
    pub const REDIS_MODE: &str = "CARILLON_REDIS_MODE";
    /// Prefix of every key and channel.
    pub const REDIS_KEY_PREFIX: &str = "CARILLON_REDIS_KEY_PREFIX";
    /// How long a pod that ends still serves.
    pub const DRAIN_HOLD: &str = "CARILLON_DRAIN_HOLD";
    /// How long closing may take.
    pub const DRAIN_TIMEOUT: &str = "CARILLON_DRAIN_TIMEOUT";
    /// How many connections the whole fleet closes, such as `200/s`.
    pub const DRAIN_RATE: &str = "CARILLON_DRAIN_RATE";
}

pub mod kubernetes;

pub use kubernetes::secret_path;

/// Prefix of every metric.
pub const METRIC_PREFIX: &str = "carillon_";
/// API group of the Kubernetes resource, and the prefix of labels and annotations.
pub const GROUP: &str = "carillon.dev";
/// Version of the Kubernetes resource.
pub const VERSION: &str = "v1alpha1";

/// Event names that Socket.IO keeps for itself: neither side may emit them.
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];
/// Event names with this prefix are ours.
pub const OWN_EVENTS: &str = "carillon:";
/// How our socket ids begin; no room that a client can join may begin so.
pub const SOCKET_ID_PREFIX: &str = "-_";
/// A rendered room name is at most so many bytes.
pub const MAX_ROOM_BYTES: usize = 256;
/// A namespace's name is at most so many characters.
pub const MAX_NAMESPACE_CHARS: usize = 128;

/// Whether neither a client nor a rule may use this event name.
#[must_use]
pub fn is_reserved_event(name: &str) -> bool {
    RESERVED_EVENTS.contains(&name)
}

/// Whether a text can be the name of a namespace: `^/[A-Za-z0-9_./-]{0,127}$`.
#[must_use]
pub fn is_namespace_name(name: &str) -> bool {
    name.starts_with('/')
        && name.len() <= MAX_NAMESPACE_CHARS
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_./-".contains(&b))
}
