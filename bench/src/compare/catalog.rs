//! The named scenarios and what performance asks of the gateway in each.

use super::metric::Metric;

/// One scenario of the comparison.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// What is done, a unit of it, and whether it belongs to a comparison that names no scenarios.
    pub(super) about: &'static str,
    pub(super) unit: &'static str,
    standard: bool,
    full: &'static str,
    quick: &'static str,
    /// Milliseconds in the full and the quick form; else the servers' own defaults.
    ping_interval: Option<(u32, u32)>,
    /// By what the servers are told apart.
    pub(super) headline: Metric,
    pub(super) musts: &'static [Must],
}

/// A bound that the gateway has to keep.
pub(super) enum Must {
    /// At most this many times the peer's.
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
    /// No more bytes of user memory a connection.
    Rss(f64),
}

impl Entry {
    /// The generator's arguments.
    pub(super) fn arguments(&self, quick: bool) -> &'static str {
        if quick { self.quick } else { self.full }
    }

    pub(super) fn ping_interval(&self, quick: bool) -> Option<u32> {
        self.ping_interval
            .map(|(full, short)| if quick { short } else { full })
    }
}

/// The entries of these names, or all standard ones.
pub(super) fn select(names: &[String]) -> Result<Vec<&'static Entry>, String> {
    if names.is_empty() {
        return Ok(ENTRIES.iter().filter(|entry| entry.standard).collect());
    }
    names
        .iter()
        .map(|name| find(name).ok_or_else(|| format!("no scenario `{name}`; --list names them")))
        .collect()
}

pub(super) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

pub(super) fn print() {
    for entry in ENTRIES {
        let mark = if entry.standard { '*' } else { ' ' };
        println!("{mark} {:<12} {}", entry.name, entry.about);
        println!(
            "  {:<12} full:  {}\n  {:<12} quick: {}",
            "", entry.full, "", entry.quick
        );
    }
}

const fn entry(
    name: &'static str,
    about: &'static str,
    unit: &'static str,
    full: &'static str,
    quick: &'static str,
) -> Entry {
    Entry {
        name,
        about,
        unit,
        standard: true,
        full,
        quick,
        ping_interval: None,
        headline: Metric::CpuUs,
        musts: &[],
    }
}

/// Rates are what the slowest peer carries on one core with room to spare, so that nothing queues.
pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        musts: &[Must::AtMost(0.65, "socketioxide"), Must::Rss(4096.0)],
        ..entry(
            "connect",
            "connect and join, 10,000; then memory at rest",
            "connection",
            "connect -n 10000",
            "connect -n 4000 --settle 1.5",
        )
    },
    Entry {
        musts: &[
            Must::AtMost(0.65, "socketioxide"),
            Must::AtMost(0.50, "node"),
        ],
        ..entry(
            "fanout-1k",
            "fan-out, 1,000 in one room, 128 B",
            "delivery",
            "fanout -n 1000 --rate 40 --seconds 4 --warmup 1",
            "fanout -n 1000 --rate 40 --seconds 2 --warmup 0.5",
        )
    },
    Entry {
        musts: &[
            Must::AtMost(0.65, "socketioxide"),
            Must::AtMost(0.50, "node"),
        ],
        ..entry(
            "fanout-10k",
            "fan-out, 10,000 in one room, 128 B",
            "delivery",
            "fanout -n 10000 --rate 4 --seconds 4 --warmup 1",
            "fanout -n 6000 --rate 6 --seconds 2 --warmup 0.5",
        )
    },
    Entry {
        musts: &[Must::AtMost(0.75, "socketioxide")],
        ..entry(
            "rooms-100",
            "fan-out, 10,000 in 100 rooms, 128 B",
            "delivery",
            "fanout -n 10000 --rooms 100 --rate 400 --seconds 4 --warmup 1",
            "fanout -n 6000 --rooms 100 --rate 500 --seconds 2 --warmup 0.5",
        )
    },
    Entry {
        musts: &[Must::AtMost(0.55, "socketioxide")],
        ..entry(
            "echo-1",
            "echo, 1,000 × depth 1",
            "round trip",
            "echo -n 1000 --depth 1 --seconds 3",
            "echo -n 1000 --depth 1 --seconds 1.5 --warmup 0.5",
        )
    },
    Entry {
        musts: &[Must::AtMost(0.55, "socketioxide")],
        ..entry(
            "echo-16",
            "echo, 100 × depth 16",
            "round trip",
            "echo -n 100 --depth 16 --seconds 3",
            "echo -n 100 --depth 16 --seconds 1.5 --warmup 0.5",
        )
    },
    Entry {
        musts: &[Must::AtMost(0.25, "centrifuge")],
        ping_interval: Some((8000, 4000)),
        ..entry(
            "idle",
            "idle heartbeats, 10,000, every server's pings spread",
            "heartbeat",
            "idle -n 10000 --ramp 8 --settle 1 --seconds 8",
            "idle -n 4000 --ramp 4 --settle 0.5 --seconds 4",
        )
    },
    Entry {
        headline: Metric::PerSecond,
        musts: &[Must::AtLeast(2.0, "socketioxide")],
        ..entry(
            "saturate-1k",
            "sustained deliveries/s, 1,000 in one room, p99 ≤ 100 ms",
            "delivery",
            "saturate -n 1000 --start 50 --growth 2 --halvings 3 --seconds 1.5",
            "saturate -n 1000 --start 50 --growth 2.5 --halvings 1 --seconds 1",
        )
    },
    Entry {
        standard: false,
        ping_interval: Some((8000, 4000)),
        ..entry(
            "idle-burst",
            "idle heartbeats, 10,000, connected at once: pings as each server spreads them",
            "heartbeat",
            "idle -n 10000 --settle 8 --seconds 16",
            "idle -n 4000 --settle 4 --seconds 4",
        )
    },
    Entry {
        standard: false,
        headline: Metric::PerSecond,
        ..entry(
            "overload-1k",
            "as saturate-1k, then 4 × the highest sustained rate",
            "delivery",
            "saturate -n 1000 --start 50 --growth 2 --halvings 3 --seconds 2 --overload 4",
            "saturate -n 1000 --start 50 --growth 2 --halvings 1 --seconds 1 --overload 4",
        )
    },
    Entry {
        standard: false,
        ..entry(
            "storm",
            "all of 10,000 cut and dialled again, three times",
            "connection",
            "storm -n 10000",
            "storm -n 4000 --repeats 1",
        )
    },
    Entry {
        standard: false,
        ..entry(
            "polling-1k",
            "fan-out, 1,000 in one room over long polling, 128 B (Socket.IO only)",
            "delivery",
            "fanout -n 1000 --polling 100 --rate 10 --seconds 4 --warmup 1",
            "fanout -n 1000 --polling 100 --rate 10 --seconds 2 --warmup 1",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Load;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        _load: Load,
    }

    #[test]
    fn every_entry_is_a_load() {
        for entry in ENTRIES {
            for quick in [true, false] {
                let words = ["load"]
                    .into_iter()
                    .chain(entry.arguments(quick).split(' '));
                let line = <Line as clap::Parser>::try_parse_from(words);
                assert!(
                    line.is_ok(),
                    "{} {quick}: {}",
                    entry.name,
                    line.err().unwrap()
                );
            }
        }
    }

    #[test]
    fn a_selection_is_by_name() {
        let select = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(&names).map(|entries| entries.len())
        };
        assert_eq!(select(&["echo-1", "storm"]), Ok(2));
        assert_eq!(select(&[]), Ok(8));
        assert!(select(&["echo-2"]).is_err());
    }
}
