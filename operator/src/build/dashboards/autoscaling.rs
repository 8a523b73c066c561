//! The autoscaling of one fleet, and the operator that does it.

use super::model::Form::{Lines, Stack, Stat, States};
use super::model::{Dashboard, Many, Row, Variable, row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        key: "autoscaling",
        title: "Autoscaling and operator",
        about: "How many pods a RealtimeCluster has and why, and whether the operator keeps up.",
        variables: variables(),
        rows: vec![now(), scaling(), load(), reconciles(), queue(), requests()],
    }
}

fn variables() -> Vec<Variable> {
    let fleets = "carillon_operator_desired_replicas";
    vec![
        Variable {
            name: "cluster",
            label: "Kubernetes cluster",
            values: ("carillon_operator_build_info", "cluster"),
            regex: "",
            many: Many::Any,
        },
        Variable {
            name: "namespace",
            label: "Kubernetes namespace",
            values: (fleets, "namespace"),
            regex: "",
            many: Many::One,
        },
        Variable {
            name: "name",
            label: "RealtimeCluster",
            values: (
                "carillon_operator_desired_replicas{namespace=\"$namespace\"}",
                "cluster",
            ),
            regex: "",
            many: Many::One,
        },
        Variable {
            name: "operator",
            label: "Operator pod",
            values: ("carillon_operator_build_info{cluster=~\"$cluster\"}", "pod"),
            regex: "",
            many: Many::Listed,
        },
    ]
}

fn now() -> Row {
    row(
        "Now",
        [
            Stat.panel("Pods desired", "short", "How many pods the fleet should have.")
                .ask("max(carillon_operator_desired_replicas{FLEET})", "desired"),
            Stat.panel("Pods ready", "short", "How many are ready.")
                .ask("max(carillon_operator_ready_replicas{FLEET})", "ready")
                .alert("CarillonClusterNotReady"),
            Stat.panel("Connections", "short", "As the pods report them to the operator.")
                .ask("max(carillon_operator_connections{FLEET})", "connections"),
            Stat.panel("Fleets not ready", "short", "Of all fleets that the operator keeps.")
                .ask("count(carillon_operator_condition{pod=~\"$operator\",type=\"Ready\"} < 1) or vector(0)", "not ready")
                .bad_from(1.0)
                .alert("CarillonClusterNotReady"),
            Stat.panel("Leaders", "short", "1, and 0 for some seconds while the leadership passes on.")
                .ask("sum(leader_election_master_status{OPERATOR})", "leaders")
                .alert("CarillonOperatorNoLeader"),
            Stat.panel("Versions of the operator", "short", "More than 1 while it is upgraded.")
                .ask("count(count by (version) (carillon_operator_build_info{OPERATOR}))", "versions")
                .bad_from(2.0)
                .alert("CarillonOperatorVersions"),
        ],
    )
}

fn scaling() -> Row {
    row(
        "Autoscaling",
        [
            Lines.panel("Pods", "short", "Desired and ready.")
                .ask("max(carillon_operator_desired_replicas{FLEET})", "desired")
                .ask("max(carillon_operator_ready_replicas{FLEET})", "ready")
                .ask("max(carillon_operator_min_replicas{FLEET})", "at least")
                .ask("max(carillon_operator_max_replicas{FLEET})", "at most")
                .alert("CarillonScalingAtMaximum"),
            Lines.panel("Metrics against their targets", "percentunit", "What was last decided on, as a part of what it should be: above 100 % and beyond the tolerance more pods are wanted. Nothing where no value is trusted.")
                .ask("max by (metric) (carillon_operator_scaling_metric_value{FLEET}) / max by (metric) (carillon_operator_scaling_metric_target{FLEET})", "{{metric}}")
                .alert("CarillonScalingHeld"),
            Stack.panel("Decisions by reason", "short", "Decisions about the number of pods in the window, by the reason of the condition that they set. `status.autoscaling` has the sentences.")
                .by("reason", "{{reason}}", "increase(carillon_operator_scaling_decisions_total{FLEET}[WINDOW])")
                .alert("CarillonScalingHeld"),
            States.panel("Conditions", "none", "Of the RealtimeCluster. `Stalled` waits for a person; `ScalingActive` is false while no metric is trusted.")
                .ask("max by (type) (carillon_operator_condition{FLEET})", "{{type}}")
                .alert("CarillonClusterStalled")
                .alert("CarillonScalingHeld")
                .alert("CarillonScalingAtMaximum"),
            States.panel("Rollout", "none", "What is going on.")
                .ask("max by (phase) (carillon_operator_rollout_state{FLEET})", "{{phase}}")
                .alert("CarillonRolloutStuck"),
            Lines.panel("Writes by kind", "cps", "Children applied or deleted. At rest there are none.")
                .by("kind", "{{kind}}", "rate(carillon_operator_writes_total{FLEET}[WINDOW])"),
        ],
    )
}

