//! The counters of all threads added up, for one scrape.

use std::collections::BTreeMap;

use super::counter::{Counter, HistogramTotal, Labelled};
use super::shard::{ShardMetrics, Stored};

/// Counts by label.
pub(super) type Counts<L = &'static str> = BTreeMap<L, u64>;

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) open: [u64; 2],
    pub(super) relays: u64,
    pub(super) opened: [u64; 2],
    pub(super) closed: Counts,
    pub(super) refused: Counts,
    pub(super) upgrades: Counts,
    pub(super) loop_lag: HistogramTotal,
    pub(super) bus_lag: HistogramTotal,
    pub(super) bus_errors: Counts,
    pub(super) namespaces: BTreeMap<String, NamespaceTotals>,
}

#[derive(Debug, Default)]
pub(super) struct NamespaceTotals {
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) dropped: [u64; 5],
    pub(super) accepted: [u64; 6],
    pub(super) sockets: u64,
    pub(super) delivery: HistogramTotal,
    pub(super) connects: Counts,
    pub(super) refused: Counts,
    pub(super) events: Counts<String>,
}

impl Totals {
    pub(super) fn add(&mut self, shard: &ShardMetrics) {
        add_array(&mut self.open, &shard.open);
        self.relays = self.relays.wrapping_add(shard.relays.get());
        add_array(&mut self.opened, &shard.opened);
        add_labelled(&mut self.closed, &shard.closed);
        add_labelled(&mut self.refused, &shard.refused);
        add_labelled(&mut self.upgrades, &shard.upgrades);
        add_labelled(&mut self.bus_errors, &shard.bus_errors);
        self.loop_lag.add(&shard.loop_lag);
        self.bus_lag.add(&shard.bus_lag);
        for (label, stored) in shard.namespaces().iter() {
            self.namespaces
                .entry(label.clone())
                .or_default()
                .add(stored);
        }
    }
}

impl NamespaceTotals {
    fn add(&mut self, stored: &Stored) {
        let metrics = &stored.metrics;
        // Expected is read last: what is delivered meanwhile was expected before.
        add_array(&mut self.dropped, &metrics.dropped);
        self.delivered += metrics.delivered.get();
        self.expected += metrics.expected.get();
        add_array(&mut self.accepted, &metrics.accepted);
        self.sockets = self.sockets.wrapping_add(metrics.sockets.get());
        self.delivery.add(&metrics.delivery);
        add_labelled(&mut self.connects, &metrics.connects);
        add_labelled(&mut self.refused, &metrics.refused);
        for (event, counter) in &stored.events {
            *self.events.entry(event.clone()).or_default() += counter.0.get();
        }
    }
}

fn add_array<const N: usize>(totals: &mut [u64; N], counters: &[Counter; N]) {
    for (total, counter) in totals.iter_mut().zip(counters) {
        *total = total.wrapping_add(counter.get());
    }
}

fn add_labelled(totals: &mut Counts, counters: &Labelled) {
    counters.each(|label, count| *totals.entry(label).or_default() += count);
}
