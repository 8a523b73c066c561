//! What is observed of a fleet.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use autoscaling::{AutoscalingStatus, MetricStatus, Recommendation, ScaleEvent};

mod autoscaling;

/// What is observed of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RealtimeClusterStatus {
    /// The generation of the spec that this was observed at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many pods there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// What selects the pods, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// How many pods are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// How many pods are of the latest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,
    /// Open connections of the fleet, to two significant digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<i64>,
    /// Which rules the pods serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesStatus>,
    /// How far a rollout is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// What the autoscaler decided, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingStatus>,
    /// The same as text, for the columns of `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Whether it is as it should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Which rules the pods serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesStatus {
    /// The hash of the rules that they should serve.
    pub hash: String,
    /// How many pods serve them.
    pub applied: i32,
    /// How many pods refused them.
    pub rejected: i32,
}

/// How far a rollout is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutStatus {
    /// What is going on.
    pub phase: RolloutPhase,
    /// How many pods are of the latest version.
    pub updated: i32,
    /// How many pods are draining.
    pub draining: i32,
    /// Connections that draining pods still hold, to two significant digits.
    pub remaining_connections: i64,
}

/// What is going on in a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RolloutPhase {
    /// Nothing.
    #[default]
    Idle,
    /// New pods come up.
    Progressing,
    /// Pods end: old ones of a rollout, or those that are no longer wanted.
    Draining,
    /// New pods do not become ready.
    Stuck,
}

/// Status as text, for the columns of `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Ready of all pods, such as `5/5`.
    pub ready: String,
    /// The autoscaler's bounds and what it wants, such as `2-20: 6`.
    pub scaling: String,
    /// Pods that serve the rules and that refused them, such as `5/0`.
    pub rules: String,
    /// How many namespaces the rules have.
    pub namespaces: String,
    /// The image that pods run.
    pub image: String,
}
