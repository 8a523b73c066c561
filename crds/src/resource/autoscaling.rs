//! How many pods, decided by load.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use behavior::{Behavior, PolicyType, ScalingPolicy, ScalingRules, SelectPolicy};
pub use prometheus::{BasicAuth, Header, Labels, Prometheus, PrometheusTls};

use crate::units::Duration;

mod behavior;
mod prometheus;

/// How many pods, decided by load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaling {
    /// Whether the decision is carried out.
    #[serde(default)]
    pub mode: Mode,
    /// Never fewer pods than this.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_replicas: i32,
    /// Never more pods than this.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_replicas: i32,
    /// How often it is decided.
    #[serde(default = "interval")]
    pub interval: Duration,
    /// What is measured; the largest proposal wins.
    #[schemars(length(min = 1))]
    pub metrics: Vec<Metric>,
    /// How fast the number may change, as in a HorizontalPodAutoscaler (v2).
    #[serde(default)]
    pub behavior: Behavior,
    /// The number of pods when there has been no data for long; only ever upwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// The Prometheus that is asked.
    #[serde(default)]
    pub prometheus: Prometheus,
}

/// Whether a decision is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// It is.
    #[default]
    Auto,
    /// It is reported in status, and changes nothing.
    Advise,
}

/// What is measured, and its target: exactly one of `averageValue`, `averageUtilization`, `value`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// What is measured.
    #[serde(rename = "type")]
    pub kind: MetricType,
    /// What status calls it; exactly with `type: Query`.
    #[serde(default)]
    pub name: String,
    /// An expression of PromQL that gives one number; exactly with `type: Query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// An expression of PromQL that gives the time of the query's oldest sample, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<String>,
    /// The target of a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// The target of a pod in whole percent of what its container requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub average_utilization: Option<i32>,
    /// The target of the whole fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
}

/// What is measured.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum MetricType {
    /// Open connections of a pod.
    Connections,
    /// Messages that a pod delivers a second.
    Deliveries,
    /// Events that a pod receives a second.
    Events,
    /// Memory of a pod.
    Memory,
    /// Processor time of a pod.
    CPU,
    /// Any expression of PromQL.
    Query,
}

/// The number of pods when there has been no data for long; only ever upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// At least so many pods.
    #[schemars(range(min = 1, max = 10_000))]
    pub replicas: i32,
    /// After so long without data.
    #[serde(default = "after")]
    pub after: Duration,
}

const fn one() -> i32 {
    1
}

const fn interval() -> Duration {
    Duration::from_secs(15)
}

const fn after() -> Duration {
    Duration::from_secs(600)
}
