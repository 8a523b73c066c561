//! A crowd of clients with ledgers, and the numbers of what they received.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::driver::Driver;

/// Numbers in the order of arrival: `(first, last)` of each run without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(crate) fn of(value: &Value) -> Self {
        let number = |value: &Value| value.as_u64().expect("a number");
        let pairs = value.as_array().into_iter().flatten();
        Self(
            pairs
                .map(|pair| (number(&pair[0]), number(&pair[1])))
                .collect(),
        )
    }

    /// Adds the number that came next.
    pub fn push(&mut self, number: u64) {
        match self.0.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.0.push((number, number)),
        }
    }

    /// Whether no number came twice, and none after a later one.
    pub fn is_ordered(&self) -> bool {
        self.0.windows(2).all(|pair| pair[0].1 < pair[1].0)
    }

    /// Whether a number is among them.
    pub fn has(&self, number: u64) -> bool {
        let found = |&(first, last): &(u64, u64)| (first..=last).contains(&number);
        self.0.iter().any(found)
    }

    /// The last one that came; 0 if none did.
    pub fn last(&self) -> u64 {
        self.0.last().map_or(0, |&(_, last)| last)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&(first, last)| last - first + 1).sum()
    }

    /// The numbers in `from + 1 ..= to` that are here.
    pub fn within(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let parts = self.0.iter();
        parts.flat_map(move |&(first, last)| first.max(from + 1)..=last.min(to))
    }
}

/// A client of the crowd.
#[derive(Clone, Debug)]
pub struct Seen {
    /// By publisher, what it received.
    pub ledger: BTreeMap<String, Ranges>,
    /// Whether it is connected and in its rooms.
    pub ready: bool,
    /// What names its pod in the session's id.
    pub owner: String,
    /// Why it was disconnected, each time.
    pub reasons: Vec<String>,
    /// How often its session was a new one; 1 if it has never lost it.
    pub fresh: u64,
}

impl Seen {
    /// What it received of one publisher.
    pub fn of(&self, publisher: &str) -> Ranges {
        self.ledger.get(publisher).cloned().unwrap_or_default()
    }
}

/// What a publisher has sent.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Its last number.
    pub last: u64,
    /// The numbers of which it knows that its server took them.
    pub acked: Ranges,
}

/// `tests/node/chaos-client.mjs`; it ends when this value is dropped.
pub struct Crowd(Driver);

impl Crowd {
    /// Starts the process; it has no clients yet.
    pub fn start() -> Self {
        Self(Driver::start("chaos-client.mjs", &json!({})))
    }

    /// Connects `<name>-<index>` of `count` clients in turn, each in some rooms (without `room-`).
    pub fn connect(&self, name: &str, count: usize, port: u16, rooms: &[&str], options: &Value) {
        let url = format!("http://127.0.0.1:{port}");
        self.0.call(&json!({
            "op": "connect", "name": name, "count": count, "url": url, "rooms": rooms, "options": options,
        }));
    }

    /// Lets a client publish to a room, ten times a second.
    pub fn publish(&self, name: &str, room: &str) {
        self.0
            .call(&json!({ "op": "publish", "name": name, "room": room, "every": 100 }));
    }

    /// Ends all publishing.
    pub fn hush(&self) {
        self.0.call(&json!({ "op": "hush" }));
    }

    /// What the publishers among them have sent.
    pub fn published(&self) -> BTreeMap<String, Published> {
        let all = self.0.call(&json!({ "op": "published" }));
        let all = all.as_object().expect("an object").iter();
        let published = |value: &Value| Published {
            last: value["last"].as_u64().expect("a number"),
            acked: Ranges::of(&value["acked"]),
        };
        all.map(|(name, value)| (name.clone(), published(value)))
            .collect()
    }

    /// All of them.
    pub fn seen(&self) -> BTreeMap<String, Seen> {
        let all = self.0.call(&json!({ "op": "crowd" }));
        let all = all.as_object().expect("an object").iter();
        all.map(|(name, value)| (name.clone(), seen(value)))
            .collect()
    }
}

fn seen(value: &Value) -> Seen {
    let ledger = value["ledger"].as_object().expect("an object").iter();
    let reasons = value["reasons"].as_array().into_iter().flatten();
    Seen {
        fresh: value["fresh"].as_u64().unwrap_or_default(),
        ledger: ledger
            .map(|(publisher, ranges)| (publisher.clone(), Ranges::of(ranges)))
            .collect(),
        ready: value["ready"] == true,
        owner: value["owner"].as_str().unwrap_or_default().to_owned(),
        reasons: reasons
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}
