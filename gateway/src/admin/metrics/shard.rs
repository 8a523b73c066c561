//! What one thread counts. All methods that count are for that thread alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::counter::{Counter, Histogram, Labelled};

/// The label of what concerns no declared namespace.
pub const UNDECLARED: &str = "other";

/// The counters of one shard, or of the control thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardMetrics {
    pub(super) opened: [Counter; 2],
    pub(super) open: [Counter; 2],
    pub(super) relays: Counter,
    pub(super) closed: Labelled,
    pub(super) refused: Labelled,
    pub(super) upgrades: Labelled,
    pub(super) loop_lag: Histogram,
    pub(super) bus_lag: Histogram,
    pub(super) bus_errors: Labelled,
    namespaces: Mutex<BTreeMap<String, Stored>>,
}

#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) metrics: Arc<NamespaceMetrics>,
    pub(super) events: BTreeMap<String, Arc<EventCounter>>,
}

/// How a session's packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Long polling.
    Polling,
    /// A websocket.
    Websocket,
}

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::Polling, Self::Websocket];

    /// The `transport` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Websocket => "websocket",
        }
    }
}

impl ShardMetrics {
    /// A session opened.
    pub fn session_opened(&self, transport: Transport) {
        self.opened[transport as usize].add(1);
        self.open[transport as usize].add(1);
    }

    /// A session went from polling to a websocket.
    pub fn session_upgraded(&self) {
        self.open[Transport::Polling as usize].sub(1);
        self.open[Transport::Websocket as usize].add(1);
        self.upgrades.add("upgraded");
    }

    /// A session moved here from another pod, with the websocket that it upgraded to.
    pub fn session_moved(&self) {
        self.upgrades.add("moved");
    }

    /// An upgrade did not happen, for this reason.
    pub fn upgrade_failed(&self, reason: &'static str) {
        self.upgrades.add(reason);
    }

    /// A session closed.
    pub fn session_closed(&self, transport: Transport, reason: &'static str) {
        self.open[transport as usize].sub(1);
        self.closed.add(reason);
    }

    /// A websocket of another pod's session is piped here.
    pub fn relay_opened(&self) {
        self.relays.add(1);
    }

    /// It is no more.
    pub fn relay_closed(&self) {
        self.relays.sub(1);
    }

    /// A handshake was refused.
    pub fn handshake_refused(&self, reason: &'static str) {
        self.refused.add(reason);
    }

    /// A timer was looked at, so long after it was due.
    #[inline]
    pub fn loop_lag(&self, lag: Duration) {
        self.loop_lag.observe(lag, 1);
    }

    /// A message came by the bus, so long after it was published.
    #[inline]
    pub fn bus_lag(&self, lag: Duration) {
        self.bus_lag.observe(lag, 1);
    }

    /// The bus failed.
    pub fn bus_error(&self, kind: &'static str) {
        self.bus_errors.add(kind);
    }

    /// The counters of a declared namespace, under the name or pattern that the rules have for it.
    pub fn namespace(&self, label: &str) -> Arc<NamespaceMetrics> {
        let mut namespaces = self.namespaces();
        Arc::clone(&namespaces.entry(label.to_owned()).or_default().metrics)
    }

