//! The scenarios of a cluster.

use super::contestant::Mode;

/// One scenario.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    full: &'static str,
    quick: &'static str,
    /// The most that a delivery through Redis may cost the gateway, in local deliveries.
    pub(super) most: Option<f64>,
}

/// What is measured, and so which columns a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pod B's CPU time for a delivery through Redis, beside a local one.
    Fanout,
    /// The highest rate.
    Saturate,
    /// What clients miss that join and leave.
    Churn,
}

impl Entry {
    /// The generator's arguments.
    pub(super) fn arguments(&self, quick: bool) -> &'static str {
        if quick { self.quick } else { self.full }
    }

    /// Whether pods of this mode take part when none are named.
    pub(super) fn has(&self, mode: Mode) -> bool {
        self.kind != Kind::Churn || mode == Mode::Sharded
    }
}

/// The entries of these names, or all.
pub(super) fn select(names: &[String]) -> Result<Vec<&'static Entry>, String> {
    if names.is_empty() {
        return Ok(ENTRIES.iter().collect());
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
        println!("{:<12} {}", entry.name, entry.about);
        println!(
            "{:<12} full:  {}\n{:<12} quick: {}",
            "", entry.full, "", entry.quick
        );
    }
}

/// Rates are what both pods of the slowest peer carry together on one core with room to spare.
const ENTRIES: &[Entry] = &[
    Entry {
        name: "redis-1k",
        about: "1,000 local recipients a message, 128 B",
        unit: "delivery",
        kind: Kind::Fanout,
        full: "fanout -n 1000 --rate 40 --seconds 4 --warmup 1",
        quick: "fanout -n 1000 --rate 40 --seconds 2 --warmup 0.5",
        most: Some(1.15),
    },
    Entry {
        name: "redis-10",
        about: "10 local recipients a message (100 rooms), 128 B",
        unit: "delivery",
        kind: Kind::Fanout,
        full: "fanout -n 1000 --rooms 100 --rate 1000 --seconds 4 --warmup 1",
        quick: "fanout -n 1000 --rooms 100 --rate 1000 --seconds 2 --warmup 0.5",
        most: None,
    },
    Entry {
        name: "redis-1",
        about: "1 local recipient a message (1,000 rooms), 128 B",
        unit: "delivery",
        kind: Kind::Fanout,
        full: "fanout -n 1000 --rooms 1000 --rate 1500 --seconds 4 --warmup 1",
        quick: "fanout -n 1000 --rooms 1000 --rate 1500 --seconds 2 --warmup 0.5",
        most: None,
    },
    Entry {
        name: "redis-saturate-1k",
        about: "sustained deliveries/s through Redis, 1,000 in one room, p99 ≤ 100 ms",
        unit: "delivery",
        kind: Kind::Saturate,
        full: "saturate -n 1000 --start 25 --growth 2 --halvings 3 --seconds 1.5",
        quick: "saturate -n 1000 --start 25 --growth 2.5 --halvings 1 --seconds 1",
        most: None,
    },
    Entry {
        name: "redis-churn",
        about: "10,000 rooms, 2,000 joins and leaves a second, one message a join, published after its acknowledgement",
        unit: "join or leave",
        kind: Kind::Churn,
        full: "churn -n 1000 --rooms 10000 --rate 2000 --seconds 10",
        quick: "churn -n 1000 --rooms 10000 --rate 2000 --seconds 4",
        most: None,
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
    fn the_generator_knows_all_arguments() {
        for entry in ENTRIES {
            for quick in [false, true] {
                let words = std::iter::once("load").chain(entry.arguments(quick).split(' '));
                let line = <Line as clap::Parser>::try_parse_from(words);
                assert!(line.is_ok(), "{} {quick}", entry.name);
            }
        }
    }

    #[test]
    fn a_selection_is_by_name() {
        let select = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(&names).map(|entries| entries.len())
        };
        assert_eq!(select(&["redis-1"]), Ok(1));
        assert_eq!(select(&[]), Ok(ENTRIES.len()));
        assert!(select(&["echo-1"]).is_err());
    }
}
