//! What Prometheus makes of the alerts of the operator's chart.

use carillon_tests::kubernetes::{self, MAJORS};
use carillon_tests::promtool::{Case, check};
use serde_json::{Value, json};

const CASES: &[Case] = &[
    Case {
        series: &[("carillon_operator_build_info{OTHERS,version=\"1\"}", "1x20")],
        after: "6m",
        firing: &["CarillonOperatorDown"],
    },
    Case {
        series: &[
            ("carillon_operator_build_info{ONE,version=\"1\"}", "1x20"),
            (
                "leader_election_master_status{ONE,name=\"carillon-operator\"}",
                "0x20",
            ),
            (
                "leader_election_master_status{TWO,name=\"carillon-operator\"}",
                "0x20",
            ),
        ],
        after: "6m",
        firing: &["CarillonOperatorNoLeader"],
    },
    Case {
        series: &[
            ("carillon_operator_build_info{ONE,version=\"1\"}", "1x60"),
            ("carillon_operator_build_info{TWO,version=\"2\"}", "1x60"),
            (
                "leader_election_master_status{ONE,name=\"carillon-operator\"}",
                "1x60",
            ),
            (
                "leader_election_master_status{TWO,name=\"carillon-operator\"}",
                "0x60",
            ),
            ("controller_runtime_reconcile_errors_total{ONE}", "0+6x60"),
            ("workqueue_longest_running_processor_seconds{ONE}", "200x60"),
        ],
        after: "40m",
        firing: &[
            "CarillonOperatorErrors",
            "CarillonOperatorSlow",
            "CarillonOperatorVersions",
        ],
    },
    Case {
        series: &[
            ("carillon_operator_build_info{ONE,version=\"1\"}", "1x60"),
            ("carillon_operator_condition{FLEET,type=\"Ready\"}", "0x60"),
            (
                "carillon_operator_condition{FLEET,type=\"Stalled\"}",
                "1x60",
            ),
            (
                "carillon_operator_condition{FLEET,type=\"ScalingActive\"}",
                "0x60",
            ),
            (
                "carillon_operator_condition{FLEET,type=\"ScalingLimited\"}",
                "1x60",
            ),
            (
                "carillon_operator_rollout_state{FLEET,phase=\"Stuck\"}",
                "1x60",
            ),
            ("carillon_operator_desired_replicas{FLEET}", "5x60"),
            ("carillon_operator_ready_replicas{FLEET}", "5x60"),
            ("carillon_operator_max_replicas{FLEET}", "5x60"),
            ("carillon_operator_scaling_fallback{FLEET}", "1x60"),
            ("carillon_operator_definition_missing_fields{ONE}", "2x60"),
            (
                "carillon_operator_scaling_metric_value{FLEET,metric=\"Memory\"}",
                "40x60",
            ),
            (
                "carillon_operator_scaling_metric_target{FLEET,metric=\"Memory\"}",
                "80x60",
            ),
            (
                "carillon_operator_scaling_metric_value{FLEET,metric=\"Connections\"}",
                "6000x60",
            ),
            (
                "carillon_operator_scaling_metric_target{FLEET,metric=\"Connections\"}",
                "5000x60",
            ),
        ],
        after: "20m",
        firing: &[
            "CarillonClusterNotReady",
            "CarillonClusterStalled",
            "CarillonDefinitionOld",
            "CarillonRolloutStuck",
            "CarillonScalingAtMaximum",
            "CarillonScalingFallback",
            "CarillonScalingHeld",
        ],
    },
    // All is well, or on its way.
    Case {
        series: &[
            ("carillon_operator_build_info{ONE,version=\"1\"}", "1x60"),
            (
                "leader_election_master_status{ONE,name=\"carillon-operator\"}",
                "1x60",
            ),
            ("controller_runtime_reconcile_errors_total{ONE}", "7x60"),
            ("workqueue_longest_running_processor_seconds{ONE}", "60x60"),
            ("carillon_operator_scaling_fallback{FLEET}", "0x60"),
            ("carillon_operator_definition_missing_fields{ONE}", "0x60"),
            ("carillon_operator_condition{FLEET,type=\"Ready\"}", "1x60"),
            (
                "carillon_operator_condition{FLEET,type=\"Stalled\"}",
                "0x60",
            ),
            (
                "carillon_operator_condition{FLEET,type=\"ScalingActive\"}",
                "1x60",
            ),
            (
                "carillon_operator_condition{FLEET,type=\"ScalingLimited\"}",
                "1x60",
            ),
            (
                "carillon_operator_rollout_state{FLEET,phase=\"RollingOut\"}",
                "1x60",
            ),
            ("carillon_operator_desired_replicas{FLEET}", "5x60"),
            ("carillon_operator_ready_replicas{FLEET}", "4x60"),
        ],
        after: "20m",
        firing: &[],
    },
    // As many pods as there may be are enough, and so are as few.
    Case {
        series: &[
            ("carillon_operator_build_info{ONE,version=\"1\"}", "1x60"),
            (
                "leader_election_master_status{ONE,name=\"carillon-operator\"}",
                "1x60",
            ),
            (
                "carillon_operator_condition{FLEET,type=\"ScalingLimited\"}",
                "1x60",
            ),
            ("carillon_operator_desired_replicas{FLEET}", "2x60"),
            ("carillon_operator_ready_replicas{FLEET}", "2x60"),
            ("carillon_operator_max_replicas{FLEET}", "2x60"),
            (
                "carillon_operator_scaling_metric_value{FLEET,metric=\"Connections\"}",
                "100x60",
            ),
            (
                "carillon_operator_scaling_metric_target{FLEET,metric=\"Connections\"}",
                "5000x60",
            ),
        ],
        after: "40m",
        firing: &[],
    },
];

