//! Real clients in front of a fleet, with a ledger each, and the times of their reconnects.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::figures::Figures;
use super::until;
use crate::crowd::Ranges;
use crate::driver::Driver;
use crate::gateway::KEY;

/// How often each publisher publishes.
const EVERY: Duration = Duration::from_millis(100);
/// How long clients may take to come back and to receive what is under way.
const SETTLE: Duration = Duration::from_secs(60);

/// `tests/node/fleet-clients.mjs`; its clients end when this value is dropped.
pub struct Load {
    clients: Driver,
    url: String,
}

/// A client of the load.
#[derive(Debug, Clone)]
pub struct Client {
    /// By publisher, what it received, in the order of arrival.
    pub ledger: BTreeMap<String, Ranges>,
    /// Whether it is connected and in its rooms.
    pub ready: bool,
    /// Why it was disconnected, each time.
    pub reasons: Vec<String>,
    /// Of each reconnect, whether the session was recovered.
    pub recovered: Vec<bool>,
    rooms: Vec<String>,
    /// By publisher, the last number that was published before it was in its rooms.
    since: BTreeMap<String, u64>,
}

/// By which way a backend publishes.
#[derive(Debug, Clone, Copy)]
pub enum Backend<'a> {
    /// The HTTP API at this URL, with a key.
    Http {
        /// The URL.
        url: &'a str,
        /// The key.
        key: &'a str,
    },
    /// An emitter of Socket.IO, through the Redis at this URL.
    Emitter {
        /// `streams`, or `classic`, of which nothing is taken for sure.
        kind: &'a str,
        /// The URL.
        redis: &'a str,
    },
}

/// What a publisher has sent.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its last number.
    pub last: u64,
    /// The numbers of which it knows that its server took them.
    pub acked: Ranges,
    /// Calls that were answered by anything else than 200, or not at all.
    pub failures: Vec<String>,
    room: String,
}

/// When connections were lost, and when they were there again; in seconds, each in order.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Connections that were lost.
    pub lost: Vec<f64>,
    /// Connections that came back.
    pub back: Vec<f64>,
    /// When this was asked.
    pub now: f64,
}

impl Load {
    /// Starts the process, for the fleet at this URL; it has no clients yet.
    pub fn start(url: &str) -> Self {
        Self::by(url, &json!({}))
    }

    /// The same, for rules by which `join` joins a room that has this prefix.
    pub fn joining(url: &str, join: &str, prefix: &str) -> Self {
        Self::by(url, &json!({ "join": join, "prefix": prefix }))
    }

    fn by(url: &str, parameters: &Value) -> Self {
        Self {
            clients: Driver::start("fleet-clients.mjs", parameters),
            url: url.to_owned(),
        }
    }

    /// Connects `<name>-<index>` of `count` clients to `/`, each in some rooms (without `room-`).
    pub fn connect(&self, name: &str, count: usize, rooms: &[&str], transports: &[&str]) {
        self.connect_to(
            "/",
            name,
            count,
            rooms,
            &json!({ "transports": transports }),
        );
    }

    /// The same, to a namespace, with options for the manager and the socket.
    pub fn connect_to(
        &self,
        namespace: &str,
        name: &str,
        count: usize,
        rooms: &[&str],
        options: &Value,
    ) {
        self.clients.call(&json!({
            "op": "connect", "name": name, "count": count, "url": self.url, "namespace": namespace,
            "rooms": rooms, "options": options,
        }));
    }

    /// Lets a client publish to a room, ten times a second.
    pub fn publish(&self, name: &str, room: &str) {
        let every = EVERY.as_millis();
        self.clients
            .call(&json!({ "op": "publish", "name": name, "room": room, "every": every }));
    }

    /// Lets a backend emit to a room of `/` by the HTTP API at this URL, ten times a second.
    pub fn post(&self, name: &str, url: &str, room: &str) {
        self.backend(name, Backend::Http { url, key: KEY }, "/", room);
    }

    /// Lets a backend publish to a room of a namespace, ten times a second.
    pub fn backend(&self, name: &str, by: Backend<'_>, namespace: &str, room: &str) {
        let mut operation = match by {
            Backend::Http { url, key } => json!({ "op": "post", "url": url, "key": key }),
            Backend::Emitter { kind, redis } => {
                json!({ "op": "emit", "kind": kind, "redis": redis })
            }
        };
        operation["name"] = json!(name);
        operation["namespace"] = json!(namespace);
        operation["room"] = json!(room);
        operation["every"] = json!(EVERY.as_millis());
        self.clients.call(&operation);
    }

    /// Emits an event by a client and returns the arguments of its ack.
    pub fn ask(&self, name: &str, event: &str, args: &[Value]) -> Vec<Value> {
        let answer = self
            .clients
            .call(&json!({ "op": "ask", "name": name, "event": event, "args": args }));
        answer.as_array().expect("a list").clone()
    }

    /// Ends all publishing.
    pub fn hush(&self) {
        self.clients.call(&json!({ "op": "hush" }));
    }

    /// Disconnects the clients `<name>-<index>` and forgets them.
    pub fn leave(&self, name: &str) {
        self.clients.call(&json!({ "op": "leave", "name": name }));
    }

