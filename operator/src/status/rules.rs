//! `RulesApplied`: whether every pod serves this generation's rules.

use carillon_crds::resource::RealtimeClusterStatus;

use super::conditions::{FALSE, Finding, RULES_APPLIED, TRUE, UNKNOWN, find};
use super::fleet::{Fleet, names};
use super::words::{short_hash, some};
use super::{Pod, Seen};

/// False where something is known to stand against it. Where only nothing is heard of some pods, such as of one that
/// starts, what was True becomes Unknown: it is no new edit of the rules when they are heard of again.
pub(super) fn applied(
    seen: &Seen<'_>,
    fleet: &Fleet<'_>,
    before: &RealtimeClusterStatus,
) -> Finding {
    let Some(hash) = seen.rules else {
        return pending(FALSE, "no rules are published yet");
    };
    if fleet.refusing().next().is_some() {
        return Finding::new(FALSE, "Rejected", refusals(fleet));
    }
    let lagging = lagging(fleet);
    if !seen.rules_are_current {
        let message = join("the rules of the spec are not published", &lagging);
        return pending(FALSE, message);
    }
    let is_empty = fleet.live.is_empty() && seen.desired > 0;
    if fleet.behind().next().is_some() {
        return pending(FALSE, lagging);
    }
    if is_empty || !lagging.is_empty() {
        let message = if is_empty {
            "there is no pod yet".to_owned()
        } else {
            lagging
        };
        return pending(without_news(hash, before), message);
    }
    let message = format!("every pod serves the rules {}", short_hash(hash));
    Finding::new(TRUE, "Applied", message)
}

/// What is refused: the pod, and every fault with its path.
pub(super) fn refusal(pod: &Pod<'_>) -> String {
    let faults = pod.report.map(|report| report.rejection.join("; "));
    format!("pod {}: {}", pod.pod.name, faults.unwrap_or_default())
}

fn refusals(fleet: &Fleet<'_>) -> String {
    join(&some(fleet.refusing().map(refusal), "; "), &lagging(fleet))
}

/// The pods that do not serve the rules and did not refuse them.
fn lagging(fleet: &Fleet<'_>) -> String {
    let behind = some(names(fleet.behind()), ", ");
    let silent = some(names(fleet.silent()), ", ");
    let behind = told("pods that serve other rules: ", &behind);
    let silent = told("pods of which nothing is known: ", &silent);
    join(&behind, &silent)
}

fn told(what: &str, names: &str) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("{what}{names}")
    }
}

fn join(one: &str, other: &str) -> String {
    let parts = [one, other].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
}

fn without_news(hash: &str, before: &RealtimeClusterStatus) -> &'static str {
    let same = before.rules.as_ref().is_some_and(|one| one.hash == hash);
    let was_applied = find(before, RULES_APPLIED).is_some_and(|one| one.status != FALSE);
    if same && was_applied { UNKNOWN } else { FALSE }
}

fn pending(status: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(status, "Pending", message)
}
