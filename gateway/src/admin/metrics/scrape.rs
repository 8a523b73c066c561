//! One scrape as a collector: the shards' counters, and what was looked up for it.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use super::drain::DrainFacts;
use super::families::{self, Family};
use super::samples::Collection;
use super::shard::ShardMetrics;
use super::totals::Totals;
use super::{Gathered, render};
use crate::admin::process::ProcessFacts;

/// What one scrape tells.
pub(super) struct Scrape {
    pub(super) shards: Vec<Arc<ShardMetrics>>,
    /// Absent if the shards did not answer in time.
    pub(super) gathered: Option<Gathered>,
    pub(super) process: ProcessFacts,
    /// Hash and time of the rules in force.
    pub(super) rules: Option<(String, f64)>,
    pub(super) rules_rejected: u64,
    pub(super) connection_limit: u64,
    pub(super) memory_limit: u64,
    pub(super) bus_up: bool,
    pub(super) bus_unsent: u64,
    pub(super) drain: DrainFacts,
    pub(super) bus_gaps: u64,
    pub(super) bus_gap_millis: u64,
}

impl Scrape {
    /// The text of this scrape. It has a registry to itself: two scrapes at once share nothing.
    pub(super) fn text(self) -> prometheus::Result<String> {
        let registry = Registry::new();
        registry.register(Box::new(Described {
            descs: descs()?,
            scrape: self,
        }))?;
        TextEncoder::new().encode_to_string(&registry.gather())
    }
}

/// A scrape with the table in the form that the registry checks.
struct Described {
    descs: Vec<Desc>,
    scrape: Scrape,
}

impl Collector for Described {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut totals = Totals::default();
        self.scrape
            .shards
            .iter()
            .for_each(|shard| totals.add(shard));
        let mut out = Collection::default();
        render::all(&mut out, &totals, &self.scrape);
        out.finish()
    }
}

fn descs() -> prometheus::Result<Vec<Desc>> {
    families::ALL.iter().map(Family::desc).collect()
}
