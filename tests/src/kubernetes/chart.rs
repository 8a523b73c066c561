//! What our charts are told here, and what they leave behind.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Image, Kubernetes, Namespace, Program, until};

impl Image {
    /// As values of a chart name it; it is in the cluster already.
    pub fn values(&self) -> Value {
        json!({ "repository": self.repository, "tag": self.tag, "pullPolicy": "Never" })
    }
}

impl Kubernetes {
    /// Values of the operator's chart, beside which others stand.
    pub fn operator_values(&self, more: &Value) -> Value {
        let mut values = json!({
            "image": { "tag": self.image(Program::Operator).tag, "pullPolicy": "Never" },
            "gateway": { "defaultTag": self.image(Program::Gateway).tag },
            "resources": { "requests": { "cpu": "10m" } },
        });
        let more = more.as_object().into_iter().flatten();
        more.for_each(|(key, value)| values[key] = value.clone());
        values
    }

    /// Whether there is a `RealtimeCluster`, by its definition.
    pub fn has_definition(&self) -> bool {
        let found = self.try_kubectl(&["get", "crd", "realtimeclusters.carillon.dev"]);
        found.is_ok()
    }

    /// Waits until there is none any more.
    pub async fn until_undefined(&self, deadline: Duration) {
        let gone = async || match self.has_definition() {
            true => Err("it is there".to_owned()),
            false => Ok(()),
        };
        until("the definition is gone", deadline, gone).await;
    }
}

impl Namespace<'_> {
    /// Waits until it holds nothing but what Kubernetes puts into every one.
    pub async fn until_empty(&self, deadline: Duration) {
        let kinds = "deployments,pods,services,configmaps,serviceaccounts,poddisruptionbudgets,jobs,roles,rolebindings";
        let empty = async || {
            let left = self.kubectl(&["get", kinds, "--output=name"]);
            let own = ["configmap/kube-root-ca.crt", "serviceaccount/default"];
            let left: Vec<_> = left.lines().filter(|name| !own.contains(name)).collect();
            if left.is_empty() {
                Ok(())
            } else {
                Err(left.join(" "))
            }
        };
        until("nothing of the fleet is left", deadline, empty).await;
    }

    /// Panics if something of an operator is left, here or in the whole cluster.
    pub fn holds_no_operator(&self) {
        let kinds = "deployments,serviceaccounts,roles,clusterroles,clusterrolebindings";
        let left = self.kubectl(&["get", kinds, "--output=name"]);
        assert!(!left.contains("carillon"), "{left}");
    }
}
