//! Events, from what stands between two statuses: what was said is in the one before, so that nothing is said twice,
//! by an operator that starts anew neither.

use carillon_crds::resource::RealtimeClusterStatus;

use super::conditions::{
    DRAINING, FALSE, PAUSED, READY, RULES_APPLIED, STALLED, TRUE, find, is, message,
};
use super::draining::Drains;
use super::fleet::Fleet;
use super::rules::refusal;
use super::words::{pods, short_hash};
use super::{Seen, Stall, scaling};
use crate::events::Event;

/// What the events are derived from.
pub(super) struct Transition<'a> {
    pub(super) seen: &'a Seen<'a>,
    pub(super) fleet: &'a Fleet<'a>,
    pub(super) stalls: &'a [Stall],
    pub(super) drains: &'a Drains,
    pub(super) before: &'a RealtimeClusterStatus,
    pub(super) after: &'a RealtimeClusterStatus,
}

impl Transition<'_> {
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = self.stalled();
        events.extend(self.rollout());
        events.extend(self.rules());
        events.extend(self.bus());
        if self.has_changed(DRAINING) {
            events.extend(self.drained());
            events.extend(self.drains.events(self.seen, self.before));
        }
        let decision = self.seen.decision;
        events.extend(
            decision
                .iter()
                .flat_map(|one| scaling::events(one, self.before)),
        );
        events
    }

    fn stalled(&self) -> Vec<Event> {
        if !self.has_changed(STALLED) {
            return Vec::new();
        }
        let was = find(self.before, STALLED).filter(|one| one.status == TRUE);
        let is_new = |stall: &&Stall| was.is_none_or(|was| !was.message.contains(&stall.message));
        let new = self.stalls.iter().filter(is_new);
        new.filter_map(|Stall { reason, message }| Some(Event::warning(reason.event()?, message)))
            .collect()
    }

    /// Old pods live from the first write of a rollout until the last of them begins to end.
    fn rollout(&self) -> Option<Event> {
        let (old, old_before) = (has_old(self.after), has_old(self.before));
        let was_paused = is(self.before, PAUSED, TRUE, "SpecPaused");
        if old && !self.seen.paused && (!old_before || was_paused) {
            let count = pods(self.fleet.live.len() - self.fleet.new_ones());
            let message = format!("{count} of an earlier template to be replaced");
            return Some(Event::normal("RolloutStarted", message));
        }
        let count = pods(self.fleet.new_ones());
        (old_before && !old).then(|| {
            let message = format!("the old pods end, up to date: {count}");
            Event::normal("RolloutFinished", message)
        })
    }

    fn rules(&self) -> Option<Event> {
        if !self.has_changed(RULES_APPLIED) {
            return None;
        }
        let was = find(self.before, RULES_APPLIED);
        let now = find(self.after, RULES_APPLIED)?;
        if now.reason == "Rejected" {
            let said = was.filter(|was| was.reason == "Rejected");
            let said = said.map_or("", |was| &was.message);
            let mut refusals = self.fleet.refusing().map(refusal);
            let is_new = refusals.any(|refusal| !said.contains(faults(&refusal)));
            return is_new.then(|| Event::warning("RulesRejected", &now.message));
        }
        let was_applied = was.is_some_and(|was| was.status != FALSE);
        let count = self.fleet.serving().count();
        let hash = short_hash(self.seen.rules.unwrap_or_default());
        (now.status == TRUE && !was_applied && count > 0).then(|| {
            let message = format!("the rules {hash} are served by {}", pods(count));
            Event::normal("RulesApplied", message)
        })
    }

    fn bus(&self) -> Option<Event> {
        let degraded = |status| is(status, READY, FALSE, "BusDegraded");
        match (degraded(self.before), degraded(self.after)) {
            (false, true) => Some(Event::warning("BusDegraded", message(self.after, READY))),
            (true, false) if self.fleet.ready().next().is_some() => {
                let count = pods(self.fleet.ready().count());
                let message = format!("the bus answers all that are ready again: {count}");
                Some(Event::normal("BusRecovered", message))
            }
            _ => None,
        }
    }

    /// Those that drained at the last look are gone.
    fn drained(&self) -> Option<Event> {
        let was = find(self.before, DRAINING).is_some_and(|one| one.status == TRUE);
        let count = self.before.rollout.as_ref().map_or(0, |one| one.draining);
        (was && self.drains.cause.is_none()).then(|| {
            let count = pods(usize::try_from(count).unwrap_or_default());
            Event::normal("Drained", format!("the last {count} to drain have ended"))
        })
    }

    fn has_changed(&self, kind: &str) -> bool {
        let told = |status| find(status, kind).map(|one| (&one.status, &one.reason, &one.message));
        told(self.before) != told(self.after)
    }
}

/// Whether pods of an earlier template live.
fn has_old(status: &RealtimeClusterStatus) -> bool {
    let counts = status.updated_replicas.zip(status.replicas);
    counts.is_some_and(|(updated, all)| updated < all)
}

/// A refusal without the name of the pod: what one pod said of a document the others say as well.
fn faults(refusal: &str) -> &str {
    refusal
        .split_once(": ")
        .map_or(refusal, |(_, faults)| faults)
}
