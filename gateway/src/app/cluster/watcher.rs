//! Who is told how the cluster goes.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use carillon_crds::compile::Rulebook;
use tokio::sync::watch;

use crate::admin::health::{Health, Latch};
use crate::admin::metrics::{Metrics, ShardMetrics, Source as Counted};
use crate::bus::broadcast::Source;
use crate::bus::cluster::Observer;
use crate::policy::NamespaceRules;

/// Tells metrics, health and log how the cluster goes.
pub(super) struct Watcher {
    metrics: Arc<Metrics>,
    counted: Arc<ShardMetrics>,
    rules: watch::Receiver<Arc<Rulebook>>,
    /// Not ready until all subscriptions stand for the first time; a loss later does not take the pod out of service.
    starting: RefCell<Option<Latch>>,
    is_up: Cell<bool>,
}

impl Watcher {
    /// Not ready yet.
    pub(super) fn new(
        metrics: &Arc<Metrics>,
        health: &Health,
        rules: watch::Receiver<Arc<Rulebook>>,
    ) -> Self {
        metrics.set_bus_up(false);
        Self {
            metrics: Arc::clone(metrics),
            counted: metrics.control(),
            rules,
            starting: RefCell::new(Some(health.latch("the bus is not connected yet"))),
            is_up: Cell::new(false),
        }
    }
}

impl Observer for Watcher {
    fn up(&self, up: bool, reason: &str) {
        self.metrics.set_bus_up(up);
        if up {
            self.starting.take();
        }
        match (self.is_up.replace(up), up) {
            (false, true) => tracing::info!("the bus is up"),
            (true, false) => {
                tracing::warn!(reason, "the bus is down: messages reach this node alone");
            }
            _ => {}
        }
    }

    fn error(&self, kind: &'static str) {
        self.counted.bus_error(kind);
    }

    fn accepted(&self, namespace: &str, source: Source) {
        let source = match source {
            Source::Emitter => Counted::Emitter,
            _ => Counted::Bus,
        };
        if let Some(found) = NamespaceRules::find(&self.rules.borrow(), namespace) {
            self.counted.namespace(&found.rules.label).accepted(source);
        }
    }

    fn gap(&self, lasted: Duration) {
        self.metrics.bus_gap(lasted);
    }

    fn lag(&self, lag: Duration) {
        self.counted.bus_lag(lag);
    }
}
