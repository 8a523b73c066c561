//! Drain admission: whether another pod may begin to drain.

use super::facts::{Facts, Intent, Pod};

/// Of what the budget closes within the timeout, so much may be under way, in tenths.
const MARGIN: u128 = 9;

/// How many sessions may drain at once.
pub(super) fn room(intent: &Intent) -> u128 {
    closable(intent) * MARGIN / 10
}

/// Whether `next` may begin to drain: if none drains, or if all that drain and it are closed within the timeout. A pod
/// whose sessions are not known counts as too many.
pub(super) fn admits(facts: &Facts, intent: &Intent, next: &Pod) -> bool {
    if facts.draining().next().is_none() {
        return true;
    }
    let all = facts.draining().chain([next]);
    let sum = all
        .map(|pod| pod.sessions(intent.max_age).map(u128::from))
        .sum::<Option<u128>>();
    sum.is_some_and(|sum| sum <= room(intent))
}

/// The pods that cannot be closed within the timeout at all.
pub(super) fn too_large<'a>(facts: &'a Facts, intent: &Intent) -> Vec<&'a Pod> {
    let most = closable(intent);
    let sessions = |pod: &Pod| pod.sample.map_or(0, |sample| u128::from(sample.sessions));
    facts
        .pods
        .iter()
        .filter(|pod| sessions(pod) > most)
        .collect()
}

/// How many sessions the budget closes within the timeout.
fn closable(intent: &Intent) -> u128 {
    intent.timeout.as_millis() * u128::from(intent.reconnects_per_second) / 1_000
}