#[test]
fn fire_where_they_should() {
    kubernetes::test(async |cluster| {
        let values = json!({ "metrics": { "prometheusRule": { "enabled": "Enabled" } } });
        for major in MAJORS {
            let helm = cluster.helm(major, "system");
            let rendered = helm.render("carillon", "carillon", &values).unwrap();
            let mut documents = rendered
                .split("\n---\n")
                .filter(|document| document.contains("\nkind: PrometheusRule\n"));
            let rule: Value = serde_yaml::from_str(documents.next().unwrap()).unwrap();
            let pod = |hash: &str| format!("pod=\"carillon-operator-{hash}-abcde\"");
            check(&rule["spec"]["groups"], CASES, |series| {
                series
                    .replace("ONE", &format!("namespace=\"system\",{}", pod("7d9f5")))
                    .replace("TWO", &format!("namespace=\"system\",{}", pod("8e0a6")))
                    .replace(
                        "OTHERS",
                        &format!("namespace=\"elsewhere\",{}", pod("7d9f5")),
                    )
                    .replace(
                        "FLEET",
                        &format!("namespace=\"sim\",cluster=\"game\",{}", pod("7d9f5")),
                    )
            });
        }
    });
}

#[test]
fn link_to_the_runbooks_that_are_named() {
    kubernetes::test(async |cluster| {
        let values = json!({
            "runbookUrl": "https://wiki.example/realtime/",
            "metrics": { "prometheusRule": { "enabled": "Enabled" }, "dashboards": { "enabled": "Enabled" } },
        });
        for major in MAJORS {
            let helm = cluster.helm(major, "system");
            let rendered = helm.render("carillon", "carillon", &values).unwrap();
            assert!(!rendered.contains("carillon.dev/runbooks"), "{rendered}");
            let pages = ["CarillonOperatorDown", "CarillonBusDown"];
            for page in pages.map(|name| format!("https://wiki.example/realtime/{name}")) {
                assert!(rendered.contains(&page), "{page}");
            }
            assert!(rendered.contains("--runbook-url=https://wiki.example/realtime/"));
        }
    });
}
