//! Service level objectives: recorded error ratios, and alerts on how fast their budget burns.
//!
//! Two windows each, as in the SRE workbook: the long one says that it matters, the short one that it still goes on. A page is
//! 2 % of a month's budget in an hour, a ticket 5 % in six hours.

use serde_json::{Value, json};

use super::{Alert, Fleet, shown};

/// What is promised, and how its errors are counted.
struct Objective {
    /// In the names of what is recorded.
    name: &'static str,
    /// The share that may fail.
    budget: f64,
    /// `PODS` stands for the selector, `WINDOW` for the time.
    errors: &'static str,
    page: (&'static str, &'static str),
    ticket: (&'static str, &'static str),
}

const OBJECTIVES: [Objective; 3] = [
    Objective {
        name: "connects",
        budget: 0.005,
        errors: "(sum(rate(carillon_connect_total{PODS,outcome!~\"accepted|recovered\"}[WINDOW])) + (sum(rate(carillon_handshakes_refused_total{PODS,reason!=\"draining\"}[WINDOW])) or vector(0))) / ((sum(rate(carillon_connect_total{PODS}[WINDOW])) + (sum(rate(carillon_handshakes_refused_total{PODS,reason!=\"draining\"}[WINDOW])) or vector(0))) > 0)",
        page: (
            "CarillonConnectsBurn",
            "clients are refused fast enough to use up a month's budget in two days",
        ),
        ticket: (
            "CarillonConnectsBurnSlowly",
            "clients are refused fast enough to use up a month's budget in five days",
        ),
    },
    Objective {
        name: "delivery_loss",
        budget: 0.001,
        errors: "sum(rate(carillon_deliveries_dropped_total{PODS,reason=~\"backlog|closing\"}[WINDOW])) / (sum(rate(carillon_deliveries_expected_total{PODS}[WINDOW])) > 0)",
        page: (
            "CarillonDeliveryLossBurn",
            "deliveries are lost fast enough to use up a month's budget in two days",
        ),
        ticket: (
            "CarillonDeliveryLossBurnSlowly",
            "deliveries are lost fast enough to use up a month's budget in five days",
        ),
    },
    Objective {
        name: "delivery_latency",
        budget: 0.01,
        errors: "1 - sum(rate(carillon_delivery_seconds_bucket{PODS,le=\"0.1\"}[WINDOW])) / (sum(rate(carillon_delivery_seconds_count{PODS}[WINDOW])) > 0)",
        page: (
            "CarillonDeliveryLatencyBurn",
            "deliveries take more than 100 ms often enough to use up a month's budget in two days",
        ),
        ticket: (
            "CarillonDeliveryLatencyBurnSlowly",
            "deliveries take more than 100 ms often enough to use up a month's budget in five days",
        ),
    },
];

const WINDOWS: [&str; 4] = ["5m", "30m", "1h", "6h"];

/// How many times faster than evenly over a month the budget burns: long window, short window, and how long it lasts.
const PAGE: (f64, &str, &str, &str) = (14.4, "1h", "5m", "2m");
const TICKET: (f64, &str, &str, &str) = (6.0, "6h", "30m", "15m");

/// All of one fleet.
pub(super) fn rules(pods: &str, fleet: Fleet<'_>) -> Vec<Value> {
    let mut rules = Vec::new();
    for objective in &OBJECTIVES {
        for window in WINDOWS {
            rules.push(json!({
                "record": recorded(objective.name, window),
                "expr": objective.errors.replace("PODS", pods).replace("WINDOW", window),
                "labels": { "namespace": fleet.namespace, "realtimecluster": fleet.cluster },
            }));
        }
        for (severity, (factor, long, short, after), (name, summary)) in [
            ("critical", PAGE, objective.page),
            ("warning", TICKET, objective.ticket),
        ] {
            let alert = Alert {
                name,
                expression: "",
                after,
                severity,
                summary,
                description: "The share of errors is {{ $value | humanizePercentage }}. What fails is told by the labels of the metrics that the recorded ratio is made of.",
            };
            let above = |window: &str| {
                let ratio = recorded(objective.name, window);
                let named = named(fleet);
                format!("{ratio}{{{named}}} > {:.4}", factor * objective.budget)
            };
            let expression = format!("{} and {}", above(long), above(short));
            rules.push(shown(&alert, &expression, fleet));
        }
    }
    rules
}

/// The labels of what is recorded of one fleet.
pub(super) fn named(fleet: Fleet<'_>) -> String {
    let Fleet {
        namespace, cluster, ..
    } = fleet;
    format!("namespace=\"{namespace}\",realtimecluster=\"{cluster}\"")
}

fn recorded(name: &str, window: &str) -> String {
    format!("carillon:{name}:error_ratio_{window}")
}
