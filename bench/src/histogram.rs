//! Latencies in a fixed number of slots: recording never allocates.

use serde::{Deserialize, Serialize};

/// Counts of nanosecond values, each kept to better than 0.8 %.
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    largest: u64,
}

/// Quantiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; SLOTS].into(),
            total: 0,
            largest: 0,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        self.counts[slot(nanos)] += 1;
        self.total += 1;
        self.largest = self.largest.max(nanos);
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.largest = 0;
    }

    /// A value that `share` of all values do not exceed; 0 without any value.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let rank = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut passed = 0;
        let found = self.counts.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        found.map_or(self.largest, |slot| highest(slot).min(self.largest))
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let at = |share| millis(self.quantile(share));
        Quantiles {
            count: self.total,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: millis(self.largest),
        }
    }
}

/// Every power of two is divided into `1 << FINE` equal slots; smaller values have one each.
const FINE: u32 = 7;
const SLOTS: usize = (64 - FINE as usize + 1) << FINE;

#[inline]
fn slot(nanos: u64) -> usize {
    let scale = (nanos | 1).ilog2().saturating_sub(FINE);
    ((scale as usize) << FINE) + (nanos >> scale) as usize
}

/// The largest value that belongs to `slot`.
fn highest(slot: usize) -> u64 {
    let scale = (slot >> FINE).saturating_sub(1);
    let steps = (slot - (scale << FINE)) as u64;
    (steps << scale) + ((1 << scale) - 1)
}

fn millis(nanos: u64) -> f64 {
    (nanos as f64 / 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_slot_and_not_in_the_one_before() {
        for value in [
            0,
            1,
            127,
            128,
            129,
            255,
            256,
            257,
            1_000,
            99_999,
            123_456_789,
            u64::MAX,
        ] {
            let slot = slot(value);
            assert!(highest(slot) >= value, "{value}");
            assert!(slot == 0 || highest(slot - 1) < value, "{value}");
        }
    }

    #[test]
    fn slots_are_narrow() {
        for value in [200, 5_000, 77_777, 1_000_000_007] {
            let high = highest(slot(value));
            assert!((high - value) as f64 <= value as f64 * 0.008, "{value}");
        }
    }

    #[test]
    fn quantiles_of_an_even_spread() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.99), 0);
        (1..=1_000).for_each(|value| histogram.record(value * 10_000));
        for (share, exact) in [(0.5, 5_000_000.0), (0.99, 9_900_000.0), (1.0, 10_000_000.0)] {
            let found = histogram.quantile(share) as f64;
            assert!((found / exact - 1.0).abs() < 0.01, "{share}: {found}");
        }
        histogram.clear();
        assert_eq!(histogram.quantiles().count, 0);
    }
}
