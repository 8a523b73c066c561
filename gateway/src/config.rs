//! What a gateway is told at its start: environment and flags, parsed whole before a port is opened.
//!
//! [`parse`] is the only way in. It reads through an [`Environment`], so that tests need no process
//! environment, and it reports every fault at once.

mod build;
mod command;
mod environment;
mod faults;
mod probe;
mod settings;
pub mod table;
mod values;
pub mod variables;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use command::{Check, Invocation, parse};
pub use environment::{Environment, ProcessEnvironment};
pub use faults::{Fault, Faults};
pub use probe::Probe;

/// Everything a gateway is told from outside, except the rules themselves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the rules come from.
    pub rules: RulesSource,
    /// The address that every port is bound to.
    pub bind: Bind,
    /// The port of `/socket.io/`; 0 lets the kernel choose.
    pub client_port: u16,
    /// Where `/v1` is served.
    pub api: Api,
    /// The key named `env` (emit, read, manage), beside those that the rules declare.
    pub api_key: Option<Secret>,
    /// The port of `/metrics`, `/livez`, `/readyz` and `/rules`; 0 lets the kernel choose.
    pub admin_port: u16,
    /// The name of this node in logs and in `/v1/info`; absent = made up at the start.
    pub node_id: Option<String>,
    /// How many shard threads serve clients (1 to 255: a session id names its shard in one byte).
    pub shards: usize,
    /// Which log lines are written.
    pub log: LogFilter,
    /// One more allowed origin (`scheme://host[:port]`), beside those of the rules.
    pub app_origin: Option<String>,
    /// How the process ends.
    pub drain: DrainSettings,
    /// The bus of several nodes; absent = this one is alone.
    pub redis: Option<RedisSettings>,
    /// The link to other nodes; absent = off. Of no effect without a bus of several nodes: see [`Config::peer_link`].
    pub peer: Option<PeerSettings>,
}

impl Config {
    /// Whether the built-in development rules are in force.
    pub fn is_development(&self) -> bool {
        matches!(self.rules, RulesSource::Development)
    }

    /// The link to other nodes, where there may be any.
    pub fn peer_link(&self) -> Option<&PeerSettings> {
        self.peer.as_ref().filter(|_| self.redis.is_some())
    }
}

/// Where the rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesSource {
    /// No document: the built-in development mode.
    Development,
    /// A file, watched for changes.
    File(PathBuf),
    /// The document itself.
    Text(String),
}

/// The address that ports are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Every address of the machine, of both families where the kernel has both.
    All,
    /// One address.
    Only(IpAddr),
}

impl Bind {
    /// The addresses to try in turn: the first that binds is the one to use.
    ///
    /// `[::]` takes IPv4 too (its peers' addresses are then IPv4-mapped: call
    /// [`IpAddr::to_canonical`]); a kernel without IPv6 refuses it and needs `0.0.0.0`.
    pub fn candidates(self, port: u16) -> Vec<SocketAddr> {
        match self {
            Self::All => vec![
                (Ipv6Addr::UNSPECIFIED, port).into(),
                (Ipv4Addr::UNSPECIFIED, port).into(),
            ],
            Self::Only(address) => vec![(address, port).into()],
        }
    }
}

/// Where the HTTP API is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Nowhere.
    Off,
    /// On the client port. Needs a key, of [`Config::api_key`] or of the rules.
    Client,
    /// On a port of its own; with no key anywhere it is bound to loopback only.
    Port(u16),
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrainSettings {
    /// How long all is still served after readiness went off.
    pub hold: Duration,
    /// How long transports are then closed at the pace, before the rest is closed at once.
    pub timeout: Duration,
    /// How many transports are closed in a second.
    pub per_second: f64,
}

/// How the nodes of a cluster reach one another.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// The URL; it may hold a password.
    pub url: Secret,
    /// The file that says the URL, anew whenever it changes.
    pub url_file: Option<PathBuf>,
    /// PEM certificates that are trusted, instead of those of the system.
    pub ca: Option<String>,
    /// The file that says them, anew whenever it changes.
    pub ca_file: Option<PathBuf>,
    /// What is spoken; absent = chosen at the start.
    pub mode: Option<RedisMode>,
    /// What channels and keys begin with.
    pub key_prefix: String,
    /// The name of the stream, in streams mode.
    pub stream_name: String,
    /// How many streams there are.
    pub stream_count: u32,
    /// Which rooms have a channel of their own, in sharded mode.
    pub subscription_mode: SubscriptionMode,
    /// How long Redis and other servers may take to answer.
    pub request_timeout: Duration,
}

/// The formats of the Socket.IO adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisMode {
    /// `createAdapter` of `@socket.io/redis-adapter`.
    Classic,
    /// `createShardedAdapter` of `@socket.io/redis-adapter`.
    Sharded,
    /// `@socket.io/redis-streams-adapter`.
    Streams,
}

/// The sharded adapter's `subscriptionMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionMode {
    /// No room has one.
    Static,
    /// All but the own rooms of sockets.
    Dynamic,
    /// All rooms.
    DynamicPrivate,
}

/// The link to other nodes.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    /// The port where they pass requests on; 0 lets the kernel choose.
    pub port: u16,
    /// Where they reach this node; absent = the local address of the connection to the bus.
    pub address: Option<IpAddr>,
    /// The key that all nodes share; absent = the ring that the bus keeps.
    pub key: Option<Secret>,
}

/// A checked list of log directives: a level, or `target=level`, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives as `tracing_subscriber::filter::Targets` reads them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value that no log line and no `Debug` may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests;
