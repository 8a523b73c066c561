//! One fleet, by what its pods say of themselves.

use super::model::Form::{Lines, Stack, Stat, Table, Up};
use super::model::{Dashboard, Many, Row, Variable, row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        key: "fleet",
        title: "Fleet",
        about: "The pods of one RealtimeCluster: clients, messages, the bus, rules, drains and recovery.",
        variables: variables().into(),
        rows: vec![
            now(),
            clients(),
            messages(),
            bus(),
            rules_and_drains(),
            pods(),
            recovery(),
        ],
    }
}

/// Which fleet, by the names of its pods: their metrics do not name it.
pub(super) fn variables() -> [Variable; 3] {
    [
        Variable {
            name: "cluster",
            label: "Kubernetes cluster",
            values: ("carillon_build_info", "cluster"),
            regex: "",
            many: Many::Any,
        },
        Variable {
            name: "namespace",
            label: "Kubernetes namespace",
            values: ("carillon_build_info{cluster=~\"$cluster\"}", "namespace"),
            regex: "",
            many: Many::One,
        },
        Variable {
            name: "name",
            label: "RealtimeCluster",
            values: (
                "carillon_build_info{cluster=~\"$cluster\",namespace=\"$namespace\"}",
                "pod",
            ),
            regex: "/^(.+)-[a-z0-9]+-[a-z0-9]{5}$/",
            many: Many::One,
        },
    ]
}

fn now() -> Row {
    row(
        "Now",
        [
            Stat.panel("Connections", "short", "Open sessions of all pods. A websocket that is piped to another pod counts where its session is.")
                .sum("connections", "carillon_sessions{PODS,transport!=\"relay\"}"),
            Stat.panel("Pods", "short", "Pods that Prometheus sees, those that drain among them.")
                .ask("count(carillon_build_info{PODS}) or vector(0)", "pods"),
            Up.panel("Bus", "none", "Whether every pod reaches Redis. A pod on the bus in memory is always up.")
                .ask("min(carillon_bus_up{PODS})", "bus")
                .alert("CarillonBusDown"),
            Stat.panel("Delivery, 99th percentile", "s", "From a message being accepted to the kernel taking it for a client.")
                .ask("histogram_quantile(0.99, sum by (le) (rate(carillon_delivery_seconds_bucket{PODS}[WINDOW])))", "p99")
                .bad_from(0.1)
                .alert("CarillonSlowDelivery"),
            Stat.panel("Connects refused", "percentunit", "The share of clients that connect, or come back, and are refused by a pod or by the rules. What a pod that drains sends elsewhere does not count.")
                .ask(REFUSED, "refused")
                .bad_from(0.05)
                .alert("CarillonConnectsFail"),
            Stat.panel("Alerts that fire", "short", "Of this fleet's PrometheusRule.")
                .sum("alerts", "ALERTS{alertstate=\"firing\",namespace=\"$namespace\",realtimecluster=\"$name\"}")
                .bad_from(1.0),
        ],
    )
}

fn clients() -> Row {
    row(
        "Clients",
        [
            Stack.panel("Connections by transport", "short", "Open sessions. `relay` is not among them: those are counted where their session is.")
                .each("transport", "{{transport}}", "carillon_sessions{PODS,transport!=\"relay\"}"),
            Lines.panel("Connections by pod", "short", "One pod far above the others: the load balancer deals unevenly, or clients have not moved since the last scale-up.")
                .each("pod", "{{pod}}", "carillon_sessions{PODS,transport!=\"relay\"}")
                .alert("CarillonNearLimit"),
            Lines.panel("Connects by outcome", "reqps", "Answers to CONNECT. `recovered`: the client is back with its rooms and what it missed.")
                .by("outcome", "{{outcome}}", "rate(carillon_connect_total{PODS}[WINDOW])")
                .alert("CarillonConnectsFail"),
            Lines.panel("Disconnects by reason", "cps", "Sessions that closed. `moved` went on at another pod.")
                .by("reason", "{{reason}}", "rate(carillon_sessions_closed_total{PODS}[WINDOW])")
                .alert("CarillonDisconnects"),
            Lines.panel("Handshakes refused by reason", "reqps", "Limits of a pod or of one address, origins, and pods that drain.")
                .by("reason", "{{reason}}", "rate(carillon_handshakes_refused_total{PODS}[WINDOW])")
                .alert("CarillonConnectsFail"),
            Lines.panel("Upgrades by outcome", "cps", "From polling to a websocket. None upgraded although clients ask: a proxy does not pass `Upgrade`.")
                .by("outcome", "{{outcome}}", "rate(carillon_upgrades_total{PODS}[WINDOW])"),
        ],
    )
}

