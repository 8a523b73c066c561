//! Rollouts and scale-downs under drain admission, as a pure function of what is seen.
//!
//! [`plan`] is the entry point: it is called in each reconcile with fresh [`Facts`] and tells what `spec.paused` and
//! `spec.replicas` of the Deployment are to be, which pod is to be marked, and what the status says. It remembers
//! nothing, so that a restart of the operator in any step changes no decision. The caller
//!
//! 1. applies a new pod template in one write with the `paused` of the plan that has `template_is_current: false`;
//! 2. writes `victim` and `unmark`, then `paused` and `replicas`, each only where it differs;
//! 3. comes back after a second while pods drain, and whenever the Deployment, a ReplicaSet or a pod changes.

mod admission;
mod facts;
mod plan;

pub use facts::{Facts, Intent, Pod, Sample};
pub use plan::{Draining, Held, Phase, Plan, Status};

/// The next step.
pub fn plan(facts: &Facts, intent: &Intent) -> Plan {
    let (replicas, victim, held) = replicas(facts, intent);
    let is_wrong = |pod: &&Pod| pod.is_victim && victim.as_deref() != Some(&*pod.name);
    // A step under way keeps its mark: the controller may not have chosen yet.
    let may_unmark = facts.live().count() <= facts.replicas as usize;
    let unmark = facts.live().filter(|pod| may_unmark && is_wrong(pod));
    Plan {
        paused: is_paused(facts, intent),
        replicas,
        unmark: names(unmark),
        victim,
        status: status(facts),
        held,
        draining: draining(facts),
        exceeds_budget: names(admission::too_large(facts, intent).into_iter()),
        mismatched: names(mismatched(facts)),
    }
}

/// In a rollout the controller stands still while a pod drains, unless each old pod, of which it may choose any, is admitted.
fn is_paused(facts: &Facts, intent: &Intent) -> bool {
    !intent.is_memory && !facts.old().all(|pod| admission::admits(facts, intent, pod))
}

/// `spec.replicas`, the pod to be marked, and why not fewer.
fn replicas(facts: &Facts, intent: &Intent) -> (u32, Option<String>, Option<Held>) {
    let present = facts.replicas;
    if intent.replicas >= present {
        return (intent.replicas, None, None);
    }
    let hold = |held| (present, None, Some(held));
    // Nor before the step before is finished: its pod is gone from those that live, and all others are ready.
    let is_settled = facts.live().count() == present as usize && facts.live().all(|pod| pod.ready);
    if facts.paused || facts.is_rolling() || !is_settled {
        return hold(Held::RolloutInProgress);
    }
    let Some(victim) = emptiest(facts, intent) else {
        return hold(Held::MetricPartial);
    };
    if !admission::admits(facts, intent, victim) {
        return hold(Held::DrainBudget);
    }
    let lowered = present - u32::from(victim.is_victim);
    (lowered, Some(victim.name.clone()), None)
}

/// The pod with the fewest sessions, if those of all are known. A marked one stays the victim: it is chosen once.
fn emptiest<'a>(facts: &'a Facts, intent: &Intent) -> Option<&'a Pod> {
    let known = facts
        .live()
        .map(|pod| Some((pod.sessions(intent.max_age)?, pod)));
    let known: Vec<(u64, &Pod)> = known.collect::<Option<_>>()?;
    let order = |(sessions, pod): &(u64, &'a Pod)| (!pod.is_victim, *sessions, &pod.name);
    let first = known
        .into_iter()
        .min_by(|one, other| order(one).cmp(&order(other)));
    first.map(|(_, pod)| pod)
}

fn status(facts: &Facts) -> Status {
    let phase = match () {
        () if facts.deadline_exceeded && facts.template_is_current && facts.is_rolling() => {
            Phase::Stuck
        }
        () if facts.draining().next().is_some() => Phase::Draining,
        () if facts.is_rolling() => Phase::Progressing,
        () => Phase::Idle,
    };
    let remaining = facts.draining().filter_map(|pod| pod.sample);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Status {
        phase,
        updated: count(facts.updated()),
        draining: count(facts.draining().count()),
        remaining_connections: remaining.map(|sample| sample.sessions).sum(),
    }
}

fn draining(facts: &Facts) -> Option<Draining> {
    facts.draining().next()?;
    if facts.draining().any(|pod| !facts.is_new(pod)) {
        Some(Draining::Rollout)
    } else if facts.draining().any(|pod| pod.is_victim) || mismatched(facts).next().is_some() {
        Some(Draining::ScaleDown)
    } else {
        Some(Draining::Eviction)
    }
}

/// `replicas` was lowered for a marked pod, which lives on while others go.
fn mismatched(facts: &Facts) -> impl Iterator<Item = &Pod> {
    let is_lowered = facts.live().count() == facts.replicas as usize && !facts.is_rolling();
    let is_spared = is_lowered && facts.live().any(|pod| pod.is_victim);
    let others = facts.draining().filter(|pod| !pod.is_victim);
    others.filter(move |_| is_spared)
}

fn names<'a>(pods: impl Iterator<Item = &'a Pod>) -> Vec<String> {
    pods.map(|pod| pod.name.clone()).collect()
}

#[cfg(test)]
mod tests;
