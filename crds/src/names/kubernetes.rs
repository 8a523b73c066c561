//! Names of the Kubernetes objects of a fleet.

/// Kind of the resource.
pub const KIND: &str = "RealtimeCluster";
/// A cluster's name is at most so long: longer ones make pod names that are cut short.
pub const MAX_NAME: usize = 46;

/// Labels.
pub mod label {
    /// The cluster to which an object belongs: what selects its pods.
    pub const CLUSTER: &str = "carillon.dev/cluster";
    /// What the object is a part of; [`APP`] always.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// The cluster.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// Which part, such as `gateway`.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// What the object is a part of.
    pub const PART_OF: &str = "app.kubernetes.io/part-of";
    /// Who keeps it: [`super::MANAGER`].
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// The value of [`NAME`] and [`PART_OF`].
    pub const APP: &str = "carillon";
}

/// Annotations.
pub mod annotation {
    /// The hash of what the operator last applied.
    pub const APPLIED: &str = "carillon.dev/applied";
    /// On a cluster: a change rolls the pods.
    pub const RESTARTED_AT: &str = "carillon.dev/restartedAt";
    /// On a pod template: `kubectl rollout restart`.
    pub const KUBECTL_RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
    /// On a pod: the lowest goes first when replicas are taken away.
    pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
    /// The deletion cost of the pod that is to go.
    pub const VICTIM_COST: &str = "-1000000";
}

/// Who owns the fields that the operator applies.
pub const MANAGER: &str = "carillon-operator";
/// Who owns the status.
pub const STATUS_MANAGER: &str = "carillon-operator-status";

/// The container that runs the gateway.
pub const CONTAINER: &str = "gateway";
/// The key of the rules in their ConfigMap.
pub const RULES_KEY: &str = "rules.json";

/// Names of the container's ports.
pub mod port_name {
    /// Browsers.
    pub const CLIENT: &str = "client";
    /// Backends.
    pub const API: &str = "api";
    /// Pod to pod.
    pub const PEER: &str = "peer";
    /// Metrics and health.
    pub const ADMIN: &str = "admin";
}

/// Volumes of the pods.
pub mod volume {
    /// The rules.
    pub const RULES: &str = "rules";
    /// What the process may write.
    pub const TMP: &str = "tmp";
    /// Prefix of the volume of a Secret.
    pub const SECRET_PREFIX: &str = "secret-";
}

/// Where the volumes are mounted.
pub mod mount {
    /// The folder of the rules.
    pub const RULES: &str = "/etc/carillon/rules";
    /// The folder in which every Secret has its own.
    pub const SECRETS: &str = "/etc/carillon/secrets";
    /// What the process may write.
    pub const TMP: &str = "/tmp";
}

/// The file as which pods see a key of a Secret.
#[must_use]
pub fn secret_path(name: &str, key: &str) -> String {
    format!("{}/{name}/{key}", mount::SECRETS)
}

/// The Service of the HTTP API.
#[must_use]
pub fn api_service(cluster: &str) -> String {
    format!("{cluster}-api")
}

/// The headless Service of the pods.
#[must_use]
pub fn peers_service(cluster: &str) -> String {
    format!("{cluster}-peers")
}

/// The ConfigMap of the rules.
#[must_use]
pub fn rules_config_map(cluster: &str) -> String {
    format!("{cluster}-rules")
}

/// The ConfigMap of the dashboards.
#[must_use]
pub fn dashboards_config_map(cluster: &str) -> String {
    format!("{cluster}-dashboards")
}

/// What selects the pods of a cluster.
#[must_use]
pub fn selector(cluster: &str) -> String {
    format!("{}={cluster}", label::CLUSTER)
}
