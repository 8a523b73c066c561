//! The time between two attempts.

#![expect(
    clippy::disallowed_methods,
    reason = "how long a connection has held is nobody else's business"
)]

use std::time::Duration;

use tokio::time::{self, Instant};

/// Doubled each time. It is drawn anew, from nearly nothing to its longest, so that a fleet does not come back at once.
#[derive(Default)]
pub(super) struct Pause {
    attempts: u32,
    began: Option<Instant>,
}

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(2);
/// What is never gone below.
const SHORTEST: Duration = Duration::from_millis(20);
/// A connection that held for so long was a good one.
const GOOD: Duration = Duration::from_secs(5);

impl Pause {
    /// An attempt begins.
    pub(super) fn begins(&mut self) {
        self.began = Some(Instant::now());
    }

    /// Waits after an attempt, less if it held for long.
    pub(super) async fn wait(&mut self) {
        if self
            .began
            .take()
            .is_some_and(|began| began.elapsed() > GOOD)
        {
            self.attempts = 0;
        }
        time::sleep(self.next(rand::random())).await;
    }

    fn next(&mut self, random: f64) -> Duration {
        let longest = LONGEST.min(FIRST * 2_u32.pow(self.attempts.min(10)));
        self.attempts = self.attempts.saturating_add(1);
        longest.mul_f64(random).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_spread() {
        let mut pause = Pause::default();
        let longest: Vec<u128> = (0..5).map(|_| pause.next(1.0).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 2000]);
        assert_eq!(pause.next(0.0), SHORTEST);
        assert_eq!(pause.next(0.25), Duration::from_millis(500));
    }
}
