//! Memory against its limit: first no new sessions, then the largest backlogs go.

use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use super::fleet::Orders;
use crate::admin::process;
use crate::transport::admission::Admission;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Percent of the limit from which handshakes are refused.
const REFUSE: u64 = 85;
/// Percent of the limit from which backlogs are cut, down to [`REFUSE`].
const CUT: u64 = 95;

/// Looks now and then, for the life of the process. Without a limit there is nothing to look at.
pub(super) async fn watch(limit: Option<u64>, admission: Arc<Admission>, orders: Orders) {
    let Some(limit) = limit.filter(|limit| *limit > 0) else {
        return;
    };
    loop {
        time::sleep(LOOK_EVERY).await;
        let Some(used) = process::resident_bytes() else {
            continue;
        };
        let percent = used.saturating_mul(100) / limit;
        admission.set_short_of_memory(percent >= REFUSE);
        if percent >= CUT {
            let excess = used.saturating_sub(limit / 100 * REFUSE);
            tracing::warn!(used, limit, "memory is short: the largest backlogs are cut");
            orders.cut_largest(usize::try_from(excess).unwrap_or(usize::MAX));
        }
    }
}
