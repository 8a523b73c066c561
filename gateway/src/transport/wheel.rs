//! One timer wheel a shard: thousands of heartbeats, one sleep.
//!
//! Nothing is ever cancelled. An owner that is called too early says when it wants to be called again.

use std::time::{Duration, Instant};

/// Slots of [`GRAIN`] each; an entry further away than one turn is passed over until its turn comes.
pub(super) struct Wheel<T> {
    start: Instant,
    slots: Vec<Vec<(u64, T)>>,
    /// The first tick that has not been expired.
    cursor: u64,
    len: usize,
}

const GRAIN: Duration = Duration::from_millis(20);
const SLOTS: u64 = 2048;

impl<T> Wheel<T> {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            cursor: 0,
            len: 0,
        }
    }

    /// Calls `value` back at `at` or up to one grain later.
    pub(super) fn arm(&mut self, at: Instant, value: T) {
        let tick = self.tick_after(at).max(self.cursor);
        self.slots[slot(tick)].push((tick, value));
        self.len += 1;
    }

    /// When [`Self::expire`] has something to do next, at the earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.len == 0 {
            return None;
        }
        let occupied =
            (self.cursor..self.cursor + SLOTS).find(|tick| !self.slots[slot(*tick)].is_empty());
        occupied.map(|tick| self.start + GRAIN * u32::try_from(tick).unwrap_or(u32::MAX))
    }

    /// Takes out all that is due at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<T> {
        let current = ticks(now.saturating_duration_since(self.start));
        let mut due = Vec::new();
        let last = current.min(self.cursor + SLOTS - 1);
        for tick in self.cursor..=last {
            let entries = &mut self.slots[slot(tick)];
            due.extend(
                entries
                    .extract_if(.., |(at, _)| *at <= current)
                    .map(|(_, value)| value),
            );
            if entries.capacity() > 64 && entries.is_empty() {
                *entries = Vec::new();
            }
        }
        self.cursor = self.cursor.max(current + 1);
        self.len -= due.len();
        due
    }

    /// The first moment not before `at` that is a multiple of `grid` after the wheel's start.
    pub(super) fn round_up(&self, at: Instant, grid: Duration) -> Instant {
        let Ok(grid) = u64::try_from(grid.as_nanos()) else {
            return at;
        };
        let since =
            u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        match since.checked_next_multiple_of(grid) {
            Some(rounded) => self.start + Duration::from_nanos(rounded),
            None => at,
        }
    }

    fn tick_after(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        ticks(since + GRAIN - Duration::from_nanos(1))
    }
}

fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos() / GRAIN.as_nanos()).unwrap_or(u64::MAX)
}

fn slot(tick: u64) -> usize {
    usize::try_from(tick % SLOTS).expect("a remainder is small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_early_and_nothing_is_forgotten() {
        let start = crate::clock::now();
        let mut wheel = Wheel::new(start);
        let delays = [0_u64, 1, 19, 20, 21, 999, 40_959, 40_960, 41_000, 90_000];
        for delay in delays {
            wheel.arm(start + Duration::from_millis(delay), delay);
        }
        let mut fired = Vec::new();
        while let Some(next) = wheel.next() {
            for delay in wheel.expire(next) {
                let at = start + Duration::from_millis(delay);
                assert!(
                    next >= at && next <= at + GRAIN,
                    "{delay} at {:?}",
                    next - start
                );
                fired.push(delay);
            }
        }
        assert_eq!(fired, delays);
    }

    #[test]
    fn moments_of_a_grid() {
        let start = crate::clock::now();
        let wheel: Wheel<()> = Wheel::new(start);
        let millis = Duration::from_millis;
        for (at, grid, expected) in [
            (0, 100, 0),
            (1, 100, 100),
            (100, 100, 100),
            (101, 100, 200),
            (7, 0, 7),
        ] {
            assert_eq!(
                wheel.round_up(start + millis(at), millis(grid)),
                start + millis(expected),
                "{at} on {grid}"
            );
        }
    }

    #[test]
    fn a_late_call_expires_every_slot_between() {
        let start = crate::clock::now();
        let mut wheel = Wheel::new(start);
        for delay in (0..60_000).step_by(1_000) {
            wheel.arm(start + Duration::from_millis(delay), delay);
        }
        assert_eq!(wheel.expire(start + Duration::from_secs(300)).len(), 60);
        assert!(wheel.next().is_none());
    }
}
