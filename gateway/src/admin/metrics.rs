//! The metrics of a process: every shard counts for itself, a scrape adds up.
//!
//! A shard holds its [`ShardMetrics`] and writes it alone, so that counting is a plain load, add and
//! store, without a hash, a lock or a contended cache line. [`Metrics::render`] reads them all, as a
//! collector of the `prometheus` crate, whose own counters have many writers and pay for it.

mod counter;
mod drain;
pub mod families;
mod render;
mod samples;
mod scrape;
mod shard;
mod totals;
mod values;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use drain::Drains;
pub use drain::{Closing, DrainState};
use scrape::Scrape;
pub use shard::{
    DropReason, EventMetrics, NamespaceMetrics, ShardMetrics, Source, Transport, UNDECLARED,
};

use crate::admin::process::ProcessFacts;
use crate::admin::rules::RulesStatus;

/// The counters of all threads, and what concerns the process as a whole.
#[derive(Debug)]
pub struct Metrics {
    shards: Vec<Arc<ShardMetrics>>,
    control: Arc<ShardMetrics>,
    drain: Drains,
    bus_up: AtomicBool,
    bus_unsent: OnceLock<Arc<AtomicU64>>,
    bus_gaps: AtomicU64,
    bus_gap_millis: AtomicU64,
    connection_limit: AtomicU64,
    memory_limit: AtomicU64,
}

/// What shards know only by looking, gathered for one scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// By the label of a namespace; several entries of one label are added up.
    pub namespaces: Vec<GatheredNamespace>,
    /// Bytes that connections still have to be sent.
    pub backlog_bytes: u64,
    /// What is held for clients that may come back.
    pub recovery: GatheredRecovery,
}

/// The part of [`Gathered`] that concerns recovery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatheredRecovery {
    /// Bytes of messages.
    pub bytes: u64,
    /// Sessions of clients that are away.
    pub sessions: u64,
    /// Messages that did not fit.
    pub messages_evicted: u64,
    /// Sessions that did not fit.
    pub sessions_evicted: u64,
}

/// The part of [`Gathered`] that concerns one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatheredNamespace {
    /// The name or pattern under which it is declared.
    pub label: Arc<str>,
    /// Messages that were expected and are neither delivered nor dropped yet.
    pub pending: u64,
    /// Rooms with a member in this process.
    pub rooms: u64,
}

impl Metrics {
    /// The metrics of a process of so many shards.
    pub fn new(shards: usize) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..shards).map(|_| Arc::default()).collect(),
            control: Arc::default(),
            drain: Drains::default(),
            bus_up: AtomicBool::new(true),
            bus_unsent: OnceLock::new(),
            bus_gaps: AtomicU64::new(0),
            bus_gap_millis: AtomicU64::new(0),
            connection_limit: AtomicU64::new(0),
            memory_limit: AtomicU64::new(0),
        })
    }

    /// What the shard of this index counts into, alone.
    pub fn shard(&self, index: usize) -> Arc<ShardMetrics> {
        Arc::clone(&self.shards[index])
    }

    /// What the control thread counts into, alone.
    pub fn control(&self) -> Arc<ShardMetrics> {
        Arc::clone(&self.control)
    }

    /// Says where the drain of the process is.
    pub fn set_drain_state(&self, state: DrainState) {
        self.drain.set(state);
    }

    /// The drain closes so many sessions.
    pub fn drain_closed(&self, by: Closing, count: u64) {
        self.drain.closed(by, count);
    }

    /// Says whether the bus answers.
    pub fn set_bus_up(&self, up: bool) {
        self.bus_up.store(up, Ordering::Relaxed);
    }

    /// Says who counts the messages that other nodes did not get.
    pub fn set_bus_unsent(&self, count: Arc<AtomicU64>) {
        // A process has one bus.
        let _ = self.bus_unsent.set(count);
    }

    /// The other nodes were not heard for so long.
    pub fn bus_gap(&self, lasted: Duration) {
        let millis = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        self.bus_gaps.fetch_add(1, Ordering::Relaxed);
        self.bus_gap_millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// The limits in force, against which `carillon_limit_ratio` is told; 0 = unlimited, not told.
    pub fn set_limits(&self, connections: u64, memory_bytes: u64) {
        self.connection_limit.store(connections, Ordering::Relaxed);
        self.memory_limit.store(memory_bytes, Ordering::Relaxed);
    }

    /// Open sessions of the process.
    pub fn sessions(&self) -> u64 {
        self.all()
            .map(|shard| shard.sessions())
            .fold(0, u64::wrapping_add)
    }

    /// Connected sockets (one a session and namespace) of the process.
    pub fn sockets(&self) -> u64 {
        self.all()
            .map(|shard| shard.sockets())
            .fold(0, u64::wrapping_add)
    }

    /// The exposition. What could not be gathered is left out.
    pub fn render(
        &self,
        rules: &RulesStatus,
        process: &ProcessFacts,
        gathered: Option<&Gathered>,
    ) -> String {
        let (rules, rules_rejected) = rules.facts();
        let scrape = Scrape {
            shards: self.all().cloned().collect(),
            gathered: gathered.cloned(),
            process: process.clone(),
            rules,
            rules_rejected,
            connection_limit: self.connection_limit.load(Ordering::Relaxed),
            memory_limit: self.memory_limit.load(Ordering::Relaxed),
            bus_up: self.bus_up.load(Ordering::Relaxed),
            bus_unsent: self
                .bus_unsent
                .get()
                .map_or(0, |count| count.load(Ordering::Relaxed)),
            drain: self.drain.facts(),
            bus_gaps: self.bus_gaps.load(Ordering::Relaxed),
            bus_gap_millis: self.bus_gap_millis.load(Ordering::Relaxed),
        };
        scrape
            .text()
            .expect("the table's names are valid and distinct, and a String takes any text")
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ShardMetrics>> {
        self.shards.iter().chain([&self.control])
    }
}

#[cfg(test)]
mod tests;
