//! What is to be done, and what is to be said.

/// One step. Writes are for the caller, `replicas` and `paused` with the Deployment's resourceVersion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `spec.paused` of the Deployment.
    pub paused: bool,
    /// `spec.replicas` of the Deployment.
    pub replicas: u32,
    /// The pod that is to have `pod-deletion-cost: "-1000000"`. `replicas` is lowered once it is seen to have it.
    pub victim: Option<String>,
    /// Marked pods that are not to go after all: their deletion cost is taken away.
    pub unmark: Vec<String>,
    /// `status.rollout`.
    pub status: Status,
    /// Why replicas are not lowered, though fewer are wanted.
    pub held: Option<Held>,
    /// The `Draining` condition; absent = false.
    pub draining: Option<Draining>,
    /// Pods whose sessions cannot be closed within the timeout: `Warning DrainExceedsBudget`, by pod.
    pub exceeds_budget: Vec<String>,
    /// Pods that terminate where the marked one does not: `VictimMismatch`.
    pub mismatched: Vec<String>,
}

/// `status.rollout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Where it is.
    pub phase: Phase,
    /// Ready pods of the present template.
    pub updated: u32,
    /// Pods that terminate.
    pub draining: u32,
    /// Their sessions, as far as they are known.
    pub remaining_connections: u64,
}

/// Where a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All pods have the present template and none terminates.
    Idle,
    /// Old pods are to be replaced.
    Progressing,
    /// Pods terminate.
    Draining,
    /// New pods do not become ready; the old ones serve. It ends when the spec changes.
    Stuck,
}

/// Why replicas are not lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// `ScalingLimited/RolloutInProgress`.
    RolloutInProgress,
    /// A pod's sessions are not known: `ScalingLimited/MetricPartial`.
    MetricPartial,
    /// What drains already leaves no room.
    DrainBudget,
}

/// Why pods drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draining {
    /// They have an earlier template.
    Rollout,
    /// Fewer are wanted: one was marked.
    ScaleDown,
    /// Neither: somebody else deleted or evicted them.
    Eviction,
}
