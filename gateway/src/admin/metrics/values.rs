//! The values of labels that are closed sets. The docs list these, and a debug build shows no other: whoever adds one is told.

use super::families::{self as f, Family};

/// The values of one label of a family.
#[derive(Debug)]
struct Values {
    family: Family,
    label: &'static str,
    /// Each with what it means, where the word does not say it.
    values: &'static [(&'static str, &'static str)],
    /// [`CODES`] are values too.
    codes: bool,
}

/// Labels of which there are as many values as there are namespaces, events, rules and versions.
const OPEN: [&str; 4] = ["namespace", "event", "hash", "version"];

/// The codes of refusals, which the docs of the rules explain.
const CODES: [&str; 11] = [
    "rate_limited",
    "forbidden",
    "invalid",
    "repeated",
    "busy",
    "unavailable",
    "upstream_failed",
    "unknown_event",
    "payload_too_large",
    "too_many_rooms",
    "namespace_removed",
];

const fn closed(
    family: Family,
    label: &'static str,
    values: &'static [(&'static str, &'static str)],
) -> Values {
    Values {
        family,
        label,
        values,
        codes: false,
    }
}

const ALL: &[Values] = &[
    closed(
        f::SESSIONS,
        "transport",
        &[
            ("polling", ""),
            ("websocket", ""),
            ("relay", "a websocket piped to the pod that has its session"),
        ],
    ),
    closed(
        f::OPENED,
        "transport",
        &[("polling", ""), ("websocket", "")],
    ),
    closed(
        f::CLOSED,
        "reason",
        &[
            ("transport close", ""),
            ("transport error", ""),
            ("ping timeout", ""),
            ("parse error", ""),
            ("forced close", "by the server"),
            ("backlog", "more waited for the client than it may"),
            ("overload", "cut for memory"),
            ("server shutting down", "drained"),
            ("moved", "to another pod"),
        ],
    ),
    closed(
        f::REFUSED,
        "reason",
        &[
            ("origin", ""),
            ("draining", ""),
            ("memory", ""),
            ("connections", ""),
            ("rate", ""),
            ("address_connections", ""),
            ("address_rate", ""),
        ],
    ),
    Values {
        codes: true,
        ..closed(
            f::CONNECTS,
            "outcome",
            &[("accepted", ""), ("recovered", "")],
        )
    },
    closed(
        f::UPGRADES,
        "outcome",
        &[
            ("upgraded", ""),
            ("moved", "from another pod"),
            ("timeout", ""),
            ("gone", "the websocket closed"),
            ("refused", "the websocket broke the protocol"),
        ],
    ),
    Values {
        codes: true,
        ..closed(f::EVENTS_REFUSED, "code", &[])
    },
    closed(
        f::ACCEPTED,
        "source",
        &[
            ("client", ""),
            ("http", ""),
            ("bus", "another node"),
            ("emitter", ""),
            ("upstream", "a webhook's answer: 0 in this version"),
            ("rules", "`welcome`, `replay`"),
        ],
    ),
    closed(
        f::DROPPED,
        "reason",
        &[
            ("closing", "the connection was being closed"),
            ("disconnected", "it ended with the message unsent"),
            ("volatile", ""),
            ("backlog", ""),
            ("moved", "with its session to another pod"),
        ],
    ),
    closed(f::BUS_ERRORS, "kind", BUS_ERRORS),
    closed(
        f::RECOVERY_EVICTED,
        "what",
        &[("messages", ""), ("sessions", "")],
    ),
    closed(
        f::LIMIT_RATIO,
        "resource",
        &[
            ("connections", ""),
            ("memory", ""),
            ("file_descriptors", ""),
        ],
    ),
    closed(
        f::DRAIN_STATE,
        "state",
        &[
            ("serving", "there is no drain"),
            ("holding", "all is served still, and load balancers learn"),
            ("closing", "sessions are closed at the pace"),
            ("overdue", "the timeout is over: what was left is closed"),
        ],
    ),
    closed(
        f::DRAIN_CLOSED,
        "by",
        &[
            ("budget", "of the fleet"),
            ("share", "the node's own of it, while Redis is away"),
            ("local", "the pace where there is no Redis"),
            ("timeout", ""),
        ],
    ),
];

