//! What is seen of a fleet: its Deployment, its pods, and the rules that are published.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use carillon_crds::names::kubernetes::{CONTAINER, RULES_KEY, annotation, rules_config_map};
use carillon_crds::resource::Rules;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;

use super::reports::Reports;
use crate::build::Kind;
use crate::build::names::RULES_HASH;
use crate::cache::fleet::Fleet;
use crate::cache::pod::{Pod, secrets};
use crate::cache::replica_set::template_digest;
use crate::rollout;
use crate::watches::Caches;

/// What is seen of a fleet.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its Deployment, if it has one.
    pub deployment: Option<Deployment>,
    /// Its pods that have not ended, by name.
    pub pods: Vec<Arc<Pod>>,
    /// What its ConfigMap holds.
    pub published: Option<Rules>,
}

/// A Deployment.
#[derive(Debug)]
pub struct Deployment {
    /// Which state of it.
    pub resource_version: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.paused`.
    pub paused: bool,
    /// Its controller has seen its spec.
    pub observed: bool,
    /// Its rollout makes no progress.
    pub deadline_exceeded: bool,
    /// `status.replicas`.
    pub status_replicas: i32,
    /// `status.updatedReplicas`.
    pub updated: i32,
    /// `status.availableReplicas`.
    pub available: i32,
    /// `spec.template`.
    pub template: Value,
    /// The image of the gateway.
    pub image: Option<String>,
    /// The names of the Secrets that it mounts.
    pub secrets: BTreeSet<String>,
    /// The `pod-template-hash` of the ReplicaSet that has its template.
    pub revision: Option<String>,
}

impl Seen {
    /// Looks into the caches.
    #[must_use]
    pub(super) fn look(caches: &Caches, fleet: &Fleet) -> Self {
        let pods = caches.pods.of(&fleet.namespace, &fleet.name);
        Self {
            deployment: Deployment::find(caches, fleet),
            pods: pods.into_iter().filter(|pod| !pod.ended).collect(),
            published: published(caches, fleet),
        }
    }

    /// The pods that take part.
    pub(super) fn live(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter().filter(|pod| pod.is_live())
    }
}

impl Deployment {
    fn find(caches: &Caches, fleet: &Fleet) -> Option<Self> {
        let live = caches.children.get(&Kind::Deployment)?;
        let live = live.get(&fleet.namespace, &fleet.name)?;
        if live.owner.as_deref() != Some(&fleet.uid) || live.terminating {
            return None;
        }
        let mut deployment = Self::read(live.value(), &live.resource_version);
        let template = template_digest(&deployment.template);
        let sets = caches.replica_sets.of(&fleet.namespace, &fleet.name);
        let mut sets = sets.into_iter();
        let set =
            sets.find(|set| set.owner.as_deref() == Some(&live.uid) && set.template == template);
        deployment.revision = set.map(|set| set.template_hash.clone());
        Some(deployment)
    }

    /// Whether all its pods have its template and serve.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let counts = [self.updated, self.status_replicas, self.available];
        self.observed && counts.iter().all(|count| *count == self.replicas)
    }

    fn read(mut value: Value, resource_version: &str) -> Self {
        let status = |field: &str| count(&value["status"][field]);
        let template: Option<PodTemplateSpec> =
            serde_json::from_value(value["spec"]["template"].clone()).ok();
        let pod = template
            .and_then(|template| template.spec)
            .unwrap_or_default();
        let mut containers = pod.containers.iter();
        let gateway = containers.find(|container| container.name == CONTAINER);
        Self {
            resource_version: resource_version.to_owned(),
            replicas: value["spec"].get("replicas").map_or(1, count),
            paused: value["spec"]["paused"] == true,
            observed: value["status"]["observedGeneration"] == value["metadata"]["generation"],
            deadline_exceeded: deadline_exceeded(&value["status"]["conditions"]),
            status_replicas: status("replicas"),
            updated: status("updatedReplicas"),
            available: status("availableReplicas"),
            image: gateway.and_then(|gateway| gateway.image.clone()),
            secrets: secrets(&pod).into_iter().collect(),
            template: value["spec"]["template"].take(),
            revision: None,
        }
    }
}

fn count(value: &Value) -> i32 {
    value
        .as_i64()
        .map_or(0, |count| i32::try_from(count).unwrap_or(i32::MAX))
}

fn deadline_exceeded(conditions: &Value) -> bool {
    let mut conditions = conditions.as_array().into_iter().flatten();
    conditions
        .any(|one| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded")
}

fn published(caches: &Caches, fleet: &Fleet) -> Option<Rules> {
    let maps = caches.children.get(&Kind::ConfigMap)?;
    let map = maps.get(&fleet.namespace, &rules_config_map(&fleet.name))?;
    if map.owner.as_deref() != Some(&fleet.uid) {
        return None;
    }
    let value = map.value();
    Some(Rules {
        json: value["data"][RULES_KEY].as_str()?.to_owned(),
        hash: value["metadata"]["annotations"][RULES_HASH]
            .as_str()?
            .to_owned(),
    })
}

/// The same as [`rollout::plan`] wants it.
#[must_use]
pub(super) fn facts(
    deployment: &Deployment,
    pods: &[Arc<Pod>],
    reports: &Reports,
    template_is_current: bool,
    now: Instant,
) -> rollout::Facts {
    let pod = |pod: &Arc<Pod>| rollout::Pod {
        name: pod.name.clone(),
        revision: pod.template_hash.clone().unwrap_or_default(),
        ready: pod.is_ready(),
        terminating: pod.terminating,
        is_victim: pod.deletion_cost.as_deref() == Some(annotation::VICTIM_COST),
        sample: reports.sample(&pod.uid, now),
    };
    rollout::Facts {
        replicas: u32::try_from(deployment.replicas).unwrap_or(0),
        paused: deployment.paused,
        observed: deployment.observed,
        deadline_exceeded: deployment.deadline_exceeded,
        template_is_current,
        revision: deployment.revision.clone(),
        pods: pods.iter().map(pod).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    impl Deployment {
        /// One whose gateway has this image.
        pub(in crate::reconcile) fn with_image(image: &str) -> Self {
            let container = json!({ "name": CONTAINER, "image": image });
            Self::read(deployment(&json!([container]), &json!([])), "1")
        }

        /// One that mounts these Secrets.
        pub(in crate::reconcile) fn with_secrets(names: &[&str]) -> Self {
            let volumes: Vec<_> = names
                .iter()
                .map(|name| json!({ "name": format!("secret-{name}"), "secret": { "secretName": name } }))
                .collect();
            Self::read(deployment(&json!([]), &volumes.into()), "1")
        }
    }

    fn deployment(containers: &Value, volumes: &Value) -> Value {
        json!({
            "metadata": { "generation": 4 },
            "spec": {
                "replicas": 3,
                "paused": true,
                "template": { "spec": { "containers": containers, "volumes": volumes } },
            },
            "status": {
                "observedGeneration": 4, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2,
                "conditions": [{ "type": "Progressing", "reason": "ProgressDeadlineExceeded" }],
            },
        })
    }

    #[test]
    fn a_deployment_is_read() {
        let read = Deployment::with_image("x:1");
        assert_eq!(
            (
                read.replicas,
                read.status_replicas,
                read.updated,
                read.available
            ),
            (3, 3, 3, 2)
        );
        assert!(read.paused && read.observed && read.deadline_exceeded && !read.is_complete());
        assert_eq!(read.image.as_deref(), Some("x:1"));
        let bare = Deployment::read(json!({}), "1");
        assert_eq!((bare.replicas, bare.paused), (1, false));
    }
}
