//! The status of a fleet of which not all can be seen.

use carillon_crds::resource::{RealtimeCluster, RealtimeClusterStatus};
use jiff::Timestamp;

use super::conditions::{Book, FALSE, Finding, READY, RECONCILING, STALLED, UNKNOWN, is_ours};
use super::figures::{Difference, difference};
use super::{Next, Stall, ready};

/// What status is to be, after `before`, where the caches say too little: why, and what was last seen.
#[must_use]
pub fn blind(
    cluster: &RealtimeCluster,
    stalls: &[Stall],
    before: &RealtimeClusterStatus,
    now: Timestamp,
) -> Next {
    // Status holds whole seconds.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut book = Book {
        before,
        generation: cluster.metadata.generation,
        now,
        conditions: Vec::new(),
    };
    let stalled = ready::stalled(stalls);
    let message = format!("not known: {}", stalled.message);
    book.add(READY, Finding::new(UNKNOWN, "Pending", message));
    book.add(STALLED, stalled);
    let waits = Finding::new(FALSE, "Stalled", "it waits for a person");
    book.add(RECONCILING, waits);
    let mut conditions = book.conditions;
    let told = [READY, STALLED, RECONCILING];
    let others = before.conditions.iter();
    let others = others.filter(|one| is_ours(&one.type_) && !told.contains(&one.type_.as_str()));
    conditions.extend(others.cloned());
    let status = RealtimeClusterStatus {
        observed_generation: cluster.metadata.generation,
        conditions,
        ..before.clone()
    };
    Next {
        write: difference(&status, before) != Difference::None,
        events: Vec::new(),
        status,
    }
}
