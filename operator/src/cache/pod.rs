//! A pod of a fleet, as far as the operator needs it.

use carillon_crds::names::kubernetes::{CONTAINER, annotation, label, volume};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as ApiPod, PodSpec, PodStatus};

use super::{Entry, Key};
use crate::build::names::RULES_HASH;
use crate::scale::hpa::pods::Pod as Measured;
use crate::scale::observe;
use crate::version::Version;

/// A pod of a fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which template it was made from.
    pub template_hash: Option<String>,
    /// Where it is reached, once that is known.
    pub ip: Option<String>,
    /// Since when it is ready.
    pub ready_since: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether it has ended, for better or worse.
    pub ended: bool,
    /// Whether its container runs.
    pub running: bool,
    /// What keeps its container from running, such as `ImagePullBackOff`.
    pub waiting: Option<String>,
    /// The image of its container.
    pub image: Option<String>,
    /// The Secrets that it mounts.
    pub secrets: Vec<String>,
    /// The hash of the rules of which its kubelet was told.
    pub told: Option<String>,
    /// Its deletion cost.
    pub deletion_cost: Option<String>,
    /// What the autoscaler needs of it.
    pub measured: Measured,
    cluster: Option<String>,
    version: Version,
}

impl Pod {
    /// Takes what is needed of a pod.
    #[must_use]
    pub fn new(pod: ApiPod) -> Self {
        let measured = observe::pod(&pod);
        let ApiPod {
            metadata,
            spec,
            status,
        } = pod;
        let version = Version::of(&metadata);
        let labels = metadata.labels.unwrap_or_default();
        let annotations = metadata.annotations.unwrap_or_default();
        let spec = spec.unwrap_or_default();
        let status = status.unwrap_or_default();
        let container = container(&status);
        let phase = status.phase.as_deref();
        Self {
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            template_hash: labels.get(TEMPLATE_HASH).cloned(),
            ip: status.pod_ip.clone().filter(|ip| !ip.is_empty()),
            ready_since: ready_since(&status),
            created: metadata.creation_timestamp.map(|time| time.0),
            terminating: metadata.deletion_timestamp.is_some(),
            ended: matches!(phase, Some("Succeeded" | "Failed")),
            running: container.is_some_and(is_running),
            waiting: container.and_then(waiting),
            image: image(&spec),
            secrets: secrets(&spec),
            told: annotations.get(RULES_HASH).cloned(),
            deletion_cost: annotations.get(annotation::DELETION_COST).cloned(),
            measured,
            cluster: labels.get(label::CLUSTER).cloned(),
            version,
        }
    }

    /// Whether it takes part: it is neither gone nor going.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.terminating && !self.ended
    }

    /// Whether it takes part and is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_live() && self.ready_since.is_some()
    }
}

impl Entry for Pod {
    fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    fn version(&self) -> &Version {
        &self.version
    }
}

fn container(status: &PodStatus) -> Option<&ContainerStatus> {
    let mut containers = status.container_statuses.iter().flatten();
    containers.find(|container| container.name == CONTAINER)
}

fn is_running(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state.is_some_and(|state| state.running.is_some())
}

fn waiting(container: &ContainerStatus) -> Option<String> {
    container.state.as_ref()?.waiting.as_ref()?.reason.clone()
}

fn ready_since(status: &PodStatus) -> Option<Timestamp> {
    let mut conditions = status.conditions.iter().flatten();
    let ready =
        conditions.find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    let since = ready.last_transition_time.as_ref().map(|time| time.0);
    Some(since.unwrap_or(Timestamp::UNIX_EPOCH))
}

fn image(spec: &PodSpec) -> Option<String> {
    let mut containers = spec.containers.iter();
    containers
        .find(|container| container.name == CONTAINER)?
        .image
        .clone()
}

/// The Secrets that the operator has mounted into a pod.
#[must_use]
pub fn secrets(spec: &PodSpec) -> Vec<String> {
    let volumes = spec.volumes.iter().flatten();
    volumes
        .filter(|volume| volume.name.starts_with(volume::SECRET_PREFIX))
        .filter_map(|volume| volume.secret.as_ref()?.secret_name.clone())
        .collect()
}

/// The label by which a Deployment tells its ReplicaSets apart.
pub const TEMPLATE_HASH: &str = "pod-template-hash";
