//! Tells Prometheus which pods there are: Debian's has no discovery of Kubernetes, only of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::kubernetes::client_of;

/// How often the pods are listed.
const EVERY: Duration = Duration::from_millis(500);

/// The files of targets.
pub(super) struct Targets {
    /// Pods with a port `admin`.
    pub(super) gateways: PathBuf,
    /// Pods with a port `metrics`.
    pub(super) operators: PathBuf,
}

/// Keeps the files of targets true; it ends when this value is dropped.
pub(super) struct Discovery {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    pub(super) fn start(kubeconfig: PathBuf, namespace: String, files: Targets) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be made");
            let client = runtime.block_on(client_of(&kubeconfig, |_| ()));
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // Without an answer the last targets stay, as Prometheus' own discovery has it.
                if let Some(pods) = runtime.block_on(pods(&client, &namespace)) {
                    write(&files.gateways, &targets(&pods, "admin"));
                    write(&files.operators, &targets(&pods, "metrics"));
                }
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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
