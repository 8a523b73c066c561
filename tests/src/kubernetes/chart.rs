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
        let kinds = self.kinds(true);
        let empty = async || {
            let left = self.kubectl(&["get", &kinds, "--output=name"]);
            let own = ["configmap/kube-root-ca.crt", "serviceaccount/default"];
            none(left.lines().filter(|name| !own.contains(name)))
        };
        until("nothing is left in the namespace", deadline, empty).await;
    }

    /// Waits until nothing of ours is left that is in no namespace.
    pub async fn until_nothing_of_ours(&self, deadline: Duration) {
        let kinds = self.kinds(false);
        let gone = async || {
            let left = self.kubectl(&["get", &kinds, "--output=name"]);
            let ours = left.lines().filter(|name| name.contains("carillon"));
            none(ours.filter(|name| !name.starts_with("namespace/")))
        };
        until("nothing of ours is left in the cluster", deadline, gone).await;
    }

    /// All kinds of which there can be objects, in namespaces or in none. Events tell of the past.
    fn kinds(&self, namespaced: bool) -> String {
        let namespaced = format!("--namespaced={namespaced}");
        let all = self.kubectl(&[
            "api-resources",
            "--verbs=list",
            &namespaced,
            "--output=name",
        ]);
        let kinds = all.lines().filter(|kind| !kind.starts_with("events"));
        kinds.collect::<Vec<_>>().join(",")
    }
}

fn none<'a>(left: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let left: Vec<_> = left.collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(left.join(" "))
    }
}
