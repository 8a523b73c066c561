//! What a run found out: the same fields for every scenario, so that one table suits them all.

use serde::{Deserialize, Serialize};

use crate::histogram::Quantiles;
use crate::swarm::Counters;
use crate::usage::{Cpu, Memory};

/// One run of one scenario. A unit of work is a connection, a delivery, a round trip or a heartbeat.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) units: u64,
    pub(crate) units_per_s: f64,
    /// Server CPU for a unit, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) cpu: Cpu,
    pub(crate) latency: Quantiles,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// Growth for each connection; only `connect` measures it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) memory: Option<Memory>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) steps: Vec<Step>,
    /// Only `churn` has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) churn: Option<Churn>,
}

/// What became of clients that came and went.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Churn {
    pub(crate) joins: u64,
    pub(crate) leaves: u64,
    /// Joins and leaves that were never answered.
    pub(crate) unanswered: u64,
    /// Messages, each published when the join of its room's only member had been acknowledged.
    pub(crate) published: u64,
    /// From a join to its acknowledgement.
    pub(crate) acks: Quantiles,
}

/// Deliveries or answers that were not as they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) corrupt: u64,
    /// Of another room, or to a client that only publishes.
    pub(crate) misrouted: u64,
}

/// One rate that `saturate` tried, or one storm.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) offered_per_s: f64,
    pub(crate) units_per_s: f64,
    pub(crate) cpu_us: f64,
    pub(crate) cpu: Cpu,
    pub(crate) latency: Quantiles,
    pub(crate) faults: Faults,
    /// Within the bounds: latency, nothing lost, as much delivered as was offered.
    pub(crate) sustained: bool,
    /// The server's memory at the end.
    pub(crate) rss: i64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        let Self {
            lost,
            duplicates,
            reordered,
            corrupt,
            misrouted,
        } = *other;
        Self {
            lost: self.lost + lost,
            duplicates: self.duplicates + duplicates,
            reordered: self.reordered + reordered,
            corrupt: self.corrupt + corrupt,
            misrouted: self.misrouted + misrouted,
        }
    }
}