const BUS_ERRORS: &[(&str, &str)] = &[
    ("closed", "the connection broke, or there is none"),
    ("timeout", "Redis did not answer in time"),
    ("loading", "it is starting, or busy"),
    ("readonly", "a replica answered"),
    ("oom", "Redis is full"),
    ("noauth", "the password is wrong or missing"),
    ("noperm", "its user may not do it"),
    (
        "tls",
        "the certificate is not to be trusted, or there is no TLS",
    ),
    ("no_master", "no Sentinel names one"),
    ("moved", "a slot of a Redis Cluster is elsewhere or away"),
    ("alone", "a node of a Redis Cluster does not see the others"),
    ("elsewhere", "the settings name another Redis now"),
    ("server", "another error of Redis"),
    ("protocol", "an answer that is not understood"),
    ("url", "the file with the URL cannot be read, or holds none"),
    ("down", "not sent: Redis is away"),
    ("queue_full", "not sent: Redis takes less than is published"),
    (
        "listen_full",
        "not heard: more came than the node could take",
    ),
    (
        "inbox_full",
        "not delivered here: a shard is too far behind",
    ),
    (
        "held_full",
        "own messages went out before the stream showed them",
    ),
    ("stream_full", "what recovery still needs was cut"),
    ("stream_gap", "entries were cut before they were read"),
    ("entry", "an entry of a stream that is not understood"),
    ("session", "a session was not written"),
    ("room_unheard", "a room is not known to be heard"),
    (
        "shard_timeout",
        "a request of another server got no answer here",
    ),
    (
        "other_mode",
        "servers of another mode stand on the same Redis",
    ),
    ("malformed", "a message of another server is not understood"),
    ("length", "the same: it has the wrong length"),
    ("depth", "the same: it nests too deep"),
    ("field", "the same: a field is missing, or of another type"),
    ("kind", "the same: it is of no known type"),
    (
        "namespace",
        "the same: it names another namespace than its channel",
    ),
    ("placeholder", "the same: an attachment is missing"),
];

/// Whether the docs list this value of this label, or need not.
pub(super) fn is_known(family: &Family, label: &str, value: &str) -> bool {
    if OPEN.contains(&label) {
        return true;
    }
    let found = ALL
        .iter()
        .find(|known| known.family.name == family.name && known.label == label);
    found.is_some_and(|Values { values, codes, .. }| {
        values.iter().any(|(known, _)| *known == value) || (*codes && CODES.contains(&value))
    })
}

/// The closed sets as a Markdown table, for the docs.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let mut text = String::from("| metric, label | values |\n|---|---|\n");
    for Values {
        family,
        label,
        values,
        codes,
    } in ALL
    {
        let told = |&(value, meaning): &(&str, &str)| match meaning {
            "" => format!("`{value}`"),
            _ => format!("`{value}` ({meaning})"),
        };
        let mut told: Vec<_> = values.iter().map(told).collect();
        if *codes {
            told.push("the [codes of refusals](rules.md#an-event)".to_owned());
        }
        let (name, told) = (family.name, told.join(", "));
        text.push_str(&format!("| `{name}` `{label}` | {told} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Closing, DrainState, DropReason, Source, Transport};
    use super::*;
    use crate::policy::Code;

    #[test]
    fn every_label_is_open_or_listed() {
        for family in f::ALL {
            for label in family.label_names() {
                let is_listed = ALL
                    .iter()
                    .any(|known| known.family.name == family.name && known.label == label);
                assert_ne!(is_listed, OPEN.contains(&label), "{} {label}", family.name);
            }
        }
    }

    #[test]
    fn another_value_of_a_closed_set_is_not_known() {
        for (value, known) in [("gone", true), ("went", false), ("forbidden", false)] {
            assert_eq!(is_known(&f::UPGRADES, "outcome", value), known, "{value}");
        }
        assert!(is_known(&f::CONNECTS, "outcome", "forbidden"));
        assert!(is_known(&f::SOCKETS, "namespace", "/politics"));
    }

    #[test]
    fn what_is_listed_is_what_there_is() {
        let listed = |family: Family| {
            let found = ALL.iter().find(|known| known.family.name == family.name);
            let values = found.unwrap().values.iter();
            values.map(|(value, _)| *value).collect::<BTreeSet<_>>()
        };
        assert_eq!(listed(f::ACCEPTED), Source::ALL.map(Source::label).into());
        let reasons = DropReason::ALL.map(DropReason::label);
        assert_eq!(listed(f::DROPPED), reasons.into());
        let states = DrainState::ALL.map(DrainState::label);
        assert_eq!(listed(f::DRAIN_STATE), states.into());
        let closings = Closing::ALL.map(Closing::label);
        assert_eq!(listed(f::DRAIN_CLOSED), closings.into());
        let transports = Transport::ALL.map(Transport::label);
        assert_eq!(listed(f::OPENED), transports.into());
        assert_eq!(CODES, Code::ALL.map(Code::code));
    }
}
