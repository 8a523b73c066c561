//! What is seen of a fleet. All of it comes from the cluster and the pods, so that an operator that has just started
//! decides as one that has watched for an hour.

use std::time::Duration;

/// The Deployment, the revision of its newest ReplicaSet, and the pods.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// `spec.replicas` of the Deployment.
    pub replicas: u32,
    /// `spec.paused` of the Deployment.
    pub paused: bool,
    /// Its controller has seen its last spec (`status.observedGeneration` = `metadata.generation`).
    pub observed: bool,
    /// Its `Progressing` condition says `ProgressDeadlineExceeded`.
    pub deadline_exceeded: bool,
    /// The pod template of the resource's present spec is the Deployment's.
    pub template_is_current: bool,
    /// The pod-template-hash of the ReplicaSet that has the Deployment's template; absent before its controller has made it.
    pub revision: Option<String>,
    /// All pods of the fleet, those that terminate too.
    pub pods: Vec<Pod>,
}

/// One pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its pod-template-hash.
    pub revision: String,
    /// It is ready.
    pub ready: bool,
    /// It has a deletion timestamp.
    pub terminating: bool,
    /// It carries the deletion cost of a victim.
    pub is_victim: bool,
    /// What it said at the last look; absent if it never answered.
    pub sample: Option<Sample>,
}

/// What a pod said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The sum of `carillon_sessions`.
    pub sessions: u64,
    /// How long ago.
    pub age: Duration,
}

/// What the resource asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// How many replicas there are to be.
    pub replicas: u32,
    /// `drain.reconnectsPerSecond`.
    pub reconnects_per_second: u32,
    /// `drain.timeout`.
    pub timeout: Duration,
    /// Samples older than this say nothing.
    pub max_age: Duration,
    /// There is no bus: a rollout is a restart of the only pod.
    pub is_memory: bool,
}

impl Facts {
    pub(super) fn live(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| !pod.terminating)
    }

    pub(super) fn draining(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| pod.terminating)
    }

    pub(super) fn is_new(&self, pod: &Pod) -> bool {
        self.template_is_current && self.revision.as_ref() == Some(&pod.revision)
    }

    /// Live pods of an earlier template.
    pub(super) fn old(&self) -> impl Iterator<Item = &Pod> {
        self.live().filter(|pod| !self.is_new(pod))
    }

    /// Ready pods of the present template.
    pub(super) fn updated(&self) -> usize {
        let new = self.live().filter(|pod| self.is_new(pod));
        new.filter(|pod| pod.ready).count()
    }

    /// Old pods live on, or the present template has not reached the controller.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        !self.observed || self.old().next().is_some()
    }
}

impl Pod {
    /// Its sessions, if they are known well enough.
    pub(super) fn sessions(&self, max_age: Duration) -> Option<u64> {
        let sample = self.sample.filter(|sample| sample.age <= max_age);
        sample.map(|sample| sample.sessions)
    }
}
