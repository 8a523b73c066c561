//! `RealtimeCluster`: one object for one fleet. `spec` is intent, `status` is observation.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::{ApiKey, Cors, Engine, Limits, Namespace, Upstream};

pub use autoscaling::{
    Autoscaling, BasicAuth, Behavior, Fallback, Header, Labels, Metric, MetricType, Mode,
    PolicyType, Prometheus, PrometheusTls, ScalingPolicy, ScalingRules, SelectPolicy,
};
pub use exposure::{
    Exposure, ExposureType, ExternalTrafficPolicy, IpFamilyPolicy, ParentRef, Preset, Service,
    ServiceType, Tls,
};
pub use redis::{Redis, RedisMode, RedisTls, RedisUrl};
pub use rules::Rules;
pub use secret::{Mounted, SecretSource};
pub use status::{
    AutoscalingStatus, MetricStatus, RealtimeClusterStatus, Recommendation, RolloutPhase,
    RolloutStatus, RulesStatus, ScaleEvent, Summary,
};
pub use workload::{
    Disruption, Drain, Image, Metadata, Monitoring, NetworkPolicy, PullPolicy, PullSecret, Rollout,
    ServiceAccount, Switch,
};
pub use written::Written;

mod autoscaling;
#[cfg(feature = "compile")]
pub mod check;
pub mod crd;
mod exposure;
mod redis;
mod rules;
pub mod schema;
mod secret;
mod status;
pub mod table;
mod workload;
mod written;

/// What a fleet of gateways should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(
    clippy::duplicated_attributes,
    reason = "every column has its own type"
)]
#[kube(
    group = "carillon.dev",
    version = "v1alpha1",
    kind = "RealtimeCluster",
    plural = "realtimeclusters",
    shortname = "rtc",
    category = "realtime",
    namespaced,
    status = "RealtimeClusterStatus",
    derive = "PartialEq",
    schema = "manual",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.summary.ready"),
    printcolumn(
        name = "Connections",
        type_ = "integer",
        json_path = ".status.connections"
    ),
    printcolumn(
        name = "Scaling",
        type_ = "string",
        json_path = ".status.summary.scaling"
    ),
    printcolumn(name = "Rules", type_ = "string", json_path = ".status.summary.rules"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".status.summary.image",
        priority = 1
    ),
    printcolumn(
        name = "Namespaces",
        type_ = "string",
        json_path = ".status.summary.namespaces",
        priority = 1
    ),
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RealtimeClusterSpec {
    /// The gateway's image.
    #[serde(default)]
    pub image: Image,
    /// How many pods; without `autoscaling` and absent: one at creation, later what the Deployment has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub replicas: Option<i32>,
    /// How many pods, decided by load; instead of `replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// How pods reach one another: the bus.
    #[serde(default)]
    pub redis: Redis,
    /// The Engine.IO connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Written<Engine>>,
    /// Which origins may connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Written<Cors>>,
    /// Limits of a pod and of an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Written<Limits>>,
    /// Backends that are asked by webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstreams: Option<Written<Vec<Upstream>>>,
    /// Named JSON Schemas (2020-12), for `$ref: "#/schemas/<name>"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Written<BTreeMap<String, Value>>>,
    /// Keys of the HTTP API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<Written<Vec<ApiKey>>>,
    /// Who may do what; what is not listed is denied.
    #[schemars(length(min = 1))]
    pub namespaces: Written<Vec<Namespace>>,
    /// How pods that end give their connections away.
    #[serde(default)]
    pub drain: Drain,
    /// How a new version of the pods takes over.
    #[serde(default)]
    pub rollout: Rollout,
    /// How browsers reach the fleet.
    #[serde(default)]
    pub exposure: Exposure,
    /// What is made for Prometheus and Grafana.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Who may reach the pods' ports.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// How many pods a voluntary disruption may take at once.
    #[serde(default)]
    pub disruption: Disruption,
    /// The pods' ServiceAccount.
    #[serde(default)]
    pub service_account: ServiceAccount,
    /// Labels and annotations of every object that the operator makes.
    #[serde(default)]
    pub metadata: Metadata,
    /// A PodTemplateSpec that is merged into the pods', containers by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub pod_template: Map<String, Value>,
    /// Whether the operator only looks on and writes nothing but status.
    #[serde(default)]
    pub paused: bool,
}

#[cfg(test)]
mod tests;
