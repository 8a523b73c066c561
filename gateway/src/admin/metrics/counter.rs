//! Counters that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A number with one writer: no read-modify-write instruction, so it costs what an integer costs.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn sub(&self, n: u64) {
        self.add(n.wrapping_neg());
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by a label of a closed set, for what happens rarely: once a session, not once a message.
#[derive(Debug, Default)]
pub(super) struct Labelled(Mutex<Vec<(&'static str, u64)>>);

impl Labelled {
    pub(super) fn add(&self, label: &'static str) {
        let mut counts = self.lock();
        match counts.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }

    pub(super) fn each(&self, mut see: impl FnMut(&'static str, u64)) {
        self.lock()
            .iter()
            .for_each(|(label, count)| see(label, *count));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Upper bounds of every histogram, in microseconds.
pub(super) const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// A histogram of durations with one writer.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; BOUNDS.len() + 1],
    nanoseconds: Counter,
}

impl Histogram {
    /// Counts `weight` observations of the same duration.
    #[inline]
    pub(super) fn observe(&self, duration: Duration, weight: u64) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| bound * 1_000 < nanoseconds);
        self.buckets[bucket].add(weight);
        self.nanoseconds.add(nanoseconds.saturating_mul(weight));
    }
}

/// Histograms added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct HistogramTotal {
    /// Not cumulated; the last one has no upper bound.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    pub(super) seconds: f64,
}

impl HistogramTotal {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (total, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *total += bucket.get();
        }
        self.seconds += Duration::from_nanos(histogram.nanoseconds.get()).as_secs_f64();
    }
}
