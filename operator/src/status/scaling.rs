//! What the autoscaler decided: `status.autoscaling`, its three conditions, its events.

use carillon_crds::resource::{AutoscalingStatus, RealtimeClusterStatus};

use super::Seen;
use super::conditions::{Book, FALSE, Finding, SCALING, SCALING_ACTIVE, TRUE, find, is};
use crate::events::Event;
use crate::rollout::Held;
use crate::scale::Decision;
use crate::scale::hpa::condition::{Condition, Kind, Reason};

/// `status.autoscaling`. Before the first decision, and while the spec does not hold, what it remembers has to stay.
pub(super) fn status(seen: &Seen<'_>, before: &RealtimeClusterStatus) -> Option<AutoscalingStatus> {
    let kept = || before.autoscaling.clone();
    seen.cluster.spec.autoscaling.as_ref()?;
    seen.decision
        .map_or_else(kept, |decision| Some(decision.status.clone()))
}

/// The three conditions; without autoscaling there are none.
pub(super) fn conditions(seen: &Seen<'_>, book: &mut Book<'_>) {
    if seen.cluster.spec.autoscaling.is_none() {
        return;
    }
    let Some(decision) = seen.decision else {
        let kept = SCALING.iter().filter_map(|kind| find(book.before, kind));
        book.conditions.extend(kept.cloned());
        return;
    };
    let held = seen.plan.and_then(|plan| plan.held).map(limited);
    for kind in [Kind::AbleToScale, Kind::ScalingActive, Kind::ScalingLimited] {
        let held = held.as_ref().filter(|held| held.kind == kind);
        let decided = decision.conditions.iter().find(|one| one.kind == kind);
        if let Some(condition) = held.or(decided) {
            let status = if condition.status { TRUE } else { FALSE };
            let finding = Finding::new(status, condition.reason.as_str(), &condition.message);
            book.add(kind.as_str(), finding);
        }
    }
}

/// The decision's events that the status before does not tell of: a decision is shown until the next one is made.
pub(super) fn events(decision: &Decision, before: &RealtimeClusterStatus) -> Vec<Event> {
    let autoscaling = before.autoscaling.as_ref();
    let is_new = |event: &&Event| match event.reason {
        "SuccessfulRescale" => {
            let last = autoscaling.and_then(|status| status.last_scale_time.as_ref());
            last != decision.status.last_scale_time.as_ref()
        }
        "FallbackActivated" => {
            let said = autoscaling.and_then(|status| status.reason.as_ref());
            said != decision.status.reason.as_ref()
        }
        reason => !is(before, SCALING_ACTIVE, FALSE, reason),
    };
    decision.events.iter().filter(is_new).cloned().collect()
}

/// The count is not lowered as decided.
fn limited(held: Held) -> Condition {
    let (reason, message) = match held {
        Held::RolloutInProgress => (
            Reason::RolloutInProgress,
            "the count is not lowered while a rollout is in progress",
        ),
        Held::MetricPartial => (
            Reason::MetricPartial,
            "the count is not lowered: the sessions of a pod are not known",
        ),
        Held::DrainBudget => (
            Reason::ScaleDownLimit,
            "the count is not lowered: pods that drain use up the budget",
        ),
    };
    Condition::new(Kind::ScalingLimited, true, reason, message)
}
