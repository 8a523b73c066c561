//! A token bucket without a clock of its own.

use std::time::{Duration, Instant};

/// What is left in a bucket, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full(now: Instant, burst: u32) -> Self {
        Self {
            level: f64::from(burst),
            at: now,
        }
    }

    /// A bucket with that level, as it was last used.
    #[must_use]
    pub fn restored(level: f64, at: Instant) -> Self {
        Self { level, at }
    }

    /// What is left, and since when.
    #[must_use]
    pub fn level(&self) -> (f64, Instant) {
        (self.level, self.at)
    }

    /// Takes one token. Rate and burst may differ from call to call: the level stays, and is
    /// capped.
    ///
    /// # Errors
    /// How long it takes until there is a token, if there is none.
    pub fn take(&mut self, now: Instant, a_second: f64, burst: u32) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + elapsed * a_second).min(f64::from(burst));
        self.at = self.at.max(now);
        if self.level + ROUNDING >= 1.0 {
            self.level = (self.level - 1.0).max(0.0);
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.level) / a_second).unwrap_or(Duration::MAX))
    }
}

/// Sums of fractions miss whole tokens by a little.
const ROUNDING: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at each millisecond of `at`; the answers as milliseconds to wait, 0 for a token.
    fn check(a_second: f64, burst: u32, at: &[u64], expected: &[u128]) {
        let start = Instant::now();
        let mut bucket = Bucket::full(start, burst);
        let taken: Vec<_> = at
            .iter()
            .map(|ms| bucket.take(start + Duration::from_millis(*ms), a_second, burst))
            .map(|answer| answer.map_or_else(|wait| wait.as_millis(), |()| 0))
            .collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn levels() {
        check(1.0, 1, &[0, 0, 400, 1_000, 1_001], &[0, 1_000, 600, 0, 999]);
        check(
            10.0,
            3,
            &[0, 0, 0, 0, 100, 100, 10_000, 10_000, 10_000, 10_000],
            &[0, 0, 0, 100, 0, 100, 0, 0, 0, 100],
        );
        check(1.0, 1, &[500, 0, 1_500], &[0, 1_000, 0]);
    }

    #[test]
    fn a_new_limit_keeps_the_level_and_caps_it() {
        let now = Instant::now();
        let mut bucket = Bucket::full(now, 100);
        assert_eq!(bucket.take(now, 1.0, 2), Ok(()));
        assert_eq!(bucket.take(now, 1.0, 100), Ok(()));
        assert!(bucket.take(now, 1.0, 100).is_err());
    }
}
