//! The Socket.IO namespaces of one fleet. Prometheus calls them `exported_namespace`, since `namespace` is that of the pods.

use super::fleet;
use super::model::Form::{Lines, Stack, Stat};
use super::model::{Dashboard, Many, Row, Variable, row};

pub(super) fn dashboard() -> Dashboard {
    let socketio = Variable {
        name: "socketio",
        label: "Socket.IO namespace",
        values: (
            "carillon_sockets{cluster=~\"$cluster\",namespace=\"$namespace\",pod=~\"${name}-[a-z0-9]+-[a-z0-9]{5}\"}",
            "exported_namespace",
        ),
        regex: "",
        many: Many::Any,
    };
    Dashboard {
        key: "namespaces",
        title: "Namespaces",
        about: "The Socket.IO namespaces of one RealtimeCluster: sockets, rooms, events and deliveries.",
        variables: fleet::variables().into_iter().chain([socketio]).collect(),
        rows: vec![now(), sockets(), events(), deliveries()],
    }
}

fn now() -> Row {
    row(
        "Now",
        [
            Stat.panel("Sockets", "short", "Connected sockets: one a session and namespace.")
                .sum("sockets", "carillon_sockets{PODS,SOCKETIO}"),
            Stat.panel("Rooms", "short", "Rooms with a member, counted at each pod that has one.")
                .sum("rooms", "carillon_rooms{PODS,SOCKETIO}"),
            Stat.panel("Events in", "eps", "Events that clients send.")
                .sum("events", "rate(carillon_events_received_total{PODS,SOCKETIO}[WINDOW])"),
            Stat.panel("Deliveries", "mps", "Messages taken by the kernel, one a recipient.")
                .sum("deliveries", "rate(carillon_deliveries_total{PODS,SOCKETIO}[WINDOW])"),
            Stat.panel("Delivery, 99th percentile", "s", "From a message being accepted to the kernel taking it for a client.")
                .ask("histogram_quantile(0.99, sum by (le) (rate(carillon_delivery_seconds_bucket{PODS,SOCKETIO}[WINDOW])))", "p99")
                .bad_from(0.1)
                .alert("CarillonSlowDelivery"),
            Stat.panel("Events refused", "percentunit", "The share of events that the rules refuse.")
                .ask("(sum(rate(carillon_events_refused_total{PODS,SOCKETIO}[WINDOW])) / (sum(rate(carillon_events_received_total{PODS,SOCKETIO}[WINDOW])) > 0)) or vector(0)", "refused")
                .bad_from(0.1)
                .alert("CarillonEventsRefused"),
        ],
    )
}

fn sockets() -> Row {
    row(
        "Sockets and rooms",
        [
            Stack.panel("Sockets by namespace", "short", "Connected sockets.")
                .each("exported_namespace", "{{exported_namespace}}", "carillon_sockets{PODS,SOCKETIO}"),
            Lines.panel("Rooms by namespace", "short", "Rooms with a member, counted at each pod that has one.")
                .each("exported_namespace", "{{exported_namespace}}", "carillon_rooms{PODS,SOCKETIO}"),
            Lines.panel("Connects by outcome", "reqps", "Answers to CONNECT: what is neither `accepted` nor `recovered` was refused by the rules.")
                .by("outcome", "{{outcome}}", "rate(carillon_connect_total{PODS,SOCKETIO}[WINDOW])")
                .alert("CarillonConnectsFail"),
        ],
    )
}

fn events() -> Row {
    row(
        "Events",
        [
            Stack.panel("Events by name", "eps", "Events received; those that no rule names are `other`.")
                .by("event", "{{event}}", "rate(carillon_events_received_total{PODS,SOCKETIO}[WINDOW])")
                .alert("CarillonEventRate"),
            Lines.panel("Events refused by code", "eps", "Why the rules refuse: `invalid`, `forbidden`, `rate_limited`, `repeated` and others of docs/rules.md.")
                .by("code", "{{code}}", "rate(carillon_events_refused_total{PODS,SOCKETIO}[WINDOW])")
                .alert("CarillonEventsRefused"),
            Lines.panel("Rate limits by namespace", "eps", "Events refused because a client sends more than the rules allow.")
                .by("exported_namespace", "{{exported_namespace}}", "rate(carillon_events_refused_total{PODS,SOCKETIO,code=\"rate_limited\"}[WINDOW])")
                .alert("CarillonEventsRefused"),
            Stack.panel("Messages accepted by source", "mps", "From clients of the pod, the HTTP API (`http`), other pods (`bus`), emitters and backends.")
                .by("source", "{{source}}", "rate(carillon_messages_accepted_total{PODS,SOCKETIO}[WINDOW])"),
            Lines.panel("Recipients of a message", "short", "How many clients of a pod one message goes to, on average.")
                .ask("(sum by (exported_namespace) (rate(carillon_deliveries_expected_total{PODS,SOCKETIO}[WINDOW])) / (sum by (exported_namespace) (rate(carillon_messages_accepted_total{PODS,SOCKETIO}[WINDOW])) > 0)) or on () vector(0)", "{{exported_namespace}}"),
        ],
    )
}

fn deliveries() -> Row {
    row(
        "Deliveries",
        [
            Lines.panel("Deliveries by namespace", "mps", "Messages taken by the kernel, one a recipient.")
                .by("exported_namespace", "{{exported_namespace}}", "rate(carillon_deliveries_total{PODS,SOCKETIO}[WINDOW])"),
            Lines.panel("Delivery latency", "s", "From a message being accepted to the kernel taking it for a client.")
                .quantiles("carillon_delivery_seconds", "PODS,SOCKETIO")
                .bad_from(0.1)
                .alert("CarillonSlowDelivery"),
            Lines.panel("Delivery, 99th percentile by namespace", "s", "The slowest namespaces first in the tooltip.")
                .ask("histogram_quantile(0.99, sum by (exported_namespace, le) (rate(carillon_delivery_seconds_bucket{PODS,SOCKETIO}[WINDOW])))", "{{exported_namespace}}")
                .bad_from(0.1)
                .alert("CarillonSlowDelivery"),
            Lines.panel("Deliveries dropped by reason", "mps", "`backlog` and `closing` are losses; `volatile` messages are meant to be dropped, and who has gone (`disconnected`) is sent nothing more.")
                .by("reason", "{{reason}}", "rate(carillon_deliveries_dropped_total{PODS,SOCKETIO}[WINDOW])")
                .alert("CarillonDeliveriesDropped"),
            Lines.panel("Deliveries pending", "short", "Still to be sent.")
                .each("exported_namespace", "{{exported_namespace}}", "carillon_deliveries_pending{PODS,SOCKETIO}"),
        ],
    )
}
