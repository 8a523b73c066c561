//! `Ready`, `Reconciling`, `Stalled` and `Paused`: what kstatus reads, and who waits by it.

use super::conditions::{FALSE, Finding, TRUE};
use super::fleet::{Fleet, has_no_bus, names};
use super::words::some;
use super::{Pod, Seen, Stall, StallReason};

/// The wanted pods are ready, have the rules and the bus. A lost bus comes first: it is the cause of much else.
pub(super) fn ready(seen: &Seen<'_>, fleet: &Fleet<'_>, rules: &Finding) -> Finding {
    let no = |reason, message: String| Finding::new(FALSE, reason, message);
    let (ready, desired) = (fleet.ready().count(), seen.desired);
    if seen.deployment.is_none() {
        return no("Pending", "there is no Deployment yet".to_owned());
    }
    if fleet.off_the_bus().next().is_some() {
        let pods = some(names(fleet.off_the_bus()), ", ");
        let message = format!("the bus does not answer these pods, which serve alone: {pods}");
        return no("BusDegraded", message);
    }
    if (ready as i64) < i64::from(desired) {
        return no("PodsNotReady", unready(ready, seen, fleet));
    }
    if rules.reason == "Rejected" {
        return no("RulesRejected", rules.message.clone());
    }
    if !have_rules(seen, fleet) {
        return no("Pending", rules.message.clone());
    }
    Finding::new(TRUE, "Available", are_ready(ready, desired))
}

/// As many pods as are wanted serve the spec's rules. One that only starts takes nothing from those that serve.
fn have_rules(seen: &Seen<'_>, fleet: &Fleet<'_>) -> bool {
    let serving = fleet.serving().filter(|pod| pod.pod.is_ready()).count();
    seen.rules.is_some()
        && seen.rules_are_current
        && serving as i64 >= i64::from(seen.desired)
        && !fleet.behind().any(|pod| pod.pod.is_ready())
}

/// Work towards the spec, by the operator or by the Deployment's controller. What waits for a person is not at work, and
/// with `paused` nobody is.
pub(super) fn reconciling(
    seen: &Seen<'_>,
    fleet: &Fleet<'_>,
    stalls: &[Stall],
    rules: &Finding,
) -> Finding {
    let yes = |reason, message: String| Finding::new(TRUE, reason, message);
    let (ready, live, desired) = (fleet.ready().count(), fleet.live.len(), seen.desired);
    let observed = seen.deployment.as_ref().is_some_and(|one| one.observed);
    match () {
        () if !stalls.is_empty() => Finding::new(FALSE, "Stalled", "it waits for a person"),
        () if seen.paused => Finding::new(FALSE, "Paused", "writes are off"),
        () if seen.deployment.is_none() => yes("Applying", "the objects are made".to_owned()),
        () if fleet.has_old() => {
            let new = fleet.new_ones();
            yes("Rollout", format!("{new} of {live} pods are up to date"))
        }
        () if live as i64 != i64::from(desired) || (ready as i64) < i64::from(desired) => {
            let message = format!("{ready} pods are ready, {live} live, {desired} are wanted");
            yes("Scaling", message)
        }
        () if seen.applying => yes("Applying", "not all objects are written".to_owned()),
        () if !observed => yes("Applying", "the Deployment is not observed yet".to_owned()),
        () if rules.status == FALSE && rules.reason == "Pending" => {
            yes("Applying", rules.message.clone())
        }
        () => Finding::new(FALSE, "Reconciled", "nothing is left to be done"),
    }
}

/// The first stall gives the reason, all of them the message.
pub(super) fn stalled(stalls: &[Stall]) -> Finding {
    match stalls {
        [] => Finding::new(FALSE, "NotStalled", "nothing waits for a person"),
        [Stall { reason, message }] => Finding::new(TRUE, reason.as_str(), message),
        [first, ..] => {
            let told = stalls
                .iter()
                .map(|Stall { reason, message }| format!("{}: {message}", reason.as_str()));
            let message = told.collect::<Vec<_>>().join("; ");
            Finding::new(TRUE, first.reason.as_str(), message)
        }
    }
}

/// Those that the caller knows of, and that of the Deployment.
pub(super) fn stalls(seen: &Seen<'_>, fleet: &Fleet<'_>) -> Vec<Stall> {
    let mut stalls = seen.stalls.to_vec();
    let reason = StallReason::ProgressDeadlineExceeded;
    if is_stuck(seen, fleet) && !stalls.iter().any(|stall| stall.reason == reason) {
        let deadline = seen.cluster.spec.rollout.progress_deadline;
        // Without names and counts: those are in Ready, and this is said once.
        let message =
            format!("new pods have not become ready within progressDeadline ({deadline})");
        stalls.push(Stall { reason, message });
    }
    stalls
}

pub(super) fn paused(seen: &Seen<'_>) -> Finding {
    if seen.paused {
        let message = "spec.paused is set: nothing but status is written";
        Finding::new(TRUE, "SpecPaused", message)
    } else {
        Finding::new(FALSE, "NotPaused", "spec.paused is not set")
    }
}

/// The plan knows of a rollout whether the deadline is that of the present template; without old pods there is no other.
fn is_stuck(seen: &Seen<'_>, fleet: &Fleet<'_>) -> bool {
    use crate::rollout::Phase;
    let planned = seen.plan.filter(|_| fleet.has_old());
    seen.deployment
        .as_ref()
        .is_some_and(|one| one.deadline_exceeded && one.observed)
        && planned.is_none_or(|plan| plan.status.phase == Phase::Stuck)
}

fn unready(ready: usize, seen: &Seen<'_>, fleet: &Fleet<'_>) -> String {
    let why = some(fleet.unready().map(why), "; ");
    let separator = if why.is_empty() { "" } else { "; " };
    format!("{}{separator}{why}", are_ready(ready, seen.desired))
}

/// While old and new pods overlap there are more than are wanted.
fn are_ready(ready: usize, desired: i32) -> String {
    let ready = i32::try_from(ready).unwrap_or(i32::MAX).min(desired);
    format!("{ready} of {desired} pods are ready")
}

fn why(pod: &Pod<'_>) -> String {
    let name = &pod.pod.name;
    match &pod.pod.waiting {
        // The kubelet says the one, then the other, and so on.
        Some(reason) if reason == "ErrImagePull" => format!("{name}: ImagePullBackOff"),
        Some(reason) => format!("{name}: {reason}"),
        None if !pod.pod.running => format!("{name}: does not run"),
        None if has_no_bus(pod) => format!("{name}: its bus does not answer"),
        None => format!("{name}: not ready"),
    }
}
