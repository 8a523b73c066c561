//! The families of metrics: names, kinds and help, once for the exposition and the docs.

use std::collections::HashMap;

use prometheus::core::Desc;
use prometheus::proto::MetricType;

/// One family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its label names, separated by commas.
    pub labels: &'static str,
    /// What it counts.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $name:literal $kind:ident [$labels:literal] $help:literal;)*) => {
        $(
            pub(super) const $constant: Family = Family {
                name: $name,
                kind: stringify!($kind),
                labels: $labels,
                help: $help,
            };
        )*
        /// All of them, in the order of the docs.
        pub const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    SESSIONS = "carillon_sessions" gauge ["transport"] "Open Engine.IO sessions; `relay` = websockets piped to the pod that has their session, which counts them too";
    SOCKETS = "carillon_sockets" gauge ["namespace"] "Connected sockets, one a session and namespace";
    ROOMS = "carillon_rooms" gauge ["namespace"] "Rooms with a member on this node";
    OPENED = "carillon_sessions_opened_total" counter ["transport"] "Sessions opened, by the transport they began with";
    CLOSED = "carillon_sessions_closed_total" counter ["reason"] "Sessions closed";
    CONNECTS = "carillon_connect_total" counter ["namespace, outcome"] "Answers to CONNECT; namespaces that no rule declares are `other`";
    REFUSED = "carillon_handshakes_refused_total" counter ["reason"] "Handshakes refused";
    UPGRADES = "carillon_upgrades_total" counter ["outcome"] "Upgrades from polling to a websocket";
    RECEIVED = "carillon_events_received_total" counter ["namespace, event"] "Events received; those that no rule declares are `other`";
    EVENTS_REFUSED = "carillon_events_refused_total" counter ["namespace, code"] "Events refused by the rules";
    ACCEPTED = "carillon_messages_accepted_total" counter ["namespace, source"] "Messages accepted for delivery";
    EXPECTED = "carillon_deliveries_expected_total" counter ["namespace"] "Recipients of accepted messages on this node; at rest expected = delivered + dropped + pending";
    DELIVERED = "carillon_deliveries_total" counter ["namespace"] "Deliveries whose last byte the kernel took";
    DROPPED = "carillon_deliveries_dropped_total" counter ["namespace, reason"] "Deliveries that will not happen";
    PENDING = "carillon_deliveries_pending" gauge ["namespace"] "Deliveries still to be sent";
    DELIVERY_SECONDS = "carillon_delivery_seconds" histogram ["namespace"] "From accepted to taken by the kernel; one observation a message and shard, and one in 256 deliveries";
    LOOP_LAG = "carillon_loop_lag_seconds" histogram [""] "From a session's timer being due to its shard looking at it: how far the thread is behind";
    BUS_LAG = "carillon_bus_lag_seconds" histogram [""] "From published on the bus to received";
    BUS_UP = "carillon_bus_up" gauge [""] "1 while the bus answers";
    BUS_UNSENT = "carillon_bus_unsent_total" counter [""] "Messages that other nodes did not get because the bus was away or full, or may not have got because it went away before it answered";
    BUS_GAPS = "carillon_bus_gaps_total" counter [""] "Times that this node did not hear the others; what they published on channels meanwhile it has missed";
    BUS_GAP_SECONDS = "carillon_bus_gap_seconds_total" counter [""] "How long those were together, counted at their end";
    BUS_ERRORS = "carillon_bus_errors_total" counter ["kind"] "Failures of the bus";
    BACKLOG = "carillon_backlog_bytes" gauge [""] "Bytes that connections still have to be sent";
    RECOVERY_BYTES = "carillon_recovery_bytes" gauge [""] "Bytes of messages held for clients that may come back";
    RECOVERY_SESSIONS = "carillon_recovery_sessions" gauge [""] "Sessions of clients that are away and may come back";
    RECOVERY_EVICTED = "carillon_recovery_evicted_total" counter ["what"] "Held `messages` and `sessions` that were forgotten before their time, because the bound on bytes was reached";
    RULES_INFO = "carillon_rules_info" gauge ["hash"] "1, with the hash of the rules in force";
    RULES_LOADED = "carillon_rules_loaded_timestamp_seconds" gauge [""] "When the rules in force were loaded";
    RULES_REJECTED = "carillon_rules_rejected_total" counter [""] "Rules documents refused since the start";
    LIMIT_RATIO = "carillon_limit_ratio" gauge ["resource"] "Use of `connections`, `memory` and `file_descriptors` against their limits";
    DRAINING = "carillon_draining" gauge [""] "1 while the process is draining";
    DRAIN_STATE = "carillon_drain_state" gauge ["state"] "1 for where the drain is: `serving` (there is none), `holding`, `closing`, `overdue`; what remains is the sum of `carillon_sessions`";
    DRAIN_CLOSED = "carillon_drain_closed_total" counter ["by"] "Sessions and pipes that the drain closed: at the `budget` of the fleet, at the node's own `share` of it while Redis is away, at the `local` pace where there is no Redis, or at once at the `timeout`";
    LOG_DROPPED = "carillon_log_lines_dropped_total" counter [""] "Log lines lost because the reader of the log was too slow";
    BUILD = "carillon_build_info" gauge ["version"] "1, with the version of this build";
    CPU = "process_cpu_seconds_total" counter [""] "User and system CPU time";
    RESIDENT = "process_resident_memory_bytes" gauge [""] "Resident memory";
    VIRTUAL = "process_virtual_memory_bytes" gauge [""] "Virtual memory";
    OPEN_FDS = "process_open_fds" gauge [""] "Open file descriptors";
    MAX_FDS = "process_max_fds" gauge [""] "The limit of open file descriptors";
    THREADS = "process_threads" gauge [""] "Threads";
    START = "process_start_time_seconds" gauge [""] "When the process started, in seconds since the epoch";
}

impl Family {
    pub(super) fn label_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.labels.split(", ").filter(|name| !name.is_empty())
    }

    pub(super) fn metric_type(&self) -> MetricType {
        match self.kind {
            "counter" => MetricType::COUNTER,
            "histogram" => MetricType::HISTOGRAM,
            _ => MetricType::GAUGE,
        }
    }

    pub(super) fn desc(&self) -> prometheus::Result<Desc> {
        let labels = self.label_names().map(str::to_owned).collect();
        Desc::new(self.name.into(), self.help.into(), labels, HashMap::new())
    }
}

/// All families as a Markdown table, for the docs.
pub fn markdown() -> String {
    let mut text = String::from("| name | kind | labels | what |\n|---|---|---|---|\n");
    for Family {
        name,
        kind,
        labels,
        help,
    } in ALL
    {
        text.push_str(&format!("| `{name}` | {kind} | {labels} | {help} |\n"));
    }
    text
}
