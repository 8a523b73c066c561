//! `carillon_operator_…`: what the operator knows of each fleet.

use carillon_crds::resource::RolloutPhase;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::cache::Key;
use crate::scale::figures::Figure;

/// Gauges and counters by fleet.
#[derive(Clone, Debug)]
pub struct FleetMetrics {
    desired: IntGaugeVec,
    ready: IntGaugeVec,
    connections: IntGaugeVec,
    least: IntGaugeVec,
    most: IntGaugeVec,
    value: GaugeVec,
    target: GaugeVec,
    fallback: IntGaugeVec,
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
    /// `minReplicas` and `maxReplicas`; absent: it is not scaled.
    pub bounds: Option<(i32, i32)>,
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
        let number = |name: &str, help: &str| {
            let gauge = GaugeVec::new(Opts::new(name, help), &["namespace", "cluster", "metric"])?;
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
            least: gauge(
                "carillon_operator_min_replicas",
                "Pods that the autoscaling keeps at least",
                &[],
            )?,
            most: gauge(
                "carillon_operator_max_replicas",
                "Pods that the autoscaling makes at most",
                &[],
            )?,
            value: number(
                "carillon_operator_scaling_metric_value",
                "What the autoscaling last decided on, in the unit of the target (percent of a utilization)",
            )?,
            target: number(
                "carillon_operator_scaling_metric_target",
                "What the value should be",
            )?,
            fallback: gauge(
                "carillon_operator_scaling_fallback",
                "1 while `fallback` stands in for data that have been away for long",
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
            bounds,
            phase,
        } = facts;
        let labels = [fleet.0.as_str(), fleet.1.as_str()];
        self.desired.with_label_values(&labels).set(desired.into());
        self.ready.with_label_values(&labels).set(ready.into());
        if let Some(connections) = connections {
            let connections = i64::try_from(connections).unwrap_or(i64::MAX);
            self.connections.with_label_values(&labels).set(connections);
        }
        for (gauge, bound) in [
            (&self.least, bounds.map(|(least, _)| least)),
            (&self.most, bounds.map(|(_, most)| most)),
        ] {
            match bound {
                Some(bound) => gauge.with_label_values(&labels).set(bound.into()),
                None => drop(gauge.remove_label_values(&labels)),
            }
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

    /// What was decided on, and what the decision before went by.
    pub fn measured(&self, fleet: &Key, before: &[Figure], now: &[Figure]) {
        let labels = |figure| [&*fleet.0, &*fleet.1, figure];
        for Figure { metric, .. } in before {
            if now.iter().all(|figure| figure.metric != *metric) {
                let _absent = self.target.remove_label_values(&labels(metric));
                let _absent = self.value.remove_label_values(&labels(metric));
            }
        }
        for figure in now {
            let labels = labels(&figure.metric);
            self.target.with_label_values(&labels).set(figure.target);
            match figure.value {
                Some(value) => self.value.with_label_values(&labels).set(value),
                None => drop(self.value.remove_label_values(&labels)),
            }
        }
    }

    /// Whether the fallback is in force; absent: nothing is decided.
    pub fn fallback(&self, fleet: &Key, is_fallback: Option<bool>) {
        let labels = [&*fleet.0, &*fleet.1];
        match is_fallback {
            Some(is) => self.fallback.with_label_values(&labels).set(is.into()),
            None => drop(self.fallback.remove_label_values(&labels)),
        }
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
        let plain = [&self.desired, &self.ready, &self.connections];
        let scaling = [&self.least, &self.most, &self.fallback];
        for gauge in plain.into_iter().chain(scaling) {
            let _absent = gauge.remove_label_values(&labels);
        }
        for (_, name) in PHASES {
            let _absent = self
                .rollout
                .remove_label_values(&[labels[0], labels[1], name]);
        }
        forget_all(&self.value, &labels);
        forget_all(&self.target, &labels);
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
