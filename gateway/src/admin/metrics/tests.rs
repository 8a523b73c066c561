use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use super::families::Family;
use super::*;
use crate::admin::process::ProcessFacts;
use crate::admin::rules::RulesStatus;

fn render(metrics: &Metrics) -> String {
    metrics.render(&RulesStatus::default(), &ProcessFacts::default(), None)
}

/// Every line of `expected` is a whole line of the exposition.
fn check(text: &str, expected: &[&str]) {
    for line in expected {
        assert!(
            text.lines().any(|found| found == *line),
            "{line} is not in\n{text}"
        );
    }
}

#[test]
fn shards_add_up() {
    let metrics = Metrics::new(2);
    for (shard, sessions) in [(0, 2), (1, 3)] {
        let shard = metrics.shard(shard);
        let crime = shard.namespace("/crime");
        for _ in 0..sessions {
            shard.session_opened(Transport::Polling);
            crime.socket_connected();
            crime.connect("accepted");
        }
        shard.session_upgraded();
        shard.session_closed(Transport::Polling, "transport close");
        crime.socket_disconnected();
        crime.expected(10);
        crime.delivered(8);
        crime.dropped(DropReason::Volatile, 2);
        crime.accepted(Source::Client);
        crime.event_refused("rate_limited");
    }
    metrics.control().handshake_refused("draining");
    metrics.shard(0).relay_opened();
    metrics.shard(1).relay_opened();
    metrics.shard(0).relay_closed();
    assert_eq!((metrics.sessions(), metrics.sockets()), (3, 3));
    check(
        &render(&metrics),
        &[
            "carillon_sessions{transport=\"polling\"} 1",
            "carillon_sessions{transport=\"websocket\"} 2",
            "carillon_sessions{transport=\"relay\"} 1",
            "carillon_sessions_opened_total{transport=\"polling\"} 5",
            "carillon_sessions_closed_total{reason=\"transport close\"} 2",
            "carillon_sockets{namespace=\"/crime\"} 3",
            "carillon_connect_total{namespace=\"/crime\",outcome=\"accepted\"} 5",
            "carillon_handshakes_refused_total{reason=\"draining\"} 1",
            "carillon_upgrades_total{outcome=\"upgraded\"} 2",
            "carillon_deliveries_expected_total{namespace=\"/crime\"} 20",
            "carillon_deliveries_total{namespace=\"/crime\"} 16",
            "carillon_deliveries_dropped_total{namespace=\"/crime\",reason=\"volatile\"} 4",
            "carillon_deliveries_dropped_total{namespace=\"/crime\",reason=\"backlog\"} 0",
            "carillon_messages_accepted_total{namespace=\"/crime\",source=\"client\"} 2",
            "carillon_events_refused_total{namespace=\"/crime\",code=\"rate_limited\"} 2",
        ],
    );
}

#[test]
fn declared_events_and_others() {
    let metrics = Metrics::new(1);
    let shard = metrics.shard(0);
    let events = shard.events("/a", ["join", "say \"hi\"\n"]);
    events.received(Some(0));
    events.received(Some(1));
    events.received(None);
    let text = render(&metrics);
    check(
        &text,
        &[
            "carillon_events_received_total{namespace=\"/a\",event=\"join\"} 1",
            "carillon_events_received_total{namespace=\"/a\",event=\"say \\\"hi\\\"\\n\"} 1",
            "carillon_events_received_total{namespace=\"/a\",event=\"other\"} 1",
        ],
    );
}

#[test]
fn a_reload_keeps_what_is_still_declared() {
    let metrics = Metrics::new(1);
    let shard = metrics.shard(0);
    shard.events("/a", ["stays", "goes"]).received(Some(0));
    shard.events("/a", ["new", "stays"]).received(Some(1));
    let busy = shard.namespace("/busy");
    busy.socket_connected();
    shard.namespace("/gone");
    shard.retain(|label| label == "/a");
    let text = render(&metrics);
    check(
        &text,
        &["carillon_events_received_total{namespace=\"/a\",event=\"stays\"} 2"],
    );
    assert!(!text.contains("goes") && !text.contains("/gone"));
    assert!(text.contains("/busy"));
    busy.socket_disconnected();
    shard.retain(|label| label == "/a");
    assert!(!render(&metrics).contains("/busy"));
}

