//! What Prometheus makes of the alerts of a fleet: which fire on which series, and which do not.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

use std::fs;
use std::path::Path;

use carillon_tests::promtool::{Case, check};
use serde_json::Value;

const CASES: &[Case] = &[
    Case {
        series: &[("carillon_bus_up{OURS}", "1 0x9")],
        after: "3m",
        firing: &["CarillonBusDown"],
    },
    Case {
        series: &[
            ("carillon_bus_up{OURS}", "1 1 0 1x9"),
            ("carillon_bus_up{OTHERS}", "0x9"),
        ],
        after: "5m",
        firing: &[],
    },
    Case {
        series: &[("carillon_rules_rejected_total{OURS}", "0 0 1x9")],
        after: "5m",
        firing: &["CarillonRulesRejected"],
    },
    Case {
        series: &[("carillon_rules_rejected_total{OURS}", "3x30")],
        after: "20m",
        firing: &[],
    },
    Case {
        series: &[(
            "carillon_limit_ratio{OURS,resource=\"connections\"}",
            "0.9x9",
        )],
        after: "6m",
        firing: &["CarillonNearLimit"],
    },
    Case {
        series: &[(
            "carillon_limit_ratio{OURS,resource=\"connections\"}",
            "0.8x9",
        )],
        after: "6m",
        firing: &[],
    },
    Case {
        series: &[
            ("carillon_sessions{OURS,transport=\"websocket\"}", "100x20"),
            (
                "carillon_sessions_closed_total{OURS,reason=\"ping timeout\"}",
                "0+30x20",
            ),
        ],
        after: "12m",
        firing: &["CarillonDisconnects"],
    },
    // What moves to another pod is not lost, and of a few clients a fifth is not many.
    Case {
        series: &[
            ("carillon_sessions{OURS,transport=\"websocket\"}", "100x20"),
            (
                "carillon_sessions_closed_total{OURS,reason=\"moved\"}",
                "0+30x20",
            ),
            (
                "carillon_sessions_closed_total{OURS,reason=\"transport close\"}",
                "0+10x20",
            ),
        ],
        after: "12m",
        firing: &[],
    },
    Case {
        series: &[
            (
                "carillon_connect_total{OURS,outcome=\"accepted\"}",
                "0+90x40",
            ),
            (
                "carillon_connect_total{OURS,outcome=\"unauthorized\"}",
                "0+5x40",
            ),
            (
                "carillon_handshakes_refused_total{OURS,reason=\"connections\"}",
                "0+5x40",
            ),
        ],
        after: "20m",
        firing: &[
            "CarillonConnectsBurn",
            "CarillonConnectsBurnSlowly",
            "CarillonConnectsFail",
        ],
    },
    // A pod that drains refuses handshakes, which go elsewhere.
    Case {
        series: &[
            (
                "carillon_connect_total{OURS,outcome=\"recovered\"}",
                "0+90x40",
            ),
            (
                "carillon_handshakes_refused_total{OURS,reason=\"draining\"}",
                "0+50x40",
            ),
        ],
        after: "20m",
        firing: &[],
    },
    Case {
        series: &[
            (
                "carillon_delivery_seconds_bucket{OURS,le=\"0.1\"}",
                "0+70x40",
            ),
            (
                "carillon_delivery_seconds_bucket{OURS,le=\"1\"}",
                "0+100x40",
            ),
            (
                "carillon_delivery_seconds_bucket{OURS,le=\"+Inf\"}",
                "0+100x40",
            ),
            ("carillon_delivery_seconds_count{OURS}", "0+100x40"),
        ],
        after: "20m",
        firing: &[
            "CarillonDeliveryLatencyBurn",
            "CarillonDeliveryLatencyBurnSlowly",
            "CarillonSlowDelivery",
        ],
    },
    Case {
        series: &[
            (
                "carillon_delivery_seconds_bucket{OURS,le=\"0.1\"}",
                "0+1000x40",
            ),
            (
                "carillon_delivery_seconds_bucket{OURS,le=\"+Inf\"}",
                "0+1000x40",
            ),
            ("carillon_delivery_seconds_count{OURS}", "0+1000x40"),
        ],
        after: "20m",
        firing: &[],
    },
    Case {
        series: &[
            ("carillon_deliveries_expected_total{OURS}", "0+1000x40"),
            (
                "carillon_deliveries_dropped_total{OURS,reason=\"backlog\"}",
                "0+20x40",
            ),
        ],
        after: "20m",
        firing: &[
            "CarillonDeliveriesDropped",
            "CarillonDeliveryLossBurn",
            "CarillonDeliveryLossBurnSlowly",
        ],
    },
    // Slowly enough that it is no page.
    Case {
        series: &[
            ("carillon_deliveries_expected_total{OURS}", "0+1000x400"),
            (
                "carillon_deliveries_dropped_total{OURS,reason=\"backlog\"}",
                "0+8x400",
            ),
        ],
        after: "390m",
        firing: &["CarillonDeliveryLossBurnSlowly"],
    },
    // Who has gone is sent nothing more, and volatile messages are meant to be dropped.
    Case {
        series: &[
            ("carillon_deliveries_expected_total{OURS}", "0+1000x40"),
            (
                "carillon_deliveries_dropped_total{OURS,reason=\"volatile\"}",
                "0+900x40",
            ),
            (
                "carillon_deliveries_dropped_total{OURS,reason=\"disconnected\"}",
                "0+50x40",
            ),
        ],
        after: "20m",
        firing: &[],
    },
    Case {
        series: &[(
            "carillon_events_received_total{OURS,event=\"vote\"}",
            "0+600x70 42000+12000x20",
        )],
        after: "82m",
        firing: &["CarillonEventRate"],
    },
    Case {
        series: &[(
            "carillon_events_received_total{OURS,event=\"vote\"}",
            "0+600x70 42000+1200x20",
        )],
        after: "82m",
        firing: &[],
    },
    Case {
        series: &[
            (
                "carillon_events_received_total{OURS,event=\"vote\"}",
                "0+100x40",
            ),
            (
                "carillon_events_refused_total{OURS,code=\"invalid\"}",
                "0+20x40",
            ),
            (
                "carillon_events_refused_total{OURS,code=\"rate_limited\"}",
                "0+5x40",
            ),
        ],
        after: "20m",
        firing: &["CarillonEventsRefused"],
    },
    Case {
        series: &[
            (
                "carillon_events_received_total{OURS,event=\"vote\"}",
                "0+100x40",
            ),
            (
                "carillon_events_refused_total{OURS,code=\"invalid\"}",
                "0+9x40",
            ),
        ],
        after: "20m",
        firing: &[],
    },
    Case {
        series: &[("carillon_limit_ratio{OURS,resource=\"memory\"}", "0.8x9")],
        after: "6m",
        firing: &["CarillonNearLimit"],
    },
    Case {
        series: &[
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"0.1\"}",
                "0+80x20",
            ),
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"0.25\"}",
                "0+100x20",
            ),
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"+Inf\"}",
                "0+100x20",
            ),
        ],
        after: "12m",
        firing: &["CarillonLoopLag"],
    },
    Case {
        series: &[
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"0.1\"}",
                "0+95x20",
            ),
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"0.25\"}",
                "0+100x20",
            ),
            (
                "carillon_loop_lag_seconds_bucket{OURS,le=\"+Inf\"}",
                "0+100x20",
            ),
        ],
        after: "12m",
        firing: &[],
    },
    // It was so in the past.
    Case {
        series: &[("carillon_bus_unsent_total{OURS}", "7x20")],
        after: "12m",
        firing: &[],
    },
    Case {
        series: &[("carillon_bus_unsent_total{OURS}", "0 0 7x9")],
        after: "4m",
        firing: &["CarillonBusUnsent"],
    },
    Case {
        series: &[("carillon_drain_state{OURS,state=\"overdue\"}", "0 1x9")],
        after: "2m",
        firing: &["CarillonDrainOverdue"],
    },
    Case {
        series: &[("carillon_drain_state{OURS,state=\"closing\"}", "1x9")],
        after: "2m",
        firing: &[],
    },
];

/// The groups that the golden case with everything has.
fn groups() -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/everything");
    let text = fs::read_to_string(folder.join("children.yaml")).unwrap();
    let mut documents = text
        .split("\n---\n")
        .map(|one| serde_yaml::from_str::<Value>(one).unwrap());
    let rule = documents
        .find(|one| one["kind"] == "PrometheusRule")
        .unwrap();
    rule["spec"]["groups"].clone()
}

#[test]
fn fire_where_they_should() {
    let groups = groups();
    // The labels of the fleet, as its first alert selects it.
    let first = groups[0]["rules"][0]["expr"].as_str().unwrap();
    let namespace = between(first, "namespace=\"", "\"");
    let name = between(first, "pod=~\"", "-[");
    let ours = format!("namespace=\"{namespace}\",pod=\"{name}-7d9f5-abcde\"");
    let others = format!("namespace=\"{namespace}\",pod=\"{name}-two-7d9f5-abcde\"");
    check(&groups, CASES, |series| {
        series.replace("OURS", &ours).replace("OTHERS", &others)
    });
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).unwrap().1;
    rest.split_once(to).unwrap().0
}
