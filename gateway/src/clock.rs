//! The one place that reads the clocks; everything else is handed the time.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the file that the ban points to"
)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock, in milliseconds since the epoch; 0 before it.
#[must_use]
pub fn epoch_millis() -> u64 {
    let since = wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
