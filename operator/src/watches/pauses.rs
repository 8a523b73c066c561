//! How long until a watch that broke is made again. What changes meanwhile is not seen, and rules are to reach pods within
//! seconds: kube's own pauses reach a minute, after an API server that was away for half of one.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use rand::RngExt;

/// Longer ones up to a limit, and not those of all watches at once.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        Some(pause.mul_f64(rand::rng().random_range(0.5..1.0)))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A list begins before it fails, and with each beginning the pauses do: it is tried again after this one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_up_to_a_limit_and_begin_anew() {
        let mut pauses = Pauses::default();
        for _ in 0..2 {
            for limit in [1, 2, 2] {
                let limit = Duration::from_secs(limit);
                let pause = pauses.next().unwrap();
                assert!(limit / 2 <= pause && pause < limit, "{pause:?} {limit:?}");
            }
            pauses.reset();
        }
    }
}
