//! A `RealtimeCluster`, and what becomes of it.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::watch_object;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{NODE, Namespace};
use crate::http::Request;
use crate::redis::{self, Redis};

/// A fleet of one namespace.
pub struct Fleet<'a> {
    namespace: &'a Namespace<'a>,
    client: Client,
    name: String,
}

/// A pod of a fleet that has an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid: another pod has another, and so has none that restarted.
    pub uid: String,
    /// Its address.
    pub ip: IpAddr,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// How often its container was started again.
    pub restarts: u64,
}

/// A Redis of the node that pods reach, and its URL for them; the pods must go first.
pub fn redis() -> (Redis, String) {
    let redis = redis::Options::default()
        .line("bind 0.0.0.0")
        .line("protected-mode no")
        .start();
    let url = format!("redis://{NODE}:{}", redis.port());
    (redis, url)
}

impl<'a> Fleet<'a> {
    /// Applies a resource of this name with the times of the tests, beside which `spec` stands.
    pub fn apply(namespace: &'a Namespace<'_>, client: &Client, name: &str, spec: &Value) -> Self {
        namespace.apply(&resource(name, spec).to_string());
        Self {
            namespace,
            client: client.clone(),
            name: name.to_owned(),
        }
    }

    /// One that somebody else has applied.
    pub fn find(namespace: &'a Namespace<'_>, client: &Client, name: &str) -> Self {
        Self {
            namespace,
            client: client.clone(),
            name: name.to_owned(),
        }
    }

    /// The same of many that have one spec, at once.
    pub fn apply_all(
        namespace: &'a Namespace<'_>,
        client: &Client,
        names: &[String],
        spec: &Value,
    ) -> Vec<Self> {
        let items: Vec<_> = names.iter().map(|name| resource(name, spec)).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        namespace.apply(&list.to_string());
        let fleet = |name: &String| Self {
            namespace,
            client: client.clone(),
            name: name.clone(),
        };
        names.iter().map(fleet).collect()
    }

    /// Changes the resource by a merge patch of its spec.
    pub fn edit(&self, spec: &Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.namespace.kubectl(&[
            "patch",
            "realtimecluster",
            &self.name,
            "--type=merge",
            "--patch",
            &patch,
        ]);
    }

    /// The resource as it is.
    pub fn object(&self) -> Value {
        self.namespace.get(&["realtimecluster", &self.name])
    }

    /// Waits by a watch until the resource is as `is` has it; the resource, and how long that took.
    pub async fn until(
        &self,
        what: &str,
        deadline: Duration,
        mut is: impl FnMut(&Value) -> bool,
    ) -> (Value, Duration) {
        let kind = GroupVersionKind::gvk("carillon.dev", "v1alpha1", "RealtimeCluster");
        let kind = ApiResource::from_gvk_with_plural(&kind, "realtimeclusters");
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), self.namespace.name(), &kind);
        let began = Instant::now();
        let mut last = Value::Null;
        let mut states = pin!(watch_object(api, &self.name));
        let seen = async {
            while let Some(state) = states.next().await {
                // A watch that breaks is made anew.
                let Ok(state) = state else { continue };
                last = serde_json::to_value(state).expect("an object is JSON");
                if is(&last) {
                    return;
                }
            }
        };
        let seen = tokio::time::timeout(deadline, seen).await;
        assert!(
            seen.is_ok(),
            "waited {deadline:?} in vain until {what}: {last:#}"
        );
        (last, began.elapsed())
    }

    /// Waits until a condition of this spec has this status, and perhaps this reason.
    pub async fn condition(
        &self,
        kind: &str,
        status: &str,
        reason: Option<&str>,
        deadline: Duration,
    ) -> Duration {
        let what = format!("{} of {} is {status} {reason:?}", kind, self.name);
        let is = |object: &Value| {
            let generation = &object["metadata"]["generation"];
            let current = object["status"]["observedGeneration"] == *generation;
            let found = find(object, kind);
            current
                && found["status"] == status
                && reason.is_none_or(|reason| found["reason"] == reason)
        };
        self.until(&what, deadline, is).await.1
    }

    /// Waits until this spec is what runs and serves.
    pub async fn ready(&self, deadline: Duration) -> Duration {
        self.condition("Ready", "True", None, deadline).await
    }

    /// Its pods that have an address, the terminating among them, by name.
    pub fn pods(&self) -> Vec<Pod> {
        self.pods_that(|_| true)
    }

    /// Those of them whose gateway is ready.
    pub fn serving(&self) -> Vec<Pod> {
        self.pods_that(|pod| pod["status"]["containerStatuses"][0]["ready"] == true)
    }

    fn pods_that(&self, are: impl Fn(&&Value) -> bool) -> Vec<Pod> {
        let selector = format!("--selector=carillon.dev/cluster={}", self.name);
        let list = self.namespace.get(&["pods", &selector]);
        let all = list["items"].as_array().into_iter().flatten();
        let mut pods: Vec<_> = all.filter(are).filter_map(pod).collect();
        pods.sort();
        pods
    }

    /// The URL of its client Service.
    pub fn url(&self) -> String {
        let service = self.namespace.get(&["service", &self.name]);
        let port = service["spec"]["ports"][0]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        format!(
            "http://{}",
            self.namespace.service(&self.name, port.expect("a port"))
        )
    }

    /// The URL of its Service for backends.
    pub fn api(&self) -> String {
        let name = format!("{}-api", self.name);
        let service = self.namespace.get(&["service", &name]);
        let port = service["spec"]["ports"][0]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        format!(
            "http://{}",
            self.namespace.service(&name, port.expect("a port"))
        )
    }

    /// The hash of the rules that a pod serves by.
    pub fn rules_of(&self, pod: &Pod) -> Result<String, String> {
        let admin = SocketAddr::new(pod.ip, 9090);
        let answer = Request::get("/rules").send_to(admin, Duration::from_secs(2));
        let answer = answer.map_err(|error| error.to_string())?;
        let rules: Value =
            serde_json::from_str(&answer.text()).map_err(|error| error.to_string())?;
        let hash = rules["hash"].as_str().map(str::to_owned);
        hash.ok_or_else(|| rules.to_string())
    }

    /// Deletes the resource and waits until it is gone.
    pub fn delete(self) {
        self.namespace
            .kubectl(&["delete", "realtimecluster", &self.name, "--timeout=60s"]);
    }
}

/// A resource with the times of the tests.
fn resource(name: &str, spec: &Value) -> Value {
    let mut whole = json!({
        "image": { "tag": "test", "pullPolicy": "Never" },
        "drain": { "hold": "1s", "timeout": "20s" },
        "rollout": { "minReadySeconds": 1 },
        "podTemplate": { "spec": { "containers": [
            { "name": "gateway", "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } } },
        ] } },
    });
    merge(&mut whole, spec);
    json!({
        "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster",
        "metadata": { "name": name }, "spec": whole,
    })
}

/// The condition of a kind; null if there is none.
pub(crate) fn find<'v>(object: &'v Value, kind: &str) -> &'v Value {
    let mut conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

fn pod(pod: &Value) -> Option<Pod> {
    let metadata = &pod["metadata"];
    let status = &pod["status"];
    Some(Pod {
        name: metadata["name"].as_str()?.to_owned(),
        uid: metadata["uid"].as_str()?.to_owned(),
        ip: status["podIP"].as_str()?.parse().ok()?,
        terminating: !metadata["deletionTimestamp"].is_null(),
        restarts: status["containerStatuses"][0]["restartCount"]
            .as_u64()
            .unwrap_or(0),
    })
}

/// As a merge patch: objects by key, everything else replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
