//! The two clocks, read at the edges only: everything that decides takes the time as an argument.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the place where the edges read the clocks"
)]

use std::time::Instant;

use jiff::Timestamp;

/// For durations: never set back, the same for every thread.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// For what people and other processes read.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp::now()
}