fn messages() -> Row {
    row(
        "Messages",
        [
            Lines.panel("Events in", "eps", "Events that clients send, and those of them that the rules refuse.")
                .sum("received", "rate(carillon_events_received_total{PODS}[WINDOW])")
                .sum("refused", "rate(carillon_events_refused_total{PODS}[WINDOW])")
                .alert("CarillonEventRate")
                .alert("CarillonEventsRefused"),
            Stack.panel("Messages accepted by source", "mps", "What is to be delivered: from clients of the pod, the HTTP API (`http`), other pods (`bus`), emitters and backends.")
                .by("source", "{{source}}", "rate(carillon_messages_accepted_total{PODS}[WINDOW])"),
            Lines.panel("Deliveries", "mps", "One a recipient. Expected beyond delivered for long: clients do not read.")
                .sum("expected", "rate(carillon_deliveries_expected_total{PODS}[WINDOW])")
                .sum("delivered", "rate(carillon_deliveries_total{PODS}[WINDOW])"),
            Lines.panel("Delivery latency", "s", "From a message being accepted to the kernel taking it for a client.")
                .quantiles("carillon_delivery_seconds", "PODS")
                .bad_from(0.1)
                .alert("CarillonSlowDelivery"),
            Lines.panel("Deliveries dropped by reason", "mps", "`backlog`: the client reads too slowly. `volatile` messages are meant to be dropped; who has gone (`disconnected`) is sent nothing more.")
                .by("reason", "{{reason}}", "rate(carillon_deliveries_dropped_total{PODS}[WINDOW])")
                .alert("CarillonDeliveriesDropped"),
            Lines.panel("Slow clients", "bytes", "Bytes that connections still have to be sent, by pod.")
                .each("pod", "{{pod}}", "carillon_backlog_bytes{PODS}")
                .alert("CarillonDeliveriesDropped"),
        ],
    )
}

fn bus() -> Row {
    row(
        "Bus",
        [
            Lines.panel("Pods that reach Redis", "short", "Beside all pods. Without Redis a pod delivers to its own clients only.")
                .ask("sum(carillon_bus_up{PODS})", "up")
                .ask("count(carillon_bus_up{PODS})", "all")
                .alert("CarillonBusDown"),
            Lines.panel("Bus lag", "s", "From a message being published on the bus to a pod having it.")
                .quantiles("carillon_bus_lag_seconds", "PODS"),
            Lines.panel("Bus losses and errors", "short", "Messages that other pods did not get, times that a pod did not hear the others, and failures by kind.")
                .sum("unsent", "increase(carillon_bus_unsent_total{PODS}[WINDOW])")
                .sum("gaps", "increase(carillon_bus_gaps_total{PODS}[WINDOW])")
                .by("kind", "error {{kind}}", "increase(carillon_bus_errors_total{PODS}[WINDOW])")
                .alert("CarillonBusUnsent"),
        ],
    )
}

