//! `controller_runtime_…`.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::CONTROLLER;

/// What came of reconciles.
#[derive(Clone, Debug)]
pub struct ReconcileMetrics {
    total: IntCounterVec,
    errors: IntCounterVec,
    terminal: IntCounterVec,
    panics: IntCounterVec,
    timeouts: IntCounterVec,
    seconds: HistogramVec,
    active: IntGaugeVec,
    most: IntGaugeVec,
    failures: IntCounterVec,
}

/// What came of one reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    /// It is looked at again after some time.
    RequeueAfter,
    /// It failed, and is tried again.
    Error,
    /// It failed, and trying again would change nothing.
    Terminal,
}

impl ReconcileMetrics {
    pub(super) fn new(registry: &Registry) -> std::result::Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["controller"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let options = HistogramOpts::new(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
        )
        .buckets(SECONDS.to_vec());
        let seconds = HistogramVec::new(options, &["controller"])?;
        registry.register(Box::new(seconds.clone()))?;
        let this = Self {
            total: counter(
                "controller_runtime_reconcile_total",
                "Total number of reconciliations per controller",
                &["controller", "result"],
            )?,
            errors: counter(
                "controller_runtime_reconcile_errors_total",
                "Total number of reconciliation errors per controller",
                &["controller"],
            )?,
            terminal: counter(
                "controller_runtime_terminal_reconcile_errors_total",
                "Total number of terminal reconciliation errors per controller",
                &["controller"],
            )?,
            panics: counter(
                "controller_runtime_reconcile_panics_total",
                "Total number of reconciliation panics per controller",
                &["controller"],
            )?,
            timeouts: counter(
                "controller_runtime_reconcile_timeouts_total",
                "Total number of reconciliation timeouts per controller",
                &["controller"],
            )?,
            seconds,
            active: gauge(
                "controller_runtime_active_workers",
                "Number of currently used workers per controller",
            )?,
            most: gauge(
                "controller_runtime_max_concurrent_reconciles",
                "Maximum number of concurrent reconciles per controller",
            )?,
            failures: counter(
                "carillon_operator_failures_total",
                "Failures of reconciles, by what went wrong",
                &["reason"],
            )?,
        };
        for (counter, labels) in [
            (&this.errors, [CONTROLLER].as_slice()),
            (&this.terminal, &[CONTROLLER]),
            (&this.panics, &[CONTROLLER]),
            (&this.timeouts, &[CONTROLLER]),
            (&this.total, &[CONTROLLER, "error"]),
            (&this.total, &[CONTROLLER, "requeue_after"]),
        ] {
            counter.with_label_values(labels).inc_by(0);
        }
        Ok(this)
    }

    /// So many reconciles may run at once.
    pub fn may_run(&self, most: u16) {
        self.most.with_label_values(&[CONTROLLER]).set(most.into());
    }

    /// A reconcile begins.
    pub fn begin(&self) {
        self.active.with_label_values(&[CONTROLLER]).inc();
    }

    /// A reconcile has ended.
    pub fn end(&self, result: Result, took: Duration) {
        self.active.with_label_values(&[CONTROLLER]).dec();
        self.seconds
            .with_label_values(&[CONTROLLER])
            .observe(took.as_secs_f64());
        let word = match result {
            Result::RequeueAfter => "requeue_after",
            Result::Error | Result::Terminal => "error",
        };
        self.total.with_label_values(&[CONTROLLER, word]).inc();
        if matches!(result, Result::Error | Result::Terminal) {
            self.errors.with_label_values(&[CONTROLLER]).inc();
        }
        if result == Result::Terminal {
            self.terminal.with_label_values(&[CONTROLLER]).inc();
        }
    }

    /// What went wrong, in a word.
    pub fn failed(&self, reason: &str) {
        self.failures.with_label_values(&[reason]).inc();
        match reason {
            "panic" => self.panics.with_label_values(&[CONTROLLER]).inc(),
            "deadline" => self.timeouts.with_label_values(&[CONTROLLER]).inc(),
            _ => {}
        }
    }
}

const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