    /// What the publishers have sent.
    pub fn published(&self) -> BTreeMap<String, Published> {
        let all = self.clients.call(&json!({ "op": "published" }));
        let all = all.as_object().expect("an object").iter();
        all.map(|(name, value)| (name.clone(), published(value)))
            .collect()
    }

    /// All clients.
    pub fn seen(&self) -> BTreeMap<String, Client> {
        let all = self.clients.call(&json!({ "op": "crowd" }));
        let all = all.as_object().expect("an object").iter();
        all.map(|(name, value)| (name.clone(), client(value)))
            .collect()
    }

    /// The reconnects so far.
    pub fn trace(&self) -> Trace {
        let trace = self.clients.call(&json!({ "op": "trace" }));
        let seconds = |field: &str| {
            let times = trace[field].as_array().expect("a list").iter();
            times
                .map(|time| time.as_f64().expect("a number") / 1_000.0)
                .collect()
        };
        Trace {
            lost: seconds("lost"),
            back: seconds("back"),
            now: trace["now"].as_f64().expect("a number") / 1_000.0,
        }
    }

    /// What clients saw since this was asked last.
    pub fn figures(&self) -> Figures {
        Figures::of(&self.clients.call(&json!({ "op": "figures" })))
    }

    /// Waits until every client is connected and in its rooms.
    pub async fn all_ready(&self) {
        let ready = async || {
            let seen = self.seen();
            let away: Vec<_> = seen.iter().filter(|(_, client)| !client.ready).collect();
            away.is_empty()
                .then_some(())
                .ok_or_else(|| format!("{away:?}"))
        };
        until("every client is back", SETTLE, ready).await;
    }

    /// Ends publishing, and waits until every client has received, in order and once, each
    /// number that was acknowledged since it came; panics with what is missing.
    pub async fn settle(&self) {
        self.hush();
        self.all_ready().await;
        let whole = async || {
            let published = self.published();
            let seen = self.seen();
            let mut missing = Vec::new();
            for (name, client) in &seen {
                client
                    .lacks(name, &published)
                    .into_iter()
                    .for_each(|lack| missing.push(format!("{name}: {lack}")));
            }
            missing
                .is_empty()
                .then_some(())
                .ok_or_else(|| missing.join("\n"))
        };
        until("everybody has everything", SETTLE, whole).await;
    }
}

impl Client {
    /// How much it has of what a publisher sent; `None` if it is in none of the rooms to which that was.
    pub fn received(&self, publisher: &str) -> Option<u64> {
        self.ledger.get(publisher).map(Ranges::count)
    }

    /// What is wrong with its ledgers, given what was published to its rooms.
    /// Nobody gets back what it published itself.
    fn lacks(&self, name: &str, published: &BTreeMap<String, Published>) -> Vec<String> {
        let mut lacks = Vec::new();
        let of_its_rooms = published
            .iter()
            .filter(|(_, sent)| self.rooms.contains(&sent.room));
        for (publisher, sent) in of_its_rooms.filter(|(publisher, _)| *publisher != name) {
            let ledger = self.ledger.get(publisher).cloned().unwrap_or_default();
            let since = self.since.get(publisher).copied().unwrap_or(0);
            if !ledger.is_ordered() {
                lacks.push(format!("{publisher}: not in order, or twice: {ledger:?}"));
            }
            let lost: Vec<_> = sent
                .acked
                .within(since, sent.last)
                .filter(|number| !ledger.has(*number))
                .collect();
            if !lost.is_empty() {
                lacks.push(format!(
                    "{publisher}: lost {lost:?} after {since}, recovered {:?}",
                    self.recovered
                ));
            }
        }
        lacks
    }
}

impl Trace {
    /// The window in which reconnects are counted, in seconds: in a shorter one a pause of the clients' process would count as a burst.
    pub const WINDOW: f64 = 5.0;

    /// The most events in any window, its end excluded, by the second. `times` are in order.
    pub fn worst(times: &[f64]) -> f64 {
        let within = |from: &f64| times.partition_point(|time| *time < from + Self::WINDOW);
        let counts = times.iter().enumerate();
        let most = counts.map(|(index, from)| within(from) - index).max();
        most.unwrap_or(0) as f64 / Self::WINDOW
    }

    /// So many events a second a budget allows: a tenth more than it says.
    pub fn allowed(budget: u32) -> f64 {
        f64::from(budget) * 1.1
    }
}

fn published(value: &Value) -> Published {
    Published {
        last: value["last"].as_u64().expect("a number"),
        acked: Ranges::of(&value["acked"]),
        failures: texts(&value["failures"]),
        room: value["room"].as_str().unwrap_or_default().to_owned(),
    }
}

fn client(value: &Value) -> Client {
    let ledger = value["ledger"].as_object().expect("an object").iter();
    let since = value["since"].as_object().into_iter().flatten();
    let recovered = value["recovered"].as_array().into_iter().flatten();
    Client {
        ledger: ledger
            .map(|(publisher, ranges)| (publisher.clone(), Ranges::of(ranges)))
            .collect(),
        ready: value["ready"] == true,
        reasons: texts(&value["reasons"]),
        recovered: recovered.map(|value| value == true).collect(),
        rooms: texts(&value["rooms"]),
        since: since
            .filter_map(|(name, number)| Some((name.clone(), number.as_u64()?)))
            .collect(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}
