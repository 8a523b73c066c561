//! The kinds of children.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// A kind of which a cluster may have children, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Who the pods are; it may do nothing.
    ServiceAccount,
    /// The rules, and the dashboards.
    ConfigMap,
    /// How clients, backends and pods reach the pods.
    Service,
    /// Who may reach them.
    NetworkPolicy,
    /// How many of them may be evicted at once.
    PodDisruptionBudget,
    /// The pods.
    Deployment,
    /// The way in from outside, by the Ingress API.
    Ingress,
    /// The way in from outside, by the Gateway API.
    HttpRoute,
    /// What Prometheus scrapes.
    PodMonitor,
    /// What Prometheus warns of.
    PrometheusRule,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Service,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::Deployment,
        Self::Ingress,
        Self::HttpRoute,
        Self::PodMonitor,
        Self::PrometheusRule,
    ];

    /// Those that exist only where somebody has installed them.
    pub const OPTIONAL: [Self; 3] = [Self::HttpRoute, Self::PodMonitor, Self::PrometheusRule];

    /// Group, version and name of the kind.
    #[must_use]
    pub fn gvk(self) -> GroupVersionKind {
        let (group, version, _) = self.place();
        GroupVersionKind::gvk(group, version, self.name())
    }

    /// How the API server calls it.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (_, _, plural) = self.place();
        ApiResource::from_gvk_with_plural(&self.gvk(), plural)
    }

    /// Its name, as objects write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Deployment => "Deployment",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::PodMonitor => "PodMonitor",
            Self::PrometheusRule => "PrometheusRule",
        }
    }

    /// An object of a kind for which there is no type.
    pub(super) fn object(self, metadata: &ObjectMeta, spec: &Value) -> Value {
        let gvk = self.gvk();
        json!({ "apiVersion": gvk.api_version(), "kind": gvk.kind, "metadata": metadata, "spec": spec })
    }

    /// Group, version and plural.
    const fn place(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "serviceaccounts"),
            Self::ConfigMap => ("", "v1", "configmaps"),
            Self::Service => ("", "v1", "services"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::Ingress => ("networking.k8s.io", "v1", "ingresses"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes"),
            Self::PodMonitor => ("monitoring.coreos.com", "v1", "podmonitors"),
            Self::PrometheusRule => ("monitoring.coreos.com", "v1", "prometheusrules"),
        }
    }
}
