//! Tells Prometheus which pods there are: Debian's has no discovery of Kubernetes, only of files.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::kubernetes::lookout::Lookout;

/// The files of targets.
pub(super) struct Targets {
    /// Pods with a port `admin`.
    pub(super) gateways: PathBuf,
    /// Pods with a port `metrics`.
    pub(super) operators: PathBuf,
}

/// Keeps the files of targets true; it ends when the value is dropped.
pub(super) fn start(kubeconfig: PathBuf, namespaces: Vec<String>, files: Targets) -> Lookout {
    Lookout::start(kubeconfig, async move |client| {
        let mut all = Vec::new();
        for namespace in &namespaces {
            // Without an answer the last targets stay, as Prometheus' own discovery has it.
            let Some(pods) = pods(client, namespace).await else {
                return;
            };
            all.extend(pods);
        }
        write(&files.gateways, &targets(&all, "admin"));
        write(&files.operators, &targets(&all, "metrics"));
    })
}

async fn pods(client: &Client, namespace: &str) -> Option<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pods = pods.list(&ListParams::default()).await.ok()?;
    Some(pods.items)
}

/// A port of every pod that has it and an address, the terminating among them.
fn targets(pods: &[Pod], port: &str) -> Value {
    pods.iter().filter_map(|pod| target(pod, port)).collect()
}

fn target(pod: &Pod, name: &str) -> Option<Value> {
    let address = pod.status.as_ref()?.pod_ip.as_ref()?;
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let mut named = ports.filter(|port| port.name.as_deref() == Some(name));
    let port = named.next()?.container_port;
    Some(json!({
        "targets": [format!("{address}:{port}")],
        "labels": { "namespace": pod.metadata.namespace, "pod": pod.metadata.name },
    }))
}

/// At once, so that no half of it is read.
fn write(file: &Path, targets: &Value) {
    let new = file.with_extension("new");
    let written = fs::write(&new, targets.to_string()).and_then(|()| fs::rename(&new, file));
    written.expect("a file of the tests can be written");
}
