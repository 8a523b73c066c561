//! `carillon_operator_…`: what the operator knows of each fleet.

use carillon_crds::resource::RolloutPhase;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::cache::Key;

/// Gauges and counters by fleet.
#[derive(Clone, Debug)]
pub struct FleetMetrics {
    desired: IntGaugeVec,
    ready: IntGaugeVec,
    connections: IntGaugeVec,
    rollout: IntGaugeVec,
    condition: IntGaugeVec,
    writes: IntCounterVec,
    decisions: IntCounterVec,
}

/// What is shown of a fleet.
#[derive(Clone, Copy, Debug, Default)]
pub struct FleetFacts {
    /// How many pods there should be.
    pub desired: i32,
    /// How many are ready.
    pub ready: i32,
    /// Open connections; absent: not known.
    pub connections: Option<u64>,
    /// What is going on.
    pub phase: RolloutPhase,
}

impl FleetMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, more: &[&str]| {
            let gauge = IntGaugeVec::new(
                Opts::new(name, help),
                &[&["namespace", "cluster"], more].concat(),
            )?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str, more: &[&str]| {
            let counter = IntCounterVec::new(
                Opts::new(name, help),
                &[&["namespace", "cluster"], more].concat(),
            )?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            desired: gauge(
                "carillon_operator_desired_replicas",
                "Pods that there should be",
                &[],
            )?,
            ready: gauge(
                "carillon_operator_ready_replicas",
                "Pods that are ready",
                &[],
            )?,
            connections: gauge(
                "carillon_operator_connections",
                "Open connections, as the pods report them",
                &[],
            )?,
            rollout: gauge(
                "carillon_operator_rollout_state",
                "1 for what is going on",
                &["phase"],
            )?,
            condition: gauge(
                "carillon_operator_condition",
                "1 where the condition is true, 0 where it is false, -1 where it is unknown",
                &["type"],
            )?,
            writes: counter(
                "carillon_operator_writes_total",
                "Children applied or deleted",
                &["kind"],
            )?,
            decisions: counter(
                "carillon_operator_scaling_decisions_total",
                "Decisions about the number of pods, by reason",
                &["reason"],
            )?,
        })
    }

    /// What is known of a fleet now.
    pub fn show(&self, fleet: &Key, facts: FleetFacts) {
        let FleetFacts {
            desired,
            ready,
            connections,
            phase,
        } = facts;
        let labels = [fleet.0.as_str(), fleet.1.as_str()];
        self.desired.with_label_values(&labels).set(desired.into());
        self.ready.with_label_values(&labels).set(ready.into());
        if let Some(connections) = connections {
            let connections = i64::try_from(connections).unwrap_or(i64::MAX);
            self.connections.with_label_values(&labels).set(connections);
        }
        for (one, name) in PHASES {
            self.rollout
                .with_label_values(&[labels[0], labels[1], name])
                .set(i64::from(one == phase));
        }
    }

    /// A condition of a fleet.
    pub fn condition(&self, fleet: &Key, kind: &str, status: &str) {
        let value = match status {
            "True" => 1,
            "False" => 0,
            _ => -1,
        };
        self.condition
            .with_label_values(&[&fleet.0, &fleet.1, kind])
            .set(value);
    }

    /// A child was applied or deleted.
    pub fn wrote(&self, fleet: &Key, kind: &str) {
        self.writes
            .with_label_values(&[&fleet.0, &fleet.1, kind])
            .inc();
    }

    /// The autoscaler decided.
    pub fn decided(&self, fleet: &Key, reason: &str) {
        self.decisions
            .with_label_values(&[&fleet.0, &fleet.1, reason])
            .inc();
    }

    /// A fleet is no more: nothing of it may stay in a scrape.
    pub fn forget(&self, fleet: &Key) {
        let labels = [fleet.0.as_str(), fleet.1.as_str()];
        for gauge in [&self.desired, &self.ready, &self.connections] {
            let _absent = gauge.remove_label_values(&labels);
        }
        for (_, name) in PHASES {
            let _absent = self
                .rollout
                .remove_label_values(&[labels[0], labels[1], name]);
        }
        forget_all(&self.condition, &labels);
        forget_all(&self.writes, &labels);
        forget_all(&self.decisions, &labels);
    }
}

/// Removes every series of a fleet, whatever its further label is.
fn forget_all<B: prometheus::core::MetricVecBuilder>(
    family: &prometheus::core::MetricVec<B>,
    fleet: &[&str; 2],
) {
    use prometheus::core::Collector;
    for family_now in family.collect() {
        for metric in family_now.get_metric() {
            let value = |name: &str| {
                let mut labels = metric.get_label().iter();
                labels
                    .find(|label| label.name() == name)
                    .map(|label| label.value().to_owned())
            };
            if value("namespace").as_deref() != Some(fleet[0])
                || value("cluster").as_deref() != Some(fleet[1])
            {
                continue;
            }
            let further = metric
                .get_label()
                .iter()
                .find(|label| !["namespace", "cluster"].contains(&label.name()));
            if let Some(further) = further {
                let _absent = family.remove_label_values(&[fleet[0], fleet[1], further.value()]);
            }
        }
    }
}

const PHASES: [(RolloutPhase, &str); 4] = [
    (RolloutPhase::Idle, "Idle"),
    (RolloutPhase::Progressing, "Progressing"),
    (RolloutPhase::Draining, "Draining"),
    (RolloutPhase::Stuck, "Stuck"),
];
