use super::*;

/// The metrics that the docs list, by which alerts are written.
const METRICS: &str = include_str!("../../../../docs/metrics.md");
/// A page for each alert.
const RUNBOOK: &str = include_str!("../../../../docs/runbooks.md");

fn rules() -> Vec<Value> {
    let groups = groups("sim", "game");
    let groups = groups.as_array().into_iter().flatten();
    groups
        .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
        .collect()
}

#[test]
fn each_is_about_metrics_that_there_are() {
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap_or_default();
        let names = expression.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        for name in names.filter(|name| name.starts_with("carillon_")) {
            let name = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|part| name.strip_suffix(part))
                .unwrap_or(name);
            assert!(METRICS.contains(&format!("| `{name}` |")), "{name}");
        }
        assert!(
            !expression.contains("PODS") && !expression.contains("NAMED"),
            "{expression}"
        );
    }
}

#[test]
fn each_alert_has_a_runbook() {
    for rule in rules() {
        if let Some(name) = rule["alert"].as_str() {
            let heading = format!("\n### {name}\n");
            assert!(
                RUNBOOK.contains(&heading),
                "{name} is not in docs/runbooks.md"
            );
        }
    }
}

#[test]
fn they_see_the_pods_of_one_cluster_only() {
    assert_eq!(
        rules()[0]["expr"],
        "carillon_bus_up{namespace=\"sim\",pod=~\"game-[a-z0-9]+-[a-z0-9]{5}\"} == 0"
    );
}
