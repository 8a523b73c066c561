//! `workqueue_…`: fleets that wait to be looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use super::CONTROLLER;
use crate::cache::Key;

/// Fleets that wait and fleets that are being looked at.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    state: Arc<Mutex<State>>,
    depth: IntGaugeVec,
    adds: IntCounterVec,
    retries: IntCounterVec,
    waited: HistogramVec,
    worked: HistogramVec,
    unfinished: GaugeVec,
    longest: GaugeVec,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Key, Instant>,
    working: HashMap<Key, Instant>,
}

impl QueueMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["name"])?;
            registry.register(Box::new(counter.clone()))?;
            counter.with_label_values(&[CONTROLLER]).inc_by(0);
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help)
                .buckets(prometheus::exponential_buckets(1e-6, 10.0, 9)?);
            let histogram = HistogramVec::new(options, &["name"])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = GaugeVec::new(Opts::new(name, help), &["name"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let depth = IntGaugeVec::new(
            Opts::new("workqueue_depth", "Current depth of workqueue"),
            &["name"],
        )?;
        registry.register(Box::new(depth.clone()))?;
        Ok(Self {
            state: Arc::default(),
            depth,
            adds: counter(
                "workqueue_adds_total",
                "Total number of adds handled by workqueue",
            )?,
            retries: counter(
                "workqueue_retries_total",
                "Total number of retries handled by workqueue",
            )?,
            waited: histogram(
                "workqueue_queue_duration_seconds",
                "How long in seconds an item stays in workqueue before being requested",
            )?,
            worked: histogram(
                "workqueue_work_duration_seconds",
                "How long in seconds processing an item from workqueue takes",
            )?,
            unfinished: gauge(
                "workqueue_unfinished_work_seconds",
                "How many seconds of work has been done that is in progress and hasn't been observed by work_duration",
            )?,
            longest: gauge(
                "workqueue_longest_running_processor_seconds",
                "How many seconds has the longest running processor for workqueue been running",
            )?,
        })
    }

    /// A fleet is to be looked at.
    pub fn added(&self, fleet: &Key, now: Instant) {
        let mut state = self.lock();
        if !state.waiting.contains_key(fleet) {
            state.waiting.insert(fleet.clone(), now);
            self.adds.with_label_values(&[CONTROLLER]).inc();
        }
    }

    /// A fleet is to be looked at because that failed.
    pub fn retried(&self) {
        self.retries.with_label_values(&[CONTROLLER]).inc();
    }

    /// A fleet is being looked at.
    pub fn begin(&self, fleet: &Key, now: Instant) {
        let mut state = self.lock();
        if let Some(since) = state.waiting.remove(fleet) {
            let waited = now.saturating_duration_since(since);
            self.waited
                .with_label_values(&[CONTROLLER])
                .observe(waited.as_secs_f64());
        }
        state.working.insert(fleet.clone(), now);
    }

    /// A fleet has been looked at.
    pub fn end(&self, fleet: &Key, now: Instant) {
        if let Some(since) = self.lock().working.remove(fleet) {
            let worked = now.saturating_duration_since(since);
            self.worked
                .with_label_values(&[CONTROLLER])
                .observe(worked.as_secs_f64());
        }
    }

    /// A fleet is no more.
    pub fn forget(&self, fleet: &Key) {
        self.lock().waiting.remove(fleet);
    }

    pub(super) fn refresh(&self, now: Instant) {
        let state = self.lock();
        let running = state
            .working
            .values()
            .map(|since| now.saturating_duration_since(*since).as_secs_f64());
        let (sum, longest) = running.fold((0.0, 0.0_f64), |(sum, longest), one| {
            (sum + one, longest.max(one))
        });
        self.depth
            .with_label_values(&[CONTROLLER])
            .set(i64::try_from(state.waiting.len()).unwrap_or(i64::MAX));
        self.unfinished.with_label_values(&[CONTROLLER]).set(sum);
        self.longest.with_label_values(&[CONTROLLER]).set(longest);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