fn rules_and_drains() -> Row {
    row(
        "Rules and drains",
        [
            Table.panel("Rules by pod", "none", "The hash of the rules that each pod serves by: all the same, unless an edit is on its way or was refused.")
                .ask("group by (pod, hash) (carillon_rules_info{PODS})", "{{pod}}")
                .alert("CarillonRulesRejected"),
            Lines.panel("Age of the rules by pod", "s", "Since a pod has loaded them.")
                .ask("time() - max by (pod) (carillon_rules_loaded_timestamp_seconds{PODS})", "{{pod}}"),
            Lines.panel("Edits of the rules refused", "short", "By all pods, in the window. They go on with the last good rules.")
                .sum("refused", "increase(carillon_rules_rejected_total{PODS}[WINDOW])")
                .alert("CarillonRulesRejected"),
            Stack.panel("Pods by state of drain", "short", "`holding`: the load balancer is being told; `closing`: at the budget; `overdue`: what is left is closed at once.")
                .each("state", "{{state}}", "carillon_drain_state{PODS}")
                .alert("CarillonDrainOverdue"),
            Lines.panel("Sessions closed by drains", "cps", "At the fleet's `budget`, a pod's own `share` of it while Redis is away, the `local` pace without Redis, or at the `timeout`.")
                .by("by", "{{by}}", "rate(carillon_drain_closed_total{PODS}[WINDOW])")
                .alert("CarillonDrainOverdue"),
            Table.panel("Versions by pod", "none", "The version of the gateway that each pod runs.")
                .ask("group by (pod, version) (carillon_build_info{PODS})", "{{pod}}"),
        ],
    )
}

fn pods() -> Row {
    row(
        "Pods",
        [
            Lines.panel("CPU by pod", "short", "Cores, user and system.")
                .each("pod", "{{pod}}", "rate(process_cpu_seconds_total{PODS}[WINDOW])"),
            Lines.panel("Memory by pod", "bytes", "Resident.")
                .each("pod", "{{pod}}", "process_resident_memory_bytes{PODS}")
                .alert("CarillonNearLimit"),
            Lines.panel("Use of limits", "percentunit", "The pod that is nearest to its limit, by resource. At the limit, and at 85 % of the memory, handshakes are refused; at 95 % of the memory the largest backlogs are cut.")
                .ask("max by (resource) (carillon_limit_ratio{PODS})", "{{resource}}")
                .bad_from(0.85)
                .alert("CarillonNearLimit"),
            Lines.panel("Loop lag", "s", "How late the threads look at their timers: more than some milliseconds are a want of processor time.")
                .quantiles("carillon_loop_lag_seconds", "PODS")
                .bad_from(0.1)
                .alert("CarillonLoopLag"),
            Lines.panel("Log lines lost", "cps", "The reader of the log is slower than the pod writes.")
                .sum("lost", "rate(carillon_log_lines_dropped_total{PODS}[WINDOW])"),
        ],
    )
}

fn recovery() -> Row {
    row(
        "Recovery",
        [
            Lines
                .panel("Clients away", "short", "Sessions that may come back.")
                .sum("away", "carillon_recovery_sessions{PODS}"),
            Lines
                .panel(
                    "Clients recovered",
                    "reqps",
                    "Connects of clients that are back with their rooms and what they missed.",
                )
                .sum(
                    "recovered",
                    "rate(carillon_connect_total{PODS,outcome=\"recovered\"}[WINDOW])",
                ),
            Lines
                .panel(
                    "Bytes held",
                    "bytes",
                    "Messages that are held for clients that may come back, by pod.",
                )
                .each("pod", "{{pod}}", "carillon_recovery_bytes{PODS}"),
            Lines
                .panel(
                    "Forgotten before their time",
                    "cps",
                    "What was held and had to go because the bound on bytes was reached.",
                )
                .by(
                    "what",
                    "{{what}}",
                    "rate(carillon_recovery_evicted_total{PODS}[WINDOW])",
                ),
        ],
    )
}

/// Without clients that connect the share is none.
const REFUSED: &str = "((sum(rate(carillon_connect_total{PODS,outcome!~\"accepted|recovered\"}[WINDOW])) or vector(0)) + (sum(rate(carillon_handshakes_refused_total{PODS,reason!=\"draining\"}[WINDOW])) or vector(0))) / ((sum(rate(carillon_connect_total{PODS}[WINDOW])) + (sum(rate(carillon_handshakes_refused_total{PODS,reason!=\"draining\"}[WINDOW])) or vector(0))) > 0) or vector(0)";
