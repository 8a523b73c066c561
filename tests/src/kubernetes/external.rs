//! Metrics from outside, for the HorizontalPodAutoscaler of Kubernetes.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kubernetes, NODE, Namespace, until};
use crate::driver::Driver;
use crate::ports;

/// How long it may take until the API server reaches it.
const AVAILABLE: Duration = Duration::from_secs(60);
const VERSION: &str = "v1beta1.external.metrics.k8s.io";

/// `external.metrics.k8s.io`, served to the whole cluster: one at a time. It is taken away when this value is dropped.
pub struct ExternalMetrics<'a> {
    cluster: &'a Kubernetes,
    server: Driver,
}

impl<'a> ExternalMetrics<'a> {
    /// Serves, and waits until the API server passes questions on. Every metric is 0.
    pub async fn start(cluster: &'a Kubernetes, namespace: &Namespace<'_>) -> Self {
        let port = ports::free();
        let pki = cluster.folder().join("pki");
        let parameters = json!({
            "port": port,
            "certificate": pki.join("front-proxy.crt"), "key": pki.join("front-proxy.key"),
        });
        let metrics = Self {
            cluster,
            server: Driver::start("external-metrics.mjs", &parameters),
        };
        metrics.set(0);
        namespace.apply(&manifests(namespace.name(), port).to_string());
        let path = r#"jsonpath={.status.conditions[?(@.type=="Available")]}"#;
        let available = async || {
            let said = cluster.try_kubectl(&["get", "apiservice", VERSION, "--output", path])?;
            let condition: Value = serde_json::from_str(&said).map_err(|_| said.clone())?;
            (condition["status"] == "True").then_some(()).ok_or(said)
        };
        until("metrics are served", AVAILABLE, available).await;
        metrics
    }

    /// What every metric is from now on.
    pub fn set(&self, value: u32) {
        self.server.call(&json!({ "op": "set", "value": value }));
    }
}

impl Drop for ExternalMetrics<'_> {
    fn drop(&mut self) {
        let _ = self.cluster.try_kubectl(&["delete", "apiservice", VERSION]);
    }
}

/// A Service of an address outside of the pods, and the API that it serves.
fn manifests(namespace: &str, port: u16) -> Value {
    let name = "external-metrics";
    let items = json!([
        {
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "ports": [{ "name": "https", "port": 443, "targetPort": port }] },
        },
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": name, "labels": { "kubernetes.io/service-name": name } },
            "ports": [{ "name": "https", "port": port }],
            "endpoints": [{ "addresses": [NODE], "conditions": { "ready": true } }],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": VERSION },
            "spec": {
                "group": "external.metrics.k8s.io", "version": "v1beta1",
                "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
                "service": { "name": name, "namespace": namespace, "port": 443 },
            },
        },
    ]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