fn load() -> Row {
    row(
        "What the autoscaling goes by, on average of the pods",
        [
            Lines
                .panel(
                    "Connections of a pod",
                    "short",
                    "Against `averageValue` of a metric `Connections`.",
                )
                .ask(
                    "avg(sum by (pod) (carillon_sessions{PODS,transport!=\"relay\"}))",
                    "average",
                )
                .ask(
                    "max(sum by (pod) (carillon_sessions{PODS,transport!=\"relay\"}))",
                    "most",
                ),
            Lines
                .panel(
                    "Messages of a pod",
                    "mps",
                    "Against `averageValue` of a metric `Deliveries` or `Events`.",
                )
                .ask(
                    "avg(sum by (pod) (rate(carillon_deliveries_total{PODS}[WINDOW])))",
                    "deliveries",
                )
                .ask(
                    "avg(sum by (pod) (rate(carillon_events_received_total{PODS}[WINDOW])))",
                    "events",
                ),
            Lines
                .panel("CPU of a pod", "short", "Cores.")
                .ask(
                    "avg(rate(process_cpu_seconds_total{PODS}[WINDOW]))",
                    "average",
                )
                .ask("max(rate(process_cpu_seconds_total{PODS}[WINDOW]))", "most"),
        ],
    )
}

fn reconciles() -> Row {
    row(
        "Reconciles",
        [
            Lines.panel("Reconciles by result", "cps", "Looks at fleets.")
                .by("result", "{{result}}", "rate(controller_runtime_reconcile_total{OPERATOR,controller=\"realtimecluster\"}[WINDOW])"),
            Lines.panel("Reconcile time", "s", "How long one look at a fleet takes.")
                .quantiles("controller_runtime_reconcile_time_seconds", "OPERATOR,controller=\"realtimecluster\"")
                .alert("CarillonOperatorSlow"),
            Lines.panel("Failures", "cps", "Looks that failed, those that trying again would not mend, and the reasons of all failures.")
                .sum("errors", "rate(controller_runtime_reconcile_errors_total{OPERATOR,controller=\"realtimecluster\"}[WINDOW])")
                .sum("terminal", "rate(controller_runtime_terminal_reconcile_errors_total{OPERATOR,controller=\"realtimecluster\"}[WINDOW])")
                .sum("panics", "rate(controller_runtime_reconcile_panics_total{OPERATOR,controller=\"realtimecluster\"}[WINDOW])")
                .sum("timeouts", "rate(controller_runtime_reconcile_timeouts_total{OPERATOR,controller=\"realtimecluster\"}[WINDOW])")
                .by("reason", "reason {{reason}}", "rate(carillon_operator_failures_total{OPERATOR}[WINDOW])")
                .alert("CarillonOperatorErrors"),
        ],
    )
}

fn queue() -> Row {
    row(
        "Queue",
        [
            Lines.panel("Fleets that wait", "short", "To be looked at, and how many are being looked at, of how many at most.")
                .sum("waiting", "workqueue_depth{OPERATOR,name=\"realtimecluster\"}")
                .sum("being looked at", "controller_runtime_active_workers{OPERATOR,controller=\"realtimecluster\"}")
                .ask("max(controller_runtime_max_concurrent_reconciles{OPERATOR,controller=\"realtimecluster\"})", "at most"),
            Lines.panel("Added and tried again", "cps", "Fleets that are to be looked at, and those because that failed.")
                .sum("added", "rate(workqueue_adds_total{OPERATOR,name=\"realtimecluster\"}[WINDOW])")
                .sum("again", "rate(workqueue_retries_total{OPERATOR,name=\"realtimecluster\"}[WINDOW])"),
            Lines.panel("Time in the queue", "s", "The 99th percentile of waiting and of working, and the look that has been going on for longest.")
                .ask("histogram_quantile(0.99, sum by (le) (rate(workqueue_queue_duration_seconds_bucket{OPERATOR,name=\"realtimecluster\"}[WINDOW])))", "waiting, p99")
                .ask("histogram_quantile(0.99, sum by (le) (rate(workqueue_work_duration_seconds_bucket{OPERATOR,name=\"realtimecluster\"}[WINDOW])))", "working, p99")
                .ask("max(workqueue_longest_running_processor_seconds{OPERATOR,name=\"realtimecluster\"})", "longest now")
                .alert("CarillonOperatorSlow"),
        ],
    )
}

fn requests() -> Row {
    row(
        "Leader and API server",
        [
            Lines.panel("Leader", "short", "1 for the copy that leads.")
                .ask("max by (pod) (leader_election_master_status{OPERATOR})", "{{pod}}")
                .alert("CarillonOperatorNoLeader")
                .alert("CarillonOperatorDown"),
            Stack.panel("Requests by code", "reqps", "To the API server. Watches are counted when they are answered.")
                .by("code", "{{code}}", "rate(rest_client_requests_total{OPERATOR}[WINDOW])"),
            Lines.panel("Request time, 99th percentile by verb", "s", "Until the API server answers.")
                .ask("histogram_quantile(0.99, sum by (verb, le) (rate(rest_client_request_duration_seconds_bucket{OPERATOR}[WINDOW])))", "{{verb}}")
                .alert("CarillonOperatorSlow"),
            Lines.panel("Memory of the operator", "bytes", "Resident. A thousand fleets take 70 MB.")
                .ask("max by (pod) (process_resident_memory_bytes{OPERATOR})", "{{pod}}"),
            Lines.panel("CPU of the operator", "short", "Cores.")
                .ask("max by (pod) (rate(process_cpu_seconds_total{OPERATOR}[WINDOW]))", "{{pod}}"),
        ],
    )
}
