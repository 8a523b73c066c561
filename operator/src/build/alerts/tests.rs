use super::*;

/// The metrics that the docs list, by which alerts are written.
const METRICS: &str = include_str!("../../../../docs/metrics.md");
/// The alerts of the operator's chart.
const OF_THE_OPERATOR: &str = include_str!("../../../../charts/carillon/files/alerts.yaml");
/// A page for each alert.
const RUNBOOK: &str = include_str!("../../../../docs/runbooks.md");

const FLEET: Fleet<'_> = Fleet {
    namespace: "sim",
    cluster: "game",
    runbooks: "https://wiki.example/rt",
};

fn rules() -> Vec<Value> {
    let groups = groups(FLEET);
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
            let page = format!("https://wiki.example/rt/{name}");
            assert_eq!(rule["annotations"]["runbook_url"], page);
        }
    }
}

/// The table of the alerts of fleets, of those of the operator's chart, and of what is recorded.
#[test]
fn the_docs_hold_the_table() {
    let page = "docs/runbooks.md";
    let head = "| alert | severity | after | when |\n|---|---|---|---|\n".to_owned();
    let fleets = rules()
        .iter()
        .filter_map(row)
        .fold(head.clone(), |rows, row| rows + &row);
    carillon_tests::generated::check_part(page, "alerts", &fleets);
    let chart: Vec<Value> = serde_yaml::from_str(OF_THE_OPERATOR).expect("a list");
    let operator = chart
        .iter()
        .filter_map(row)
        .fold(head, |rows, row| rows + &row);
    carillon_tests::generated::check_part(page, "operator-alerts", &operator);
    let recorded = rules().iter().filter_map(recorded).fold(
        "| recorded | what |\n|---|---|\n".to_owned(),
        |rows, row| rows + &row,
    );
    carillon_tests::generated::check_part(page, "recorded", &recorded);
}

fn row(rule: &Value) -> Option<String> {
    let name = rule["alert"].as_str()?;
    let text = |of: &Value| of.as_str().expect("a text").to_owned();
    Some(format!(
        "| [`{name}`](#{}) | {} | {} | `{}` |\n",
        name.to_lowercase(),
        text(&rule["labels"]["severity"]),
        text(&rule["for"]),
        short(&rule["expr"]),
    ))
}

/// One window of each ratio: they differ in nothing else.
fn recorded(rule: &Value) -> Option<String> {
    let name = rule["record"]
        .as_str()
        .filter(|name| name.ends_with("_5m"))?;
    Some(format!("| `{name}` | `{}` |\n", short(&rule["expr"])))
}

/// An expression without what selects the pods of one fleet or the operator's.
fn short(expression: &Value) -> String {
    let mut text = expression.as_str().expect("a text").to_owned();
    for selector in [
        "namespace=\"sim\",pod=~\"game-[a-z0-9]+-[a-z0-9]{5}\"",
        "namespace=\"sim\",realtimecluster=\"game\"",
        "PODS",
        "OF",
    ] {
        text = text.replace(&format!("{{{selector}}}"), "");
        text = text.replace(&format!("{{{selector},"), "{");
    }
    text.replace('|', "\\|")
}

#[test]
fn they_see_the_pods_of_one_cluster_only() {
    assert_eq!(
        rules()[0]["expr"],
        "carillon_bus_up{namespace=\"sim\",pod=~\"game-[a-z0-9]+-[a-z0-9]{5}\"} == 0"
    );
}
