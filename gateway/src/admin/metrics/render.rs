//! From counters to samples: one function a group of families.

use std::collections::BTreeMap;

use super::counter::HistogramTotal;
use super::drain::{DrainFacts, DrainState};
use super::families::{self as f, Family};
use super::samples::Collection;
use super::scrape::Scrape;
use super::shard::{DropReason, Source, Transport};
use super::totals::{Counts, NamespaceTotals, Totals};
use super::{Gathered, GatheredRecovery};
use crate::admin::log;
use crate::admin::process::ProcessFacts;

/// Every family of the table.
pub(super) fn all(out: &mut Collection, totals: &Totals, scrape: &Scrape) {
    sessions(out, totals);
    namespaces(out, &totals.namespaces);
    if let Some(gathered) = &scrape.gathered {
        looked_up(out, gathered);
    }
    bus(out, totals, scrape);
    rules(out, scrape);
    limits(out, totals, scrape);
    drain(out, &scrape.drain);
    out.single(f::LOG_DROPPED, Some(log::dropped_lines() as f64));
    out.family(f::BUILD, |samples| {
        samples.add(&[env!("CARGO_PKG_VERSION")], 1.0);
    });
    process_facts(out, &scrape.process);
}

fn bus(out: &mut Collection, totals: &Totals, scrape: &Scrape) {
    out.family(f::LOOP_LAG, |samples| {
        samples.histogram(&[], &totals.loop_lag);
    });
    out.family(f::BUS_LAG, |samples| {
        samples.histogram(&[], &totals.bus_lag);
    });
    out.single(f::BUS_UP, Some(f64::from(scrape.bus_up)));
    out.single(f::BUS_UNSENT, Some(scrape.bus_unsent as f64));
    out.single(f::BUS_GAPS, Some(scrape.bus_gaps as f64));
    out.single(
        f::BUS_GAP_SECONDS,
        Some(scrape.bus_gap_millis as f64 / 1000.0),
    );
    labelled(out, f::BUS_ERRORS, &totals.bus_errors);
}

fn drain(out: &mut Collection, DrainFacts { state, closed }: &DrainFacts) {
    let is_draining = *state != DrainState::Serving;
    out.single(f::DRAINING, Some(f64::from(is_draining)));
    out.family(f::DRAIN_STATE, |samples| {
        for one in DrainState::ALL {
            samples.add(&[one.label()], f64::from(one == *state));
        }
    });
    out.family(f::DRAIN_CLOSED, |samples| {
        for (by, count) in closed {
            samples.add(&[by.label()], *count as f64);
        }
    });
}

fn limits(out: &mut Collection, totals: &Totals, scrape: &Scrape) {
    let process = &scrape.process;
    let open = totals.open.iter().copied();
    let open = open.fold(totals.relays, u64::wrapping_add);
    let resources = [
        ("connections", Some(open), scrape.connection_limit),
        ("memory", process.resident_bytes, scrape.memory_limit),
        (
            "file_descriptors",
            process.open_fds,
            process.max_fds.unwrap_or(0),
        ),
    ];
    out.family(f::LIMIT_RATIO, |samples| {
        for (resource, used, limit) in resources {
            if let (Some(used), 1..) = (used, limit) {
                samples.add(&[resource], used as f64 / limit as f64);
            }
        }
    });
}

fn sessions(out: &mut Collection, totals: &Totals) {
    for (family, counts) in [(f::SESSIONS, totals.open), (f::OPENED, totals.opened)] {
        out.family(family, |samples| {
            for transport in Transport::ALL {
                samples.add(&[transport.label()], counts[transport as usize] as f64);
            }
            if family.name == f::SESSIONS.name {
                samples.add(&["relay"], totals.relays as f64);
            }
        });
    }
    labelled(out, f::CLOSED, &totals.closed);
    labelled(out, f::REFUSED, &totals.refused);
    labelled(out, f::UPGRADES, &totals.upgrades);
}