    /// The counters of its declared events; those of an earlier declaration go on.
    pub fn events<'a>(
        &self,
        label: &str,
        declared: impl IntoIterator<Item = &'a str>,
    ) -> EventMetrics {
        let mut namespaces = self.namespaces();
        let stored = namespaces.entry(label.to_owned()).or_default();
        let mut earlier = std::mem::take(&mut stored.events);
        let counters = declared.into_iter().chain([UNDECLARED]).map(|event| {
            let counter = earlier.remove(event).unwrap_or_default();
            let kept = stored.events.entry(event.to_owned()).or_insert(counter);
            Arc::clone(kept)
        });
        EventMetrics(counters.collect())
    }

    /// Forgets what is no longer declared and has no socket here any more: labels stay bounded.
    pub fn retain(&self, declared: impl Fn(&str) -> bool) {
        self.namespaces()
            .retain(|label, stored| declared(label) || stored.metrics.sockets.get() != 0);
    }

    /// Open sessions.
    pub fn sessions(&self) -> u64 {
        self.open
            .iter()
            .fold(0, |sum, open| sum.wrapping_add(open.get()))
    }

    pub(super) fn sockets(&self) -> u64 {
        let namespaces = self.namespaces();
        let sockets = namespaces
            .values()
            .map(|stored| stored.metrics.sockets.get());
        sockets.fold(0, u64::wrapping_add)
    }

    pub(super) fn namespaces(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counters of one namespace on one shard.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct NamespaceMetrics {
    pub(super) expected: Counter,
    pub(super) delivered: Counter,
    pub(super) dropped: [Counter; DropReason::ALL.len()],
    pub(super) accepted: [Counter; Source::ALL.len()],
    pub(super) sockets: Counter,
    pub(super) delivery: Histogram,
    pub(super) connects: Labelled,
    pub(super) refused: Labelled,
}

impl NamespaceMetrics {
    /// A socket is in the namespace.
    pub fn socket_connected(&self) {
        self.sockets.add(1);
    }

    /// It is no more.
    pub fn socket_disconnected(&self) {
        self.sockets.sub(1);
    }

    /// A CONNECT was answered (`accepted`, `unauthorized`, …).
    pub fn connect(&self, outcome: &'static str) {
        self.connects.add(outcome);
    }

    /// An event was refused with this code.
    pub fn event_refused(&self, code: &'static str) {
        self.refused.add(code);
    }

    /// A message was accepted for delivery.
    #[inline]
    pub fn accepted(&self, source: Source) {
        self.accepted[source as usize].add(1);
    }

    /// A message has so many recipients here.
    #[inline]
    pub fn expected(&self, recipients: u32) {
        self.expected.add(u64::from(recipients));
    }

    /// The kernel took the last byte for so many recipients.
    #[inline]
    pub fn delivered(&self, recipients: u32) {
        self.delivered.add(u64::from(recipients));
    }

    /// So many recipients will not get theirs.
    #[inline]
    pub fn dropped(&self, reason: DropReason, recipients: u32) {
        self.dropped[reason as usize].add(u64::from(recipients));
    }

    /// From accepted to taken by the kernel, for `weight` deliveries.
    #[inline]
    pub fn observe_delivery(&self, duration: Duration, weight: u32) {
        self.delivery.observe(duration, u64::from(weight));
    }
}

/// The counters of a namespace's events, in the order of their declaration.
#[derive(Debug, Clone)]
pub struct EventMetrics(Box<[Arc<EventCounter>]>);

#[derive(Debug, Default)]
pub(super) struct EventCounter(pub(super) Counter);

impl EventMetrics {
    /// An event came: the declared one of this index, or one that is not declared.
    #[inline]
    pub fn received(&self, declared: Option<usize>) {
        let other = self.0.len() - 1;
        self.0[declared.unwrap_or(other).min(other)].0.add(1);
    }
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A connected client.
    Client,
    /// The HTTP API.
    Http,
    /// Another node.
    Bus,
    /// An emitter on the bus.
    Emitter,
    /// A webhook's answer.
    Upstream,
    /// The rules themselves: `welcome`, replay.
    Rules,
}

impl Source {
    pub(super) const ALL: [Self; 6] = [
        Self::Client,
        Self::Http,
        Self::Bus,
        Self::Emitter,
        Self::Upstream,
        Self::Rules,
    ];

    /// The `source` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Http => "http",
            Self::Bus => "bus",
            Self::Emitter => "emitter",
            Self::Upstream => "upstream",
            Self::Rules => "rules",
        }
    }
}

/// Why a recipient does not get its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Its connection is being closed already.
    Closing,
    /// Its connection ended with the message unsent.
    Disconnected,
    /// The message is volatile and could not go out at once.
    Volatile,
    /// Its backlog is full.
    Backlog,
    /// It went with its session to another pod, where it is expected again.
    Moved,
}

impl DropReason {
    pub(super) const ALL: [Self; 5] = [
        Self::Closing,
        Self::Disconnected,
        Self::Volatile,
        Self::Backlog,
        Self::Moved,
    ];

    /// The `reason` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closing => "closing",
            Self::Disconnected => "disconnected",
            Self::Volatile => "volatile",
            Self::Backlog => "backlog",
            Self::Moved => "moved",
        }
    }
}
