//! The pace of one process.

use std::time::{Duration, Instant};

/// So many permits a second, up to a burst.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

const MINUTE: Duration = Duration::from_secs(60);
/// How late a tick may come, in seconds, without a loss of pace.
const MAX_LATE: f64 = 1.0;

impl TokenBucket {
    /// A bucket with one permit in it.
    pub(super) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            tokens: 1.0,
            ..Self::empty(per_second, burst, now)
        }
    }

    /// A bucket whose first permit has to be waited for.
    pub(super) fn empty(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            per_second,
            burst: burst.max(1.0),
            tokens: 0.0,
            at: now,
        }
    }

    /// Takes what is there, at most `wanted`.
    pub(super) fn take_up_to(&mut self, wanted: usize, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        // A tick that comes late must not slow the pace, so the burst holds for idle time only.
        let burst = self.burst.max(passed.min(MAX_LATE) * self.per_second + 1.0);
        self.tokens = (self.tokens + passed * self.per_second).min(burst);
        self.at = self.at.max(now);
        let taken = (self.tokens as usize).min(wanted);
        self.tokens -= taken as f64;
        taken
    }

    /// The time between two permits, at most a minute.
    pub(super) fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.per_second).map_or(MINUTE, |time| time.min(MINUTE))
    }
}
