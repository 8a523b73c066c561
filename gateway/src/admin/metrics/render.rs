//! From counters to the exposition: one function a group of families.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::counter::HistogramTotal;
use super::exposition::Exposition;
use super::families::{self as f, Family};
use super::shard::{DropReason, Source, Transport};
use super::totals::{Counts, NamespaceTotals, Totals};
use super::{Gathered, Metrics};
use crate::admin::log;
use crate::admin::process::ProcessFacts;
use crate::admin::rules::RulesStatus;

impl Metrics {
    /// The exposition. What could not be gathered is left out.
    pub fn render(
        &self,
        rules: &RulesStatus,
        process: &ProcessFacts,
        gathered: Option<&Gathered>,
    ) -> String {
        let mut totals = Totals::default();
        self.all().for_each(|shard| totals.add(shard));
        let mut out = Exposition::default();
        sessions(&mut out, &totals);
        namespaces(&mut out, &totals.namespaces);
        if let Some(gathered) = gathered {
            looked_up(&mut out, gathered);
        }
        self.bus(&mut out, &totals);
        loaded_rules(&mut out, rules);
        self.limits(&mut out, process);
        out.single(
            f::DRAINING,
            Some(u8::from(self.draining.load(Ordering::Relaxed))),
        );
        out.single(f::LOG_DROPPED, Some(log::dropped_lines()));
        out.family(f::BUILD, |samples| {
            samples.add(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        });
        process_facts(&mut out, process);
        out.finish()
    }

    fn bus(&self, out: &mut Exposition, totals: &Totals) {
        out.family(f::BUS_LAG, |samples| {
            samples.histogram(&[], &totals.bus_lag);
        });
        out.single(
            f::BUS_UP,
            Some(u8::from(self.bus_up.load(Ordering::Relaxed))),
        );
        labelled(out, f::BUS_ERRORS, "kind", &totals.bus_errors);
    }

    fn limits(&self, out: &mut Exposition, process: &ProcessFacts) {
        let connections = (
            Some(self.sessions()),
            self.connection_limit.load(Ordering::Relaxed),
        );
        let memory = (
            process.resident_bytes,
            self.memory_limit.load(Ordering::Relaxed),
        );
        let descriptors = (process.open_fds, process.max_fds.unwrap_or(0));
        out.family(f::LIMIT_RATIO, |samples| {
            let resources = [
                ("connections", connections),
                ("memory", memory),
                ("file_descriptors", descriptors),
            ];
            for (resource, (used, limit)) in resources {
                if let (Some(used), 1..) = (used, limit) {
                    samples.add(&[("resource", resource)], used as f64 / limit as f64);
                }
            }
        });
    }
}

fn sessions(out: &mut Exposition, totals: &Totals) {
    for (family, counts) in [(f::SESSIONS, totals.open), (f::OPENED, totals.opened)] {
        out.family(family, |samples| {
            for transport in Transport::ALL {
                samples.add(
                    &[("transport", transport.label())],
                    counts[transport as usize],
                );
            }
        });
    }
    labelled(out, f::CLOSED, "reason", &totals.closed);
    labelled(out, f::REFUSED, "reason", &totals.refused);
    labelled(out, f::UPGRADES, "outcome", &totals.upgrades);
}

fn namespaces(out: &mut Exposition, all: &BTreeMap<String, NamespaceTotals>) {
    by_namespace(out, f::SOCKETS, all, |totals| totals.sockets);
    by_namespace_and(out, f::CONNECTS, "outcome", all, |totals| {
        of(&totals.connects)
    });
    by_namespace_and(out, f::RECEIVED, "event", all, |totals| {
        totals
            .events
            .iter()
            .map(|(event, count)| (event.as_str(), *count))
            .collect()
    });
    by_namespace_and(out, f::EVENTS_REFUSED, "code", all, |totals| {
        of(&totals.refused)
    });
    by_namespace_and(out, f::ACCEPTED, "source", all, |totals| {
        Source::ALL
            .map(|source| (source.label(), totals.accepted[source as usize]))
            .to_vec()
    });
    by_namespace(out, f::EXPECTED, all, |totals| totals.expected);
    by_namespace(out, f::DELIVERED, all, |totals| totals.delivered);
    by_namespace_and(out, f::DROPPED, "reason", all, |totals| {
        DropReason::ALL
            .map(|reason| (reason.label(), totals.dropped[reason as usize]))
            .to_vec()
    });
    out.family(f::DELIVERY_SECONDS, |samples| {
        for (namespace, NamespaceTotals { delivery, .. }) in all {
            if *delivery != HistogramTotal::default() {
                samples.histogram(&[("namespace", namespace)], delivery);
            }
        }
    });
}

fn looked_up(out: &mut Exposition, gathered: &Gathered) {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for namespace in &gathered.namespaces {
        let (rooms, pending) = sums.entry(&namespace.label).or_default();
        *rooms += namespace.rooms;
        *pending += namespace.pending;
    }
    by_namespace(out, f::ROOMS, &sums, |(rooms, _)| *rooms);
    by_namespace(out, f::PENDING, &sums, |(_, pending)| *pending);
    out.single(f::BACKLOG, Some(gathered.backlog_bytes));
}

fn loaded_rules(out: &mut Exposition, rules: &RulesStatus) {
    let (loaded, rejected) = rules.facts();
    if let Some((hash, at)) = loaded {
        out.family(f::RULES_INFO, |samples| samples.add(&[("hash", &hash)], 1));
        out.single(f::RULES_LOADED, Some(at));
    }
    out.single(f::RULES_REJECTED, Some(rejected));
}

fn process_facts(out: &mut Exposition, process: &ProcessFacts) {
    out.single(f::CPU, process.cpu_seconds);
    out.single(f::RESIDENT, process.resident_bytes);
    out.single(f::VIRTUAL, process.virtual_bytes);
    out.single(f::OPEN_FDS, process.open_fds);
    out.single(f::MAX_FDS, process.max_fds);
    out.single(f::THREADS, process.threads);
    out.single(f::START, process.started_at);
}

fn labelled(out: &mut Exposition, family: Family, label: &str, counts: &Counts) {
    out.family(family, |samples| {
        counts
            .iter()
            .for_each(|(value, count)| samples.add(&[(label, value)], count));
    });
}

fn by_namespace<K: AsRef<str>, T>(
    out: &mut Exposition,
    family: Family,
    all: &BTreeMap<K, T>,
    value: impl Fn(&T) -> u64,
) {
    out.family(family, |samples| {
        for (namespace, totals) in all {
            samples.add(&[("namespace", namespace.as_ref())], value(totals));
        }
    });
}

fn by_namespace_and(
    out: &mut Exposition,
    family: Family,
    label: &str,
    all: &BTreeMap<String, NamespaceTotals>,
    values: impl Fn(&NamespaceTotals) -> Vec<(&str, u64)>,
) {
    out.family(family, |samples| {
        for (namespace, totals) in all {
            for (value, count) in values(totals) {
                samples.add(&[("namespace", namespace), (label, value)], count);
            }
        }
    });
}

fn of(counts: &Counts) -> Vec<(&str, u64)> {
    counts
        .iter()
        .map(|(label, count)| (*label, *count))
        .collect()
}
