//! The pods and what stands around them.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// The gateway's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Registry and repository.
    pub repository: String,
    /// The tag; empty: the operator's version, followed when the operator is updated.
    pub tag: String,
    /// The digest (`sha256:…`); it wins over the tag.
    pub digest: String,
    /// When it is pulled.
    pub pull_policy: PullPolicy,
    /// Secrets for the registry.
    pub pull_secrets: Vec<PullSecret>,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// If the node has none.
    #[default]
    IfNotPresent,
    /// At every start.
    Always,
    /// Never.
    Never,
}

/// A Secret for the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// The Secret's name.
    pub name: String,
}

/// How pods that end give their connections away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Drain {
    /// How many connections a second the whole fleet closes: rollout, scale-down and eviction.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub reconnects_per_second: u32,
    /// How long a pod that ends is not ready and still serves, so that load balancers learn of it first.
    pub hold: Duration,
    /// How long closing may take; then what is left is closed at once, and counted.
    pub timeout: Duration,
}

/// How a new version of the pods takes over. No pod ends before another is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// How many pods there may be beyond the number wanted (or percent of it).
    pub max_surge: IntOrString,
    /// How long a pod has to be ready before it counts.
    #[schemars(range(min = 0, max = 3_600))]
    pub min_ready_seconds: i32,
    /// How long a rollout may make no progress.
    pub progress_deadline: Duration,
}

/// What is made for Prometheus and Grafana.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    /// A PodMonitor: what Prometheus scrapes.
    pub pod_monitor: Switch,
    /// A PrometheusRule: alerts.
    pub prometheus_rule: Switch,
    /// A ConfigMap of Grafana dashboards.
    pub dashboards: Switch,
}

/// Whether something is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Switch {
    /// If the cluster knows its kind.
    #[default]
    Auto,
    /// Always; it is a fault if the cluster does not know its kind.
    Enabled,
    /// Never.
    Disabled,
}

/// Who may reach the pods' ports. Pods of the fleet always reach one another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// Whether there is a NetworkPolicy.
    pub enabled: bool,
    /// Who may reach the client port; empty: everybody.
    pub client: Vec<NetworkPolicyPeer>,
    /// Who may reach the HTTP API; empty: the object's namespace.
    pub api: Vec<NetworkPolicyPeer>,
    /// Who may reach metrics and health, beside the operator; empty: every pod of the cluster.
    pub admin: Vec<NetworkPolicyPeer>,
}

/// How many pods a voluntary disruption may take at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Disruption {
    /// A number or a percentage.
    pub max_unavailable: IntOrString,
}

/// The pods' ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// One that exists; empty: one is made with the object's name.
    pub name: String,
    /// Annotations of the one that is made.
    pub annotations: BTreeMap<String, String>,
}

/// Labels and annotations of every object that the operator makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Labels; the operator's own win.
    pub labels: BTreeMap<String, String>,
    /// Annotations; the operator's own win.
    pub annotations: BTreeMap<String, String>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            repository: "carillon/gateway".to_owned(),
            tag: String::new(),
            digest: String::new(),
            pull_policy: PullPolicy::default(),
            pull_secrets: Vec::new(),
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            reconnects_per_second: 200,
            hold: Duration::from_secs(5),
            timeout: Duration::from_secs(540),
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            max_surge: IntOrString::Int(1),
            min_ready_seconds: 5,
            progress_deadline: Duration::from_secs(900),
        }
    }
}

impl Default for Disruption {
    fn default() -> Self {
        Self {
            max_unavailable: IntOrString::Int(1),
        }
    }
}
