//! How pods reach one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretSource;
use crate::document::SecretKeyRef;

/// The bus between pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Redis {
    /// Which bus; it cannot be changed later.
    pub mode: RedisMode,
    /// Where Redis is; exactly with a mode other than `memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<RedisUrl>,
    /// How its certificate is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RedisTls>,
    /// The prefix of every key and channel; the same as that of Node peers.
    pub key_prefix: String,
}

/// Which bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RedisMode {
    /// No Redis: one pod.
    #[default]
    Memory,
    /// Publish and subscribe, beside Node's `@socket.io/redis-adapter`.
    Classic,
    /// Sharded publish and subscribe (Redis 7), beside Node's sharded adapter.
    Sharded,
    /// Streams, beside `@socket.io/redis-streams-adapter`; with recovery.
    Streams,
}

/// Where Redis is: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "writeOnly" = true))]
pub struct RedisUrl {
    /// The URL, without user or password; Sentinel and Cluster by scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A key of a Secret that holds the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// How the certificate of Redis is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RedisTls {
    /// The certificates (PEM) that are trusted; absent: the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretSource>,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            mode: RedisMode::Memory,
            url: None,
            tls: None,
            key_prefix: "socket.io".to_owned(),
        }
    }
}
