//! The names that dashboards ask for, and that nothing stays of a fleet that is gone.

use std::time::Duration;

use carillon_crds::resource::RolloutPhase;

use super::*;
use crate::metrics::fleet::FleetFacts;

#[test]
fn the_families_are_there_and_a_fleet_leaves_nothing() {
    let metrics = Metrics::new().unwrap();
    let now = crate::clock::monotonic();
    let fleet = ("sim".to_owned(), "game".to_owned());
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
            phase: RolloutPhase::Stuck,
        },
    );
    metrics.fleet.condition(&fleet, "Ready", "False");
    metrics.fleet.wrote(&fleet, "Service");
    metrics.fleet.decided(&fleet, "Held");
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
        "carillon_operator_rollout_state{cluster=\"game\",namespace=\"sim\",phase=\"Stuck\"} 1",
        "carillon_operator_condition{cluster=\"game\",namespace=\"sim\",type=\"Ready\"} 0",
        "carillon_operator_writes_total{cluster=\"game\",kind=\"Service\",namespace=\"sim\"} 1",
        "carillon_operator_scaling_decisions_total{cluster=\"game\",namespace=\"sim\",reason=\"Held\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    metrics.fleet.forget(&fleet);
    assert!(!metrics.render().unwrap().contains("cluster=\"game\""));
}
