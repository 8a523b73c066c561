//! The one place that asks for the time.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(start);

/// Monotonic nanoseconds since the first call.
#[inline]
pub(crate) fn now() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// `duration` in the unit of [`now`].
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a load generator lives on the real clock"
)]
fn start() -> Instant {
    Instant::now()
}
