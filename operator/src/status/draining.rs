//! `Draining`, and the warnings about drains. They stand in the message of the condition: what was said is known from
//! there, by an operator that starts anew too.

use std::collections::BTreeSet;

use carillon_crds::resource::RealtimeClusterStatus;
use carillon_crds::units::Duration;

use super::Seen;
use super::conditions::{DRAINING, FALSE, Finding, TRUE, message};
use super::fleet::{Fleet, names};
use super::words::{pods, some};
use crate::build;
use crate::events::Event;
use crate::rollout::Draining;

/// What drains, and what is wrong with it.
pub(super) struct Drains {
    /// Why pods drain, if any does.
    pub(super) cause: Option<Draining>,
    /// Pods with more sessions than can be closed in time.
    exceeding: BTreeSet<String>,
    /// Pods that end although another was chosen.
    mismatched: BTreeSet<String>,
    /// The grace of pods, where node autoscalers do not wait so long.
    grace: Option<Duration>,
}

impl Drains {
    pub(super) fn of(seen: &Seen<'_>, fleet: &Fleet<'_>, before: &RealtimeClusterStatus) -> Self {
        let planned = seen.plan.map(|plan| plan.draining);
        Self {
            cause: planned.unwrap_or_else(|| unplanned(fleet)),
            exceeding: exceeding(seen, fleet, before),
            mismatched: seen
                .plan
                .iter()
                .flat_map(|plan| plan.mismatched.iter().cloned())
                .collect(),
            grace: Some(grace(seen)).filter(|grace| *grace > AUTOSCALER),
        }
    }

    pub(super) fn condition(&self, fleet: &Fleet<'_>) -> Finding {
        let count = pods(fleet.draining.len());
        let named = some(names(fleet.draining.iter().copied()), ", ");
        let (status, reason, why) = match self.cause {
            None => (FALSE, "NotDraining", String::new()),
            Some(Draining::Rollout) => (TRUE, "Rollout", "of an earlier template".to_owned()),
            Some(Draining::ScaleDown) => (TRUE, "ScaleDown", "as fewer are wanted".to_owned()),
            Some(Draining::Eviction) => (TRUE, "Eviction", "evicted or deleted".to_owned()),
        };
        let what = match self.cause {
            None => "no pod drains".to_owned(),
            Some(_) => format!("draining {count} {why}: {named}"),
        };
        let warnings = [
            listed(MISMATCHED, &self.mismatched),
            listed(EXCEEDING, &self.exceeding),
            self.grace.map(too_long),
        ];
        let parts: Vec<_> = [Some(what)].into_iter().chain(warnings).flatten().collect();
        Finding::new(status, reason, parts.join(SEPARATOR))
    }

    /// The warnings that the status before does not hold.
    pub(super) fn events(&self, seen: &Seen<'_>, before: &RealtimeClusterStatus) -> Vec<Event> {
        let said = message(before, DRAINING);
        let new = |prefix, names: &BTreeSet<String>| {
            let known = told(said, prefix);
            let new: Vec<_> = names.difference(&known).cloned().collect();
            (!new.is_empty()).then(|| new.join(", "))
        };
        let drain = &seen.cluster.spec.drain;
        let mismatched = new(MISMATCHED, &self.mismatched)
            .map(|names| Event::warning("VictimMismatch", format!("{MISMATCHED}{names}")));
        let exceeding = new(EXCEEDING, &self.exceeding).map(|names| {
            let (rate, timeout) = (drain.reconnects_per_second, drain.timeout);
            let message = format!("{EXCEEDING}{names} (drain: {rate} per second for {timeout})");
            Event::warning("DrainExceedsBudget", message)
        });
        let grace = self.grace.map(too_long);
        let grace = grace.filter(|text| !said.split(SEPARATOR).any(|part| part == text));
        let grace = grace.map(|text| Event::warning("GraceAboveAutoscaler", text));
        [mismatched, exceeding, grace]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Without a plan: what the pods themselves tell.
fn unplanned(fleet: &Fleet<'_>) -> Option<Draining> {
    let first = fleet.draining.first();
    first.map(|_| match fleet.draining.iter().all(|pod| pod.is_new) {
        true => Draining::Eviction,
        false => Draining::Rollout,
    })
}

/// A pod that was named stays so until it is clearly below: sessions come and go around the limit.
fn exceeding(
    seen: &Seen<'_>,
    fleet: &Fleet<'_>,
    before: &RealtimeClusterStatus,
) -> BTreeSet<String> {
    let drain = &seen.cluster.spec.drain;
    let closable = u128::from(drain.timeout.millis()) * u128::from(drain.reconnects_per_second);
    let known = told(message(before, DRAINING), EXCEEDING);
    let still = fleet.live.iter().chain(&fleet.draining).filter(|pod| {
        let sessions = pod.report.map_or(0, |report| report.sessions);
        // closable is in thousandths, a tenth below it is clearly below.
        known.contains(&pod.pod.name) && u128::from(sessions) * 10_000 > closable * 9
    });
    let planned = seen.plan.iter().flat_map(|plan| plan.exceeds_budget.iter());
    planned.cloned().chain(names(still.copied())).collect()
}

fn grace(seen: &Seen<'_>) -> Duration {
    let grace = build::grace(&seen.cluster.spec).as_millis();
    Duration::from_millis(u64::try_from(grace).unwrap_or(u64::MAX))
}

fn too_long(grace: Duration) -> String {
    format!("the grace period of pods is {grace}, node autoscalers wait for {AUTOSCALER}")
}

fn listed(prefix: &str, names: &BTreeSet<String>) -> Option<String> {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("{prefix}{}", names.join(", ")))
}

/// The names that a message lists behind a prefix.
fn told(message: &str, prefix: &str) -> BTreeSet<String> {
    let mut parts = message.split(SEPARATOR);
    let names = parts.find_map(|part| part.strip_prefix(prefix));
    names
        .into_iter()
        .flat_map(|names| names.split(", "))
        .map(str::to_owned)
        .collect()
}

const SEPARATOR: &str = "; ";
const MISMATCHED: &str = "ending though another pod was chosen: ";
const EXCEEDING: &str = "more sessions than can be closed within drain.timeout: ";
/// What the cluster autoscaler allows a pod by default.
const AUTOSCALER: Duration = Duration::from_secs(600);
