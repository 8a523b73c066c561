//! The types of a rules document. Every field has one form; what is absent has the default
//! that the generated schema names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use engine::{Compression, Cors, Engine, Limits, PerAddress, Transport};
pub use event::{Ack, Event, Once, OneEmit, Publish, PublishScope, Repeat};
pub use identity::{
    Algorithm, Allow, Auth, Claims, Jwks, Jwt, NextAuth, Secret, SecretKeyRef, TokenSource,
};
pub use namespace::{
    Backlog, Disconnect, EventLimits, History, HistoryRead, Namespace, NamespaceLimits, OnBusLoss,
    Overflow, PerUser, Recovery, Unlisted,
};

mod engine;
mod event;
mod identity;
mod namespace;

/// A whole rules document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    /// The Engine.IO connection.
    #[serde(default)]
    pub engine: Engine,
    /// Which origins may connect.
    #[serde(default)]
    pub cors: Cors,
    /// Limits of a process and of an address.
    #[serde(default)]
    pub limits: Limits,
    /// Backends that are asked by webhook.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// Named JSON Schemas (2020-12), for `$ref: "#/schemas/<name>"`.
    #[serde(default)]
    pub schemas: BTreeMap<String, Value>,
    /// Keys of the HTTP API.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    /// Who may do what; what is not listed is denied.
    #[schemars(length(min = 1))]
    pub namespaces: Vec<Namespace>,
}

/// A backend that is asked by webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// What other fields call it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Where requests go (http, https).
    #[schemars(regex(pattern = "^https?://"))]
    pub url: String,
    /// What signs the requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// How long one question may take, retries included.
    #[serde(default = "upstream_timeout")]
    pub timeout: crate::units::Duration,
    /// How often a question is repeated after a failure.
    #[serde(default = "upstream_retries")]
    pub retries: u32,
    /// How many questions may be open at once.
    #[serde(default = "upstream_in_flight")]
    #[schemars(range(min = 1))]
    pub max_in_flight: u32,
    /// The answer when the backend gives none.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What holds when a backend gives no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// As if it had refused.
    #[default]
    Deny,
    /// As if it had allowed.
    Allow,
}

/// A key of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKey {
    /// What logs and idempotency call it: each once.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The key itself.
    pub secret: Secret,
    /// The namespaces that it opens; `*` stands for any run of characters.
    #[schemars(length(min = 1))]
    pub namespaces: Vec<String>,
    /// What it may do there.
    #[schemars(length(min = 1))]
    pub can: Vec<Permission>,
}

/// What a key of the HTTP API may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// Emit events.
    Emit,
    /// Read rooms, sockets and history.
    Read,
    /// Join, leave, disconnect.
    Manage,
}

const fn upstream_timeout() -> crate::units::Duration {
    crate::units::Duration::from_secs(2)
}

const fn upstream_retries() -> u32 {
    2
}

const fn upstream_in_flight() -> u32 {
    256
}
