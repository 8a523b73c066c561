//! The operator's metrics, under the names of controller-runtime and client-go, so that stock dashboards work, and its own.

pub mod fleet;
pub mod process;
pub mod queue;
pub mod reconcile;
pub mod rest;

use prometheus::{Encoder, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use self::fleet::FleetMetrics;
use self::queue::QueueMetrics;
use self::reconcile::ReconcileMetrics;
use self::rest::RestMetrics;

/// All families of a process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// `controller_runtime_…`.
    pub reconcile: ReconcileMetrics,
    /// `workqueue_…`.
    pub queue: QueueMetrics,
    /// `rest_client_…`.
    pub rest: RestMetrics,
    /// `carillon_operator_…`, by cluster.
    pub fleet: FleetMetrics,
    leader: IntGaugeVec,
    definition: IntGauge,
}

impl Metrics {
    /// Registers every family.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let leader = IntGaugeVec::new(
            Opts::new(
                "leader_election_master_status",
                "1 if this process leads, by lease",
            ),
            &["name"],
        )?;
        registry.register(Box::new(leader.clone()))?;
        let definition = IntGauge::new(
            "carillon_operator_definition_missing_fields",
            "Fields of a RealtimeCluster that this operator knows and the installed definition does not: they are dropped",
        )?;
        registry.register(Box::new(definition.clone()))?;
        process::register(&registry)?;
        Ok(Self {
            reconcile: ReconcileMetrics::new(&registry)?,
            queue: QueueMetrics::new(&registry)?,
            rest: RestMetrics::new(&registry)?,
            fleet: FleetMetrics::new(&registry)?,
            leader,
            definition,
            registry,
        })
    }

    /// Whether this process leads.
    pub fn leads(&self, lease: &str, leads: bool) {
        self.leader
            .with_label_values(&[lease])
            .set(i64::from(leads));
    }

    /// So many fields the installed definition does not know.
    pub fn definition_lacks(&self, fields: usize) {
        self.definition
            .set(i64::try_from(fields).unwrap_or(i64::MAX));
    }

    /// The text of a scrape.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        self.queue.refresh(crate::clock::monotonic());
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

/// The one controller of this process, as a label.
pub const CONTROLLER: &str = "realtimecluster";

#[cfg(test)]
mod tests;
