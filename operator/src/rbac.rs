//! What the operator may do, as data: each rule with the reason why it is needed. Manifests and docs are made from it.
//!
//! It is the least that works: a test on a cluster compares it with the requests that the operator makes.

pub mod manifest;
pub mod table;

use carillon_crds::names::GROUP;

/// One rule of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// Plurals, with a subresource after a slash.
    pub resources: &'static [&'static str],
    /// What may be done with them.
    pub verbs: &'static [&'static str],
    /// Whether only the object of the Lease's name is meant.
    pub only_lease: bool,
    /// Why.
    pub why: &'static str,
}

/// Where fleets are: a ClusterRole, or a Role in each namespace of `--namespaces`.
pub const FLEETS: &[Rule] = &[
    rule(
        GROUP,
        &["realtimeclusters"],
        &["list", "watch"],
        "What fleets should be. They are never changed.",
    ),
    rule(
        GROUP,
        &["realtimeclusters/status"],
        &["patch"],
        "What is observed of a fleet.",
    ),
    rule(
        GROUP,
        &["realtimeclusters/finalizers"],
        &["update"],
        "Never sent: the API server asks for it where the admission plugin OwnerReferencesPermissionEnforcement is on, since children block the deletion of their owner.",
    ),
    rule(
        "",
        &["configmaps"],
        CHILD,
        "The rules, and the dashboards, which may be switched off. Server-side apply is a patch, and a create where there is nothing yet.",
    ),
    rule(
        "",
        &["serviceaccounts"],
        CHILD,
        "Who the pods are; what a fleet no longer wants is deleted.",
    ),
    rule(
        "",
        &["services"],
        LASTING_CHILD,
        "How clients, backends and pods reach the pods. Every fleet has them as long as it is there, and then they go with it.",
    ),
    rule(
        "apps",
        &["deployments"],
        LASTING_CHILD,
        "The pods: their template, how many there are, and whether a rollout takes its next step.",
    ),
    rule(
        "policy",
        &["poddisruptionbudgets"],
        LASTING_CHILD,
        "How many pods may be evicted at once.",
    ),
    rule(
        "networking.k8s.io",
        &["ingresses", "networkpolicies"],
        CHILD,
        "The way in from outside; who may reach the pods.",
    ),
    rule(
        "gateway.networking.k8s.io",
        &["httproutes"],
        CHILD,
        "The way in from outside by the Gateway API, where it is installed.",
    ),
    rule(
        "monitoring.coreos.com",
        &["podmonitors", "prometheusrules"],
        CHILD,
        "What Prometheus scrapes and warns of, where its operator is installed.",
    ),
    rule(
        "",
        &["pods"],
        &["list", "watch", "patch"],
        "Which pods there are and where they answer; the annotations that bring new rules at once and that choose the pod which goes first.",
    ),
    rule(
        "apps",
        &["replicasets"],
        &["list", "watch"],
        "Which pods are of the newest template.",
    ),
    rule(
        "",
        &["secrets"],
        &["get"],
        "Whether a Secret that a fleet names is there and has the key, and the credentials of its Prometheus: one by one, by name.",
    ),
    rule(
        "events.k8s.io",
        &["events"],
        &["create", "patch"],
        "What is done and why; an event that comes again is counted by a patch.",
    ),
];

/// In the operator's own namespace: a Role.
pub const LEASES: &[Rule] = &[
    rule(
        COORDINATION,
        &["leases"],
        &["create"],
        "The first to compete makes the Lease.",
    ),
    Rule {
        only_lease: true,
        ..rule(
            COORDINATION,
            &["leases"],
            &["get", "list", "watch", "update"],
            "Leader election: to see who leads, to renew, to give back.",
        )
    },
];

/// In the namespace of a fleet, for `carillon-operator wait`.
pub const WAIT: &[Rule] = &[rule(
    GROUP,
    &["realtimeclusters"],
    &["list", "watch"],
    "To see when the fleet is as it should be.",
)];

const fn rule(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    why: &'static str,
) -> Rule {
    Rule {
        group,
        resources,
        verbs,
        only_lease: false,
        why,
    }
}

/// Of children that a fleet may have at one time and not at another.
const CHILD: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
/// Of children that every fleet has.
const LASTING_CHILD: &[&str] = &["get", "list", "watch", "create", "patch"];

const COORDINATION: &str = "coordination.k8s.io";

#[cfg(test)]
mod tests;
