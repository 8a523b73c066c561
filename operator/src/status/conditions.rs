//! The list of conditions. Abnormal-true ones (`Reconciling`, `Stalled`, `Draining`, `Paused`) are present as False too:
//! kstatus looks at True alone, `kubectl wait` can wait for either, and the time says since when.

use carillon_crds::resource::RealtimeClusterStatus;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::words::shortened;

pub(super) const READY: &str = "Ready";
pub(super) const RECONCILING: &str = "Reconciling";
pub(super) const STALLED: &str = "Stalled";
pub(super) const RULES_APPLIED: &str = "RulesApplied";
pub(super) const SCALING_ACTIVE: &str = "ScalingActive";
pub(super) const DRAINING: &str = "Draining";
pub(super) const PAUSED: &str = "Paused";
/// Those of autoscaling, which are there with it alone.
pub(super) const SCALING: [&str; 3] = ["AbleToScale", SCALING_ACTIVE, "ScalingLimited"];

/// A condition as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

pub(super) const TRUE: &str = "True";
pub(super) const FALSE: &str = "False";
pub(super) const UNKNOWN: &str = "Unknown";

impl Finding {
    pub(super) fn new(
        status: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
        }
    }
}

/// The conditions while they are gathered.
pub(super) struct Book<'a> {
    pub(super) before: &'a RealtimeClusterStatus,
    pub(super) generation: Option<i64>,
    pub(super) now: Timestamp,
    pub(super) conditions: Vec<Condition>,
}

impl Book<'_> {
    /// Adds a condition. The time of transition moves with the status only.
    pub(super) fn add(&mut self, kind: &str, finding: Finding) {
        let Finding {
            status,
            reason,
            message,
        } = finding;
        let since = find(self.before, kind).filter(|one| one.status == status);
        self.conditions.push(Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: shortened(&message, MAX_MESSAGE),
            observed_generation: self.generation,
            last_transition_time: since
                .map_or(Time(self.now), |one| one.last_transition_time.clone()),
        });
    }
}

/// A condition of a status.
pub(super) fn find<'a>(status: &'a RealtimeClusterStatus, kind: &str) -> Option<&'a Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == kind)
}

/// Whether a condition of a status is so, for this reason.
pub(super) fn is(status: &RealtimeClusterStatus, kind: &str, value: &str, reason: &str) -> bool {
    find(status, kind).is_some_and(|one| one.status == value && one.reason == reason)
}

/// What a condition of a status says; empty where there is none.
pub(super) fn message<'a>(status: &'a RealtimeClusterStatus, kind: &str) -> &'a str {
    find(status, kind).map_or("", |one| &one.message)
}

/// Whether the operator writes conditions of this type.
pub(super) fn is_ours(kind: &str) -> bool {
    const ALWAYS: [&str; 6] = [READY, RECONCILING, STALLED, RULES_APPLIED, DRAINING, PAUSED];
    ALWAYS.contains(&kind) || SCALING.contains(&kind)
}

/// What `metav1.Condition` allows.
pub(super) const MAX_MESSAGE: usize = 32_768;
