//! The names that dashboards ask for, and that nothing stays of a fleet that is gone.

use std::time::Duration;

use carillon_crds::resource::RolloutPhase;
use prometheus::proto::LabelPair;

use super::*;
use crate::cache::Key;
use crate::metrics::fleet::FleetFacts;
use crate::scale::figures::Figure;

/// Something of each family.
fn filled() -> (Metrics, Key) {
    let metrics = Metrics::new().unwrap();
    let now = crate::clock::monotonic();
    let fleet = ("sim".to_owned(), "game".to_owned());
    metrics
        .rest
        .answered("200", "GET", "server", Duration::from_millis(2));
    metrics.leads("carillon-operator", true);
    metrics.queue.added(&fleet, now);
    metrics.queue.added(&fleet, now);
    assert!(
        metrics
            .render()
            .unwrap()
            .contains("workqueue_depth{name=\"realtimecluster\"} 1")
    );
    metrics.queue.begin(&fleet, now + Duration::from_secs(1));
    metrics.reconcile.may_run(16);
    metrics.reconcile.begin();
    metrics
        .reconcile
        .end(reconcile::Result::Terminal, Duration::from_millis(3));
    metrics.reconcile.failed("panic");
    metrics.queue.end(&fleet, now + Duration::from_secs(2));
    metrics.fleet.show(
        &fleet,
        FleetFacts {
            desired: 3,
            ready: 2,
            connections: Some(5),
            bounds: Some((2, 9)),
            phase: RolloutPhase::Stuck,
        },
    );
    metrics.fleet.condition(&fleet, "Ready", "False");
    metrics.fleet.wrote(&fleet, "Service");
    metrics.fleet.decided(&fleet, "Held");
    let figure = |metric: &str, value| Figure {
        metric: metric.to_owned(),
        value,
        target: 0.5,
    };
    let before = [figure("gone", Some(1.0)), figure("silent", Some(1.0))];
    let now = [figure("silent", None), figure("Connections", Some(0.25))];
    metrics.fleet.fallback(&fleet, Some(true));
    metrics.fleet.measured(&fleet, &[], &before);
    metrics.fleet.measured(&fleet, &before, &now);
    (metrics, fleet)
}

#[test]
fn the_families_are_there_and_a_fleet_leaves_nothing() {
    let (metrics, fleet) = filled();
    let text = metrics.render().unwrap();
    for line in [
        "leader_election_master_status{name=\"carillon-operator\"} 1",
        "workqueue_depth{name=\"realtimecluster\"} 0",
        "workqueue_adds_total{name=\"realtimecluster\"} 1",
        "workqueue_queue_duration_seconds_count{name=\"realtimecluster\"} 1",
        "workqueue_work_duration_seconds_count{name=\"realtimecluster\"} 1",
        "workqueue_retries_total{name=\"realtimecluster\"} 0",
        "workqueue_unfinished_work_seconds{name=\"realtimecluster\"} 0",
        "workqueue_longest_running_processor_seconds{name=\"realtimecluster\"} 0",
        "controller_runtime_reconcile_total{controller=\"realtimecluster\",result=\"error\"} 1",
        "controller_runtime_reconcile_errors_total{controller=\"realtimecluster\"} 1",
        "controller_runtime_terminal_reconcile_errors_total{controller=\"realtimecluster\"} 1",
        "controller_runtime_reconcile_panics_total{controller=\"realtimecluster\"} 1",
        "controller_runtime_reconcile_time_seconds_count{controller=\"realtimecluster\"} 1",
        "controller_runtime_active_workers{controller=\"realtimecluster\"} 0",
        "carillon_operator_desired_replicas{cluster=\"game\",namespace=\"sim\"} 3",
        "carillon_operator_connections{cluster=\"game\",namespace=\"sim\"} 5",
        "carillon_operator_min_replicas{cluster=\"game\",namespace=\"sim\"} 2",
        "carillon_operator_max_replicas{cluster=\"game\",namespace=\"sim\"} 9",
        "carillon_operator_scaling_metric_value{cluster=\"game\",metric=\"Connections\",namespace=\"sim\"} 0.25",
        "carillon_operator_scaling_metric_target{cluster=\"game\",metric=\"silent\",namespace=\"sim\"} 0.5",
        "carillon_operator_scaling_fallback{cluster=\"game\",namespace=\"sim\"} 1",
        "carillon_operator_rollout_state{cluster=\"game\",namespace=\"sim\",phase=\"Stuck\"} 1",
        "carillon_operator_condition{cluster=\"game\",namespace=\"sim\",type=\"Ready\"} 0",
        "carillon_operator_writes_total{cluster=\"game\",kind=\"Service\",namespace=\"sim\"} 1",
        "carillon_operator_scaling_decisions_total{cluster=\"game\",namespace=\"sim\",reason=\"Held\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    for gone in [
        "metric=\"gone\"",
        "value{cluster=\"game\",metric=\"silent\"",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    metrics.fleet.forget(&fleet);
    assert!(!metrics.render().unwrap().contains("cluster=\"game\""));
}

/// Each file in which families are registered.
const SOURCES: [&str; 6] = [
    include_str!("../metrics.rs"),
    include_str!("fleet.rs"),
    include_str!("process.rs"),
    include_str!("queue.rs"),
    include_str!("reconcile.rs"),
    include_str!("rest.rs"),
];

#[test]
fn the_docs_hold_the_table() {
    let mut rows = "| name | kind | labels | what |\n|---|---|---|---|\n".to_owned();
    for family in filled().0.registry.gather() {
        let metric = &family.get_metric()[0];
        let labels: Vec<_> = metric.get_label().iter().map(LabelPair::name).collect();
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        let (name, labels, help) = (family.name(), labels.join(", "), family.help());
        rows += &format!("| `{name}` | {kind} | {labels} | {help} |\n");
    }
    let words = SOURCES
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    let ours = [
        "carillon_operator_",
        "controller_runtime_",
        "leader_",
        "rest_",
        "workqueue_",
    ];
    for name in words.filter(|word| ours.iter().any(|prefix| word.starts_with(prefix))) {
        assert!(
            rows.contains(&format!("| `{name}` |")),
            "{name} is in no scrape of this test"
        );
    }
    carillon_tests::generated::check_part("docs/operator.md", "metrics", &rows);
}
