//! Status: what is observed of a fleet, as conditions, figures and events. Pure: [`next`] is called in each reconcile
//! with what is seen, and says what status is to be, whether it is worth a write, and which events that write brings.
//!
//! The caller writes [`patch`] as [`STATUS_MANAGER`](carillon_crds::names::kubernetes::STATUS_MANAGER) where `write` says so, and the
//! events after it went well: they are derived from the status before, which then is the new one. An event is lost
//! where the process ends between the two, and never repeated.

mod blind;
mod conditions;
mod draining;
mod figures;
mod fleet;
mod ready;
mod rules;
mod scaling;
mod transitions;
pub(crate) mod words;

use carillon_crds::names::kubernetes::selector;
use carillon_crds::resource::{
    AutoscalingStatus, RealtimeCluster, RealtimeClusterStatus, RolloutPhase, RolloutStatus,
    RulesStatus, Summary,
};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

pub use self::blind::blind;
use self::conditions::{Book, DRAINING, PAUSED, READY, RECONCILING, RULES_APPLIED, STALLED};
use self::draining::Drains;
use self::figures::{Difference, difference, is_due, two_digits};
use self::fleet::Fleet;
use self::transitions::Transition;
use crate::events::Event;
use crate::rollout::{self, Phase};
use crate::{cache, gateway, scale};

/// What is seen of a fleet. Pods are to be asked before the first status of a process: those that were not are unknown.
pub struct Seen<'a> {
    /// The resource.
    pub cluster: &'a RealtimeCluster,
    /// The wanted image.
    pub image: &'a str,
    /// How many namespaces the rules have.
    pub namespaces: usize,
    /// How many pods there are to be: `spec.replicas` of the Deployment as wanted.
    pub desired: i32,
    /// The Deployment; absent: there is none yet.
    pub deployment: Option<Deployment>,
    /// All pods of the fleet, those that terminate too.
    pub pods: &'a [Pod<'a>],
    /// The hash of the rules that pods should serve; absent: nothing was ever published.
    pub rules: Option<&'a str>,
    /// Whether they are those of the spec: not while it does not hold, or a Secret of theirs is not mounted yet.
    pub rules_are_current: bool,
    /// The step of the rollout, where one could be planned.
    pub plan: Option<&'a rollout::Plan>,
    /// The autoscaler's decision of this round or the last one. Absent with autoscaling: none was made, and what status
    /// remembers stays.
    pub decision: Option<&'a scale::Decision>,
    /// What needs a person, the most important first.
    pub stalls: &'a [Stall],
    /// Something is still to be written, or a write failed and is tried again.
    pub applying: bool,
    /// `spec.paused`.
    pub paused: bool,
}

/// What a Deployment's controller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// Whether it has seen the last spec.
    pub observed: bool,
    /// Whether its `Progressing` condition says `ProgressDeadlineExceeded`.
    pub deadline_exceeded: bool,
}

/// A pod, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Pod<'a> {
    /// The pod.
    pub pod: &'a cache::pod::Pod,
    /// What it said last; absent: it never answered, or not for too long.
    pub report: Option<&'a gateway::Report>,
    /// Whether it has the present template.
    pub is_new: bool,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// In one word.
    pub reason: StallReason,
    /// In a sentence, the same as long as nothing changes.
    pub message: String,
}

/// Why a person is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StallReason {
    /// The spec does not hold.
    InvalidSpec,
    /// An object of a child's name is somebody else's.
    NameConflict,
    /// New pods do not become ready.
    ProgressDeadlineExceeded,
    /// A Secret, or a key of it, is not there.
    SecretMissing,
    /// The operator may not do what it has to.
    Forbidden,
}

/// What status is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// All of it.
    pub status: RealtimeClusterStatus,
    /// What is worth an event, once the status is written.
    pub events: Vec<Event>,
    /// Whether the status is to be written now.
    pub write: bool,
}

impl StallReason {
    /// As in the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSpec => "InvalidSpec",
            Self::NameConflict => "NameConflict",
            Self::ProgressDeadlineExceeded => "ProgressDeadlineExceeded",
            Self::SecretMissing => "SecretMissing",
            Self::Forbidden => "Forbidden",
        }
    }

    /// The event's reason. Who may not write may not write events either.
    const fn event(self) -> Option<&'static str> {
        match self {
            Self::ProgressDeadlineExceeded => Some("RolloutStuck"),
            Self::Forbidden => None,
            _ => Some(self.as_str()),
        }
    }
}

