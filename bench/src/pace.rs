//! The open loop's schedule: messages fall due whether or not the server keeps up.

use std::time::Duration;

use crate::clock;

/// A constant rate from a start to an end.
pub(crate) struct Pace {
    start: u64,
    end: u64,
    interval: f64,
    sent: u64,
}

impl Pace {
    pub(crate) fn new(now: u64, per_second: f64, duration: Duration) -> Self {
        let end = now + clock::nanos(duration);
        Self {
            start: now,
            end,
            interval: 1e9 / per_second,
            sent: 0,
        }
    }

    pub(crate) fn is_over(&self, now: u64) -> bool {
        now >= self.end
    }

    /// The time to stamp on a message that has to leave now, if one has.
    ///
    /// A sender that is late says when the message was due: a server that stalls its publishers
    /// must not look quick. Small delays are the generator's own timer and are not the server's.
    pub(crate) fn take(&mut self, now: u64) -> Option<u64> {
        let due = self.due();
        if due > now || due >= self.end {
            return None;
        }
        self.sent += 1;
        Some(if now - due > OWN_DELAY { due } else { now })
    }

    /// How long nothing falls due.
    pub(crate) fn wait(&self, now: u64) -> Duration {
        Duration::from_nanos(self.due().min(self.end).saturating_sub(now))
    }

    fn due(&self) -> u64 {
        self.start + (self.sent as f64 * self.interval) as u64
    }
}

const OWN_DELAY: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn messages_fall_due_at_the_rate() {
        let mut pace = Pace::new(0, 100.0, Duration::from_millis(30));
        assert_eq!(pace.take(0), Some(0));
        assert_eq!(pace.take(0), None);
        assert_eq!(pace.wait(4 * MS), Duration::from_millis(6));
        assert_eq!(pace.take(10 * MS + 5), Some(10 * MS + 5));
        assert!(!pace.is_over(29 * MS));
    }

    #[test]
    fn a_late_message_carries_its_due_time() {
        let mut pace = Pace::new(0, 100.0, Duration::from_millis(40));
        let now = 35 * MS;
        let stamps: Vec<u64> = std::iter::from_fn(|| pace.take(now)).collect();
        assert_eq!(stamps, [0, 10 * MS, 20 * MS, 30 * MS]);
    }

    #[test]
    fn nothing_falls_due_after_the_end() {
        let mut pace = Pace::new(0, 100.0, Duration::from_millis(20));
        let now = 500 * MS;
        assert!(pace.is_over(now));
        assert_eq!(std::iter::from_fn(|| pace.take(now)).count(), 2);
        assert_eq!(pace.wait(now), Duration::ZERO);
    }
}