fn namespaces(out: &mut Collection, all: &BTreeMap<String, NamespaceTotals>) {
    by_namespace(out, f::SOCKETS, all, |totals| totals.sockets);
    by_namespace_and(out, f::CONNECTS, all, |totals| of(&totals.connects));
    by_namespace_and(out, f::RECEIVED, all, |totals| {
        totals
            .events
            .iter()
            .map(|(event, count)| (event.as_str(), *count))
            .collect()
    });
    by_namespace_and(out, f::EVENTS_REFUSED, all, |totals| of(&totals.refused));
    by_namespace_and(out, f::ACCEPTED, all, |totals| {
        Source::ALL
            .map(|source| (source.label(), totals.accepted[source as usize]))
            .to_vec()
    });
    by_namespace(out, f::EXPECTED, all, |totals| totals.expected);
    by_namespace(out, f::DELIVERED, all, |totals| totals.delivered);
    by_namespace_and(out, f::DROPPED, all, |totals| {
        DropReason::ALL
            .map(|reason| (reason.label(), totals.dropped[reason as usize]))
            .to_vec()
    });
    out.family(f::DELIVERY_SECONDS, |samples| {
        for (namespace, NamespaceTotals { delivery, .. }) in all {
            if *delivery != HistogramTotal::default() {
                samples.histogram(&[namespace], delivery);
            }
        }
    });
}

fn looked_up(out: &mut Collection, gathered: &Gathered) {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for namespace in &gathered.namespaces {
        let (rooms, pending) = sums.entry(&namespace.label).or_default();
        *rooms += namespace.rooms;
        *pending += namespace.pending;
    }
    by_namespace(out, f::ROOMS, &sums, |(rooms, _)| *rooms);
    by_namespace(out, f::PENDING, &sums, |(_, pending)| *pending);
    out.single(f::BACKLOG, Some(gathered.backlog_bytes as f64));
    recovery(out, gathered.recovery);
}

fn recovery(out: &mut Collection, recovery: GatheredRecovery) {
    let GatheredRecovery {
        bytes,
        sessions,
        messages_evicted,
        sessions_evicted,
    } = recovery;
    out.single(f::RECOVERY_BYTES, Some(bytes as f64));
    out.single(f::RECOVERY_SESSIONS, Some(sessions as f64));
    out.family(f::RECOVERY_EVICTED, |samples| {
        samples.add(&["messages"], messages_evicted as f64);
        samples.add(&["sessions"], sessions_evicted as f64);
    });
}

fn rules(out: &mut Collection, scrape: &Scrape) {
    if let Some((hash, at)) = &scrape.rules {
        out.family(f::RULES_INFO, |samples| samples.add(&[hash], 1.0));
        out.single(f::RULES_LOADED, Some(*at));
    }
    out.single(f::RULES_REJECTED, Some(scrape.rules_rejected as f64));
}

fn process_facts(out: &mut Collection, process: &ProcessFacts) {
    out.single(f::CPU, process.cpu_seconds);
    out.single(f::START, process.started_at);
    for (family, value) in [
        (f::RESIDENT, process.resident_bytes),
        (f::VIRTUAL, process.virtual_bytes),
        (f::OPEN_FDS, process.open_fds),
        (f::MAX_FDS, process.max_fds),
        (f::THREADS, process.threads),
    ] {
        out.single(family, value.map(|value| value as f64));
    }
}

fn labelled(out: &mut Collection, family: Family, counts: &Counts) {
    out.family(family, |samples| {
        for (value, count) in counts {
            samples.add(&[value], *count as f64);
        }
    });
}

fn by_namespace<K: AsRef<str>, T>(
    out: &mut Collection,
    family: Family,
    all: &BTreeMap<K, T>,
    value: impl Fn(&T) -> u64,
) {
    out.family(family, |samples| {
        for (namespace, totals) in all {
            samples.add(&[namespace.as_ref()], value(totals) as f64);
        }
    });
}

fn by_namespace_and(
    out: &mut Collection,
    family: Family,
    all: &BTreeMap<String, NamespaceTotals>,
    values: impl Fn(&NamespaceTotals) -> Vec<(&str, u64)>,
) {
    out.family(family, |samples| {
        for (namespace, totals) in all {
            for (value, count) in values(totals) {
                samples.add(&[namespace, value], count as f64);
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