#[test]
fn histograms_cumulate() {
    let metrics = Metrics::new(2);
    for shard in [0, 1] {
        let namespace = metrics.shard(shard).namespace("/");
        namespace.observe_delivery(Duration::from_micros(100), 1);
        namespace.observe_delivery(Duration::from_micros(101), 1);
        namespace.observe_delivery(Duration::from_secs(60), 2);
    }
    check(
        &render(&metrics),
        &[
            "carillon_delivery_seconds_bucket{namespace=\"/\",le=\"0.0001\"} 2",
            "carillon_delivery_seconds_bucket{namespace=\"/\",le=\"0.00025\"} 4",
            "carillon_delivery_seconds_bucket{namespace=\"/\",le=\"10\"} 4",
            "carillon_delivery_seconds_bucket{namespace=\"/\",le=\"+Inf\"} 8",
            "carillon_delivery_seconds_count{namespace=\"/\"} 8",
        ],
    );
}

#[test]
fn limits_and_rules() {
    let metrics = Metrics::new(1);
    metrics.shard(0).session_opened(Transport::Websocket);
    metrics.set_limits(4, 0);
    metrics.set_drain_state(DrainState::Closing);
    metrics.drain_closed(Closing::Share, 3);
    let rules = RulesStatus::default();
    rules.loaded("5f", UNIX_EPOCH + Duration::from_millis(1_500));
    let process = ProcessFacts {
        resident_bytes: Some(1 << 20),
        open_fds: Some(10),
        max_fds: Some(100),
        ..ProcessFacts::default()
    };
    let text = metrics.render(&rules, &process, None);
    check(
        &text,
        &[
            "carillon_limit_ratio{resource=\"connections\"} 0.25",
            "carillon_limit_ratio{resource=\"file_descriptors\"} 0.1",
            "carillon_rules_info{hash=\"5f\"} 1",
            "carillon_rules_loaded_timestamp_seconds 1.5",
            "carillon_rules_rejected_total 0",
            "carillon_draining 1",
            "carillon_drain_state{state=\"serving\"} 0",
            "carillon_drain_state{state=\"closing\"} 1",
            "carillon_drain_closed_total{by=\"share\"} 3",
            "carillon_drain_closed_total{by=\"timeout\"} 0",
            "carillon_bus_up 1",
        ],
    );
    assert!(!text.contains("resource=\"memory\""));
}

#[test]
fn the_exposition_is_well_formed() {
    let metrics = Metrics::new(1);
    let shard = metrics.shard(0);
    shard.namespace("/").observe_delivery(Duration::ZERO, 1);
    shard.bus_error("inbox_full");
    shard.events("/", ["a"]);
    let text = metrics.render(
        &RulesStatus::default(),
        &ProcessFacts::read(),
        Some(&Gathered::default()),
    );
    let mut seen = BTreeSet::new();
    for family in text.split("# HELP ").skip(1) {
        let mut lines = family.lines();
        let (name, help) = lines.next().unwrap().split_once(' ').unwrap();
        let known = families::ALL.iter().find(|known| known.name == name);
        let Family {
            kind, help: told, ..
        } = known.unwrap();
        assert!(seen.insert(name), "{name} comes twice");
        assert_eq!(help, *told);
        assert_eq!(lines.next(), Some(format!("# TYPE {name} {kind}").as_str()));
        assert!(lines.clone().next().is_some(), "{name} has no sample");
        for line in lines {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(
                series.starts_with(name) && value.parse::<f64>().is_ok(),
                "{line}"
            );
        }
    }
    for name in [
        "carillon_bus_errors_total",
        "carillon_delivery_seconds",
        "carillon_build_info",
    ] {
        assert!(seen.contains(name), "{name} is missing");
    }
}

#[test]
fn the_docs_hold_the_table() {
    let file = "docs/metrics.md";
    carillon_tests::generated::check_part(file, "metrics", &families::markdown());
    carillon_tests::generated::check_part(file, "values", &values::markdown());
}
