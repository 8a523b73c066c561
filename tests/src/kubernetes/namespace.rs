//! A namespace of a test, under restricted pod security.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Kubernetes, Shot, until};

/// A namespace; it is deleted when this value is dropped, and its state is told if the test fails.
pub struct Namespace<'a> {
    cluster: &'a Kubernetes,
    name: String,
}

impl Kubernetes {
    /// Makes a namespace in which only restricted pods are admitted; pods can be made in it at once.
    pub fn namespace(&self, name: &str) -> Namespace<'_> {
        let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels },
        });
        self.apply(&namespace.to_string());
        let namespace = Namespace {
            cluster: self,
            name: name.to_owned(),
        };
        // A pod is refused until a controller has made the account that it runs under.
        let account = "serviceaccount/default";
        namespace.kubectl(&["wait", "--for=create", account, "--timeout=60s"]);
        namespace
    }
}

impl Namespace<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `kubectl` prints in it; panics when it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments)
            .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
    }

    /// What `kubectl` prints in it, or how it fails.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let within = ["--namespace", self.name()];
        self.cluster.try_kubectl(&[&within, arguments].concat())
    }

    /// An object, or a list of a kind with a selector, as JSON.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let text = self.kubectl(&[&["get", "--output=json"], arguments].concat());
        serde_json::from_str(&text).expect("kubectl prints JSON")
    }

    /// Applies manifests, which need not name the namespace.
    pub fn apply(&self, manifests: &str) {
        self.cluster.apply_in(&self.name, manifests);
    }

    /// Waits until all replicas of a Deployment are new and ready; returns how long that took.
    pub async fn rolled_out(&self, deployment: &str, deadline: Duration) -> Duration {
        let what = format!("{}/{deployment} is rolled out", self.name);
        let target = format!("deployment/{deployment}");
        let status = async || self.try_kubectl(&["rollout", "status", &target, "--timeout=1s"]);
        until(&what, deadline, status).await.1
    }

    /// The address of a Service's port.
    pub fn service(&self, name: &str, port: u16) -> SocketAddr {
        let service = self.get(&["service", name]);
        let address = service["spec"]["clusterIP"]
            .as_str()
            .and_then(|ip| ip.parse::<IpAddr>().ok());
        SocketAddr::new(address.expect("the Service has an address"), port)
    }

    /// The same, once a pod takes connections there: the node learns a moment after it is ready that it is.
    pub async fn reached(&self, name: &str, port: u16, deadline: Duration) -> SocketAddr {
        let address = self.service(name, port);
        let connect = async || {
            let connected = TcpStream::connect_timeout(&address, deadline);
            connected.map(drop).map_err(|error| error.to_string())
        };
        until(&format!("{name}:{port} is reached"), deadline, connect).await;
        address
    }

    /// Names and addresses of the running pods with these labels that are not being deleted.
    pub fn pods(&self, selector: &str) -> Vec<(String, IpAddr)> {
        let pods = self.get(&["pods", "--selector", selector]);
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        let live = pods
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        live.filter_map(|pod| {
            let name = pod["metadata"]["name"].as_str()?.to_owned();
            Some((name, pod["status"]["podIP"].as_str()?.parse().ok()?))
        })
        .collect()
    }

    /// Sends a signal to the first process of a container (`KILL`, `STOP` to freeze it, `CONT`).
    pub fn signal(&self, pod: &str, container: &str, signal: &str) {
        let process = self.process(pod, container);
        self.cluster.signal_inside(&process, signal);
    }

    /// A SIGKILL for the first process of a container, for a moment that is still to come.
    pub fn aim(&self, pod: &str, container: &str) -> Shot {
        Shot::at(self.cluster, &self.process(pod, container))
    }

    /// The resident memory of the first process of a container, in bytes.
    pub fn resident(&self, pod: &str, container: &str) -> u64 {
        let file = format!("/proc/{}/status", self.process(pod, container));
        let output = self
            .cluster
            .inside("sed")
            .args(["-n", "s/^VmRSS: *//p", &file])
            .output();
        let text = String::from_utf8_lossy(&output.expect("sed can be run").stdout).into_owned();
        let kib: Option<u64> = text
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        kib.unwrap_or_else(|| panic!("{pod}/{container} has no memory: {text:?}")) * 1024
    }

    fn process(&self, pod: &str, container: &str) -> String {
        let path =
            format!("jsonpath={{.status.containerStatuses[?(@.name=={container:?})].containerID}}");
        let id = self.kubectl(&["get", "pod", pod, "--output", &path]);
        let id = id.trim_start_matches("containerd://");
        let tasks = self.cluster.ctr(&["tasks", "list"]);
        let task = tasks
            .lines()
            .find(|line| line.starts_with(id) && !id.is_empty());
        let process = task.and_then(|task| task.split_whitespace().nth(1));
        process
            .unwrap_or_else(|| panic!("no process of {pod}/{container}: {tasks}"))
            .to_owned()
    }

    /// Evicts a pod, as the drain of a node does; the error is what the API server says.
    pub fn evict(&self, pod: &str) -> Result<(), String> {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": pod, "namespace": self.name },
        });
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", self.name);
        let posted = self.cluster.posted(&path, &eviction.to_string());
        posted.map(|_| ())
    }

    /// What all its containers that there are have logged.
    pub fn logs(&self) -> String {
        let every = ["logs", "--selector=!no-such-label", "--all-containers"];
        let whole = ["--prefix", "--tail=-1", "--max-log-requests=50"];
        // One that is just going may have none any more.
        let but = ["--ignore-errors"];
        self.kubectl(&[&every[..], &whole, &but].concat())
    }

    fn tell(&self) {
        let name = &self.name;
        let questions: [&[&str]; 4] = [
            &["get", "all,endpointslices,configmaps", "--output=wide"],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &["describe", "pods"],
            &[
                "logs",
                "--selector=!no-such-label",
                "--all-containers",
                "--prefix",
                "--tail=40",
            ],
        ];
        for question in questions {
            let answer = self.try_kubectl(question).unwrap_or_else(|error| error);
            eprintln!("--- {name}: kubectl {}\n{answer}", question.join(" "));
        }
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        let _ = self
            .cluster
            .try_kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}
