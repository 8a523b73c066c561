//! How a cluster is to be started.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Member, NodeServer, Pod};
use crate::gateway::{Options, workspace};
use crate::ports;
use crate::redis::Redis;
use crate::topology::RedisCluster;

/// What a member of a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Socket.IO's own server on its own adapter.
    Node,
    /// The gateway.
    Gateway,
}

/// The format that the servers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `createAdapter` of `@socket.io/redis-adapter`.
    Classic,
    /// `createShardedAdapter` of the same package.
    Sharded,
    /// `@socket.io/redis-streams-adapter`.
    Streams,
}

impl Mode {
    /// As `CARILLON_REDIS_MODE` and the scripts name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Sharded => "sharded",
            Self::Streams => "streams",
        }
    }
}

/// A mode with its options. Channels and streams have a prefix of their own in each setup, so
/// that several clusters can be on one Redis.
#[derive(Clone)]
pub struct Setup {
    /// The format.
    pub mode: Mode,
    /// The prefix of channels.
    pub prefix: String,
    /// `dynamic`, `dynamic-private` or `static`; for the sharded mode.
    pub subscription: &'static str,
    specific_responses: bool,
    stream_count: usize,
    recovery: Option<Duration>,
    shards: u16,
    alone: bool,
    /// The ports of the nodes of a Redis Cluster, if it is one.
    pub(super) nodes: Vec<u16>,
    env: Vec<(String, String)>,
}

impl Setup {
    /// A mode with its default options; gateways on one shard.
    pub fn new(mode: Mode) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            mode,
            prefix: format!("test{}-{unique}", std::process::id()),
            subscription: "dynamic",
            specific_responses: false,
            stream_count: 1,
            recovery: None,
            shards: 1,
            alone: false,
            nodes: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Sharded: with another subscription mode.
    #[must_use]
    pub fn subscription(mut self, mode: &'static str) -> Self {
        self.subscription = mode;
        self
    }

    /// Classic: Node servers answer on the requester's own channel.
    #[must_use]
    pub fn specific_responses(mut self) -> Self {
        self.specific_responses = true;
        self
    }

    /// Streams: with so many streams.
    #[must_use]
    pub fn streams(mut self, count: usize) -> Self {
        self.stream_count = count;
        self
    }

    /// Node servers with connection state recovery over that time.
    #[must_use]
    pub fn recovery(mut self, window: Duration) -> Self {
        self.recovery = Some(window);
        self
    }

    /// Gateways on so many shards.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    /// Gateways without Redis: one is a cluster of its own.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Gateways on a Redis Cluster; there is no Node server.
    #[must_use]
    pub fn on(mut self, redis: &RedisCluster) -> Self {
        self.nodes = redis.nodes.iter().map(Redis::port).collect();
        self.env("CARILLON_REDIS_URL", &redis.url())
    }

    /// Gateways with one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gateways with other rules than those of `fixtures/cluster.yaml`.
    #[must_use]
    pub fn rules(self, text: &str) -> Self {
        self.env("CARILLON_RULES", "")
            .env("CARILLON_RULES_TEXT", text)
    }

    /// Starts one member; it may come to a cluster that runs.
    pub fn start(&self, redis: &Redis, kind: Kind, index: usize) -> Member {
        match kind {
            Kind::Node => {
                let name = format!("node-{index}");
                let node = NodeServer::start(&name, &self.node(&name, redis));
                Member::Node(node)
            }
            Kind::Gateway => {
                let name = format!("pod-{index}");
                let gateway = self.gateway(&name, redis).start();
                Member::Gateway(Pod::new(&name, gateway))
            }
        }
    }

    /// The parameters of an emitter of that kind (`classic`, `streams`).
    pub fn emitter(&self, kind: &str, redis: &Redis) -> Value {
        let mut parameters = self.shared(redis);
        parameters["kind"] = json!(kind);
        parameters
    }

    /// The options of a gateway, as [`Setup::start`] starts it.
    pub fn gateway(&self, name: &str, redis: &Redis) -> Options {
        let rules = workspace().join("tests/fixtures/cluster.yaml");
        let options = Options::rules_file(&rules).shards(self.shards);
        let options = options.env("CARILLON_NODE_ID", name);
        let options = match self.alone {
            true => options,
            false => self.bus(options, redis),
        };
        let more = self.env.iter();
        more.fold(options, |options, (name, value)| options.env(name, value))
    }

    fn bus(&self, options: Options, redis: &Redis) -> Options {
        let options = options
            .env("CARILLON_REDIS_URL", &redis.url())
            .env("CARILLON_REDIS_MODE", self.mode.name())
            .env("CARILLON_REDIS_KEY_PREFIX", &self.prefix)
            .env("CARILLON_REDIS_REQUEST_TIMEOUT", "2s")
            .env("CARILLON_PEER_PORT", &ports::free().to_string());
        match self.mode {
            Mode::Classic => options,
            Mode::Sharded => options.env("CARILLON_REDIS_SUBSCRIPTION_MODE", self.subscription),
            Mode::Streams => options
                .env("CARILLON_REDIS_STREAM_NAME", &self.stream())
                .env(
                    "CARILLON_REDIS_STREAM_COUNT",
                    &self.stream_count.to_string(),
                ),
        }
    }

    /// The parameters of a Node server.
    fn node(&self, name: &str, redis: &Redis) -> Value {
        let mut parameters = self.shared(redis);
        parameters["name"] = json!(name);
        parameters["port"] = json!(ports::free());
        parameters["mode"] = json!(self.mode.name());
        parameters["subscriptionMode"] = json!(self.subscription);
        parameters["specificResponses"] = json!(self.specific_responses);
        parameters["requestsTimeout"] = json!(2000);
        if let Some(window) = self.recovery {
            let window = window.as_millis() as u64;
            parameters["recovery"] = json!({ "maxDisconnectionDuration": window });
        }
        parameters
    }

    fn shared(&self, redis: &Redis) -> Value {
        json!({
            "redis": redis.url(),
            "prefix": self.prefix,
            "stream": self.stream(),
            "streamCount": self.stream_count,
        })
    }

    fn stream(&self) -> String {
        format!("{}-stream", self.prefix)
    }
}

/// Whether a room is one that a test made, not a socket's own.
pub(super) fn is_room(name: &str) -> bool {
    name.starts_with("room-")
}