/// What status is to be, after `before`. `last_write` is when this process last wrote it.
#[must_use]
pub fn next(
    seen: &Seen<'_>,
    before: &RealtimeClusterStatus,
    last_write: Option<Timestamp>,
    now: Timestamp,
) -> Next {
    // Status holds whole seconds: with a fraction nothing would ever be as it was written.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let fleet = Fleet::of(seen);
    let stalls = ready::stalls(seen, &fleet);
    let drains = Drains::of(seen, &fleet, before);
    let mut book = Book {
        before,
        generation: seen.cluster.metadata.generation,
        now,
        conditions: Vec::new(),
    };
    let rules = rules::applied(seen, &fleet, before);
    book.add(READY, ready::ready(seen, &fleet, &rules));
    book.add(STALLED, ready::stalled(&stalls));
    book.add(
        RECONCILING,
        ready::reconciling(seen, &fleet, &stalls, &rules),
    );
    book.add(RULES_APPLIED, rules);
    scaling::conditions(seen, &mut book);
    book.add(DRAINING, drains.condition(&fleet));
    book.add(PAUSED, ready::paused(seen));
    let status = RealtimeClusterStatus {
        conditions: book.conditions,
        ..figures(seen, &fleet, scaling::status(seen, before))
    };
    let transition = Transition {
        seen,
        fleet: &fleet,
        stalls: &stalls,
        drains: &drains,
        before,
        after: &status,
    };
    let events = transition.events();
    let write = match difference(&status, before) {
        Difference::None => false,
        Difference::Gauges => !events.is_empty() || is_due(last_write, now),
        Difference::Facts => true,
    };
    Next {
        status,
        events,
        write,
    }
}

/// The status for server-side apply. What is left out of it is removed, as nobody else owns it; of the conditions, by
/// type: the default `Ready` of the schema is replaced, and conditions of others stay.
#[must_use]
pub fn patch(cluster: &RealtimeCluster, status: &RealtimeClusterStatus) -> Value {
    json!({
        "apiVersion": RealtimeCluster::api_version(&()),
        "kind": RealtimeCluster::kind(&()),
        "metadata": { "name": cluster.name_any() },
        "status": status,
    })
}

/// All but the conditions.
fn figures(
    seen: &Seen<'_>,
    fleet: &Fleet<'_>,
    autoscaling: Option<AutoscalingStatus>,
) -> RealtimeClusterStatus {
    let rules = seen.rules.map(|hash| RulesStatus {
        hash: hash.to_owned(),
        applied: count(fleet.serving().count()),
        rejected: count(fleet.refusing().count()),
    });
    RealtimeClusterStatus {
        observed_generation: seen.cluster.metadata.generation,
        replicas: Some(count(fleet.live.len())),
        selector: Some(selector(&seen.cluster.name_any())),
        ready_replicas: Some(count(fleet.ready().count())),
        updated_replicas: Some(count(fleet.new_ones())),
        connections: fleet.connections().map(two_digits),
        rollout: Some(rollout(seen, fleet)),
        summary: Some(summary(seen, fleet, autoscaling.as_ref(), rules.as_ref())),
        rules,
        autoscaling,
        conditions: Vec::new(),
    }
}

/// As planned; without a plan, as the pods are.
fn rollout(seen: &Seen<'_>, fleet: &Fleet<'_>) -> RolloutStatus {
    let Some(plan) = seen.plan else {
        let draining = count(fleet.draining.len());
        let phase = match draining {
            0 => RolloutPhase::Idle,
            _ => RolloutPhase::Draining,
        };
        return RolloutStatus {
            phase,
            updated: count(fleet.ready().filter(|pod| pod.is_new).count()),
            draining,
            remaining_connections: two_digits(fleet.remaining()),
        };
    };
    let rollout::Status {
        phase,
        updated,
        draining,
        remaining_connections,
    } = plan.status;
    RolloutStatus {
        phase: match phase {
            Phase::Idle => RolloutPhase::Idle,
            Phase::Progressing => RolloutPhase::Progressing,
            Phase::Draining => RolloutPhase::Draining,
            Phase::Stuck => RolloutPhase::Stuck,
        },
        updated: i32::try_from(updated).unwrap_or(i32::MAX),
        draining: i32::try_from(draining).unwrap_or(i32::MAX),
        remaining_connections: two_digits(remaining_connections),
    }
}

fn summary(
    seen: &Seen<'_>,
    fleet: &Fleet<'_>,
    autoscaling: Option<&AutoscalingStatus>,
    rules: Option<&RulesStatus>,
) -> Summary {
    let (applied, rejected) = rules.map_or((0, 0), |rules| (rules.applied, rules.rejected));
    let wanted = autoscaling.and_then(|status| status.desired_replicas);
    let wanted = wanted.unwrap_or(seen.desired);
    let scaling = match &seen.cluster.spec.autoscaling {
        Some(spec) => format!("{}-{}: {wanted}", spec.min_replicas, spec.max_replicas),
        None => seen.desired.to_string(),
    };
    Summary {
        ready: format!("{}/{}", fleet.ready().count(), seen.desired),
        scaling,
        rules: format!("{applied}/{rejected}"),
        namespaces: seen.namespaces.to_string(),
        image: seen.image.to_owned(),
    }
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
