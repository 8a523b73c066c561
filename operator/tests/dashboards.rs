//! The dashboards: whole, about metrics and labels that there are, by queries that Prometheus can read.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

use std::collections::{BTreeMap, BTreeSet};

use carillon_operator::build::RUNBOOKS as RUNBOOK_URL;
use carillon_operator::build::dashboards::{files, files_of};
use carillon_tests::promtool;
use serde_json::{Value, json};

/// The families of the gateway and of the operator: name, kind, labels, help.
const FAMILIES: [&str; 2] = [
    include_str!("../../docs/metrics.md"),
    include_str!("../../docs/operator.md"),
];
const RUNBOOKS: &str = include_str!("../../docs/runbooks.md");
/// Prometheus makes these itself, with the labels of each alert beside.
const PROMETHEUS: (&str, [&str; 2]) = ("ALERTS", ["alertstate", "realtimecluster"]);
/// Prometheus puts these on every series of a pod.
const TARGET: [&str; 4] = ["cluster", "exported_namespace", "namespace", "pod"];
/// What Grafana replaces without a variable of the dashboard.
const BUILT_IN: [&str; 1] = ["__rate_interval"];
/// Of a ConfigMap; etcd's own limit is a little more.
const MIB: usize = 1 << 20;

fn dashboards() -> Vec<Value> {
    let parse = |text: &String| serde_json::from_str(text).unwrap();
    let all: Vec<Value> = files().values().map(parse).collect();
    assert_eq!(all.len(), 3);
    all
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).unwrap()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Panels that show something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = list(dashboard, "/panels").iter();
    panels.filter(|panel| panel["type"] != "row")
}

fn expressions(dashboard: &Value) -> Vec<&str> {
    let targets = panels(dashboard).flat_map(|panel| list(panel, "/targets"));
    targets.map(|target| text(target, "/expr")).collect()
}

#[test]
fn each_can_be_imported_as_it_is() {
    let mut uids = BTreeSet::new();
    for dashboard in dashboards() {
        let uid = text(&dashboard, "/uid");
        assert!(uid.len() <= 40 && uids.insert(uid.to_owned()), "{uid}");
        assert!(dashboard.get("__inputs").is_none() && dashboard.get("id").is_none());
        for part in ["/title", "/description", "/refresh", "/time/from"] {
            assert!(!text(&dashboard, part).is_empty(), "{uid} {part}");
        }
        let ids: BTreeSet<_> = list(&dashboard, "/panels")
            .iter()
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids.len(), list(&dashboard, "/panels").len(), "{uid}");
        let variables = list(&dashboard, "/templating/list");
        assert_eq!(variables[0]["type"], "datasource");
        let named: Vec<_> = variables.iter().map(|one| text(one, "/name")).collect();
        assert_eq!(&named[..4], ["datasource", "cluster", "namespace", "name"]);
    }
}

#[test]
fn each_panel_says_what_it_shows() {
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let title = text(panel, "/title");
            for part in ["/title", "/description", "/fieldConfig/defaults/unit"] {
                assert!(!text(panel, part).is_empty(), "{title} {part}");
            }
            assert!(text(panel, "/description").ends_with('.'), "{title}");
            assert!(!list(panel, "/targets").is_empty(), "{title}");
            for target in list(panel, "/targets") {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
                assert!(!text(target, "/legendFormat").is_empty(), "{title}");
            }
            for link in list(panel, "/links") {
                let (_, alert) = text(link, "/url").rsplit_once('/').unwrap();
                assert!(RUNBOOKS.contains(&format!("\n### {alert}\n")), "{alert}");
            }
        }
    }
}

/// No panel lies over another or sticks out.
#[test]
fn panels_have_a_place_each() {
    for dashboard in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in list(&dashboard, "/panels") {
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= 24, "{}", panel["title"]);
            for (x, y) in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}

/// A query is of the fleet, or of the operator's pods, that are chosen above, by variables that there are.
#[test]
fn each_query_is_of_what_is_chosen() {
    for dashboard in dashboards() {
        let variables: BTreeSet<_> = list(&dashboard, "/templating/list")
            .iter()
            .map(|one| text(one, "/name").to_owned())
            .collect();
        for expression in expressions(&dashboard) {
            let used = variables_of(expression);
            let known = |name: &String| variables.contains(name) || BUILT_IN.contains(&&**name);
            assert!(used.iter().all(known), "{expression}");
            for (_, selector) in selectors(expression) {
                let used = variables_of(selector);
                let has = |name: &str| used.contains(name);
                assert!(
                    has("namespace") && has("name") || has("operator"),
                    "{expression}"
                );
            }
            assert_eq!(unselected(expression), [""; 0], "{expression}");
            let word = ["PODS", "FLEET", "OPERATOR", "SOCKETIO", "WINDOW"];
            assert!(!word.iter().any(|word| expression.contains(word)));
        }
    }
}

#[test]
fn each_is_about_metrics_and_labels_that_there_are() {
    for dashboard in dashboards() {
        let variables = list(&dashboard, "/templating/list").iter();
        let queries = variables.map(|one| text(one, "/definition"));
        for expression in expressions(&dashboard).into_iter().chain(queries) {
            for (metric, selector) in selectors(expression) {
                let labels = labels_of(metric);
                assert!(labels.is_some(), "{metric} in {expression}");
                for label in label_names(selector) {
                    let known = TARGET.contains(&label) || labels.as_ref().unwrap().contains(label);
                    assert!(known, "{metric} has no {label}: {expression}");
                }
            }
        }
    }
}

#[test]
fn prometheus_reads_each_query() {
    let mut rules = Vec::new();
    for dashboard in dashboards() {
        for expression in expressions(&dashboard) {
            let filled = expression.replace("$__rate_interval", "1m");
            let record = format!("dashboards:{}", rules.len());
            rules.push(json!({ "record": record, "expr": filled }));
        }
    }
    let groups = json!([{ "name": "dashboards", "rules": rules }]);
    promtool::check(&groups, &[], str::to_owned);
}

#[test]
fn each_fleet_has_its_own() {
    let one = files_of("sim", "game", RUNBOOK_URL);
    let other = files_of("sim", "chat", "https://wiki.example/\"rt\"");
    let size: usize = one.values().map(String::len).sum();
    assert!(size < MIB / 4, "{size} bytes");
    for ((name, text_of_one), text_of_other) in one.iter().zip(other.values()) {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (one, other, all) = (
            parse(text_of_one),
            parse(text_of_other),
            parse(&files()[name]),
        );
        assert!(!text_of_one.contains('@'), "{name}");
        for part in ["uid", "title", "tags"] {
            assert!(one[part] != other[part] && one[part] != all[part], "{name}");
        }
        let chosen: BTreeMap<_, _> = list(&one, "/templating/list")
            .iter()
            .map(|variable| (text(variable, "/name"), &variable["current"]["value"]))
            .collect();
        assert_eq!(
            (chosen["namespace"], chosen["name"]),
            (&json!("sim"), &json!("game"))
        );
        assert_eq!(one["panels"], all["panels"]);
        assert!(!text_of_other.contains(RUNBOOK_URL), "{name}");
        let pages = list(&other, "/links")
            .iter()
            .filter_map(|link| link["url"].as_str());
        assert_eq!(
            pages.collect::<Vec<_>>(),
            ["https://wiki.example/\"rt\""],
            "{name}"
        );
    }
}

/// The names of variables, as `$name` or `${name}`.
fn variables_of(text: &str) -> BTreeSet<String> {
    let parts = text.split('$').skip(1);
    let name = |part: &str| {
        let part = part.trim_start_matches('{').chars();
        part.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    parts.map(name).collect()
}

/// Each `metric{selector}`; a metric without a selector has an empty one.
fn selectors(expression: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once('{') {
        let start = before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        // A variable in braces inside of a value ends no selector.
        let mut depth = 1;
        let end = after.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let end = end.unwrap();
        found.push((&before[start..], &after[..end]));
        rest = &after[end..];
    }
    if let Some(all) = expression
        .strip_prefix("label_values(")
        .filter(|_| found.is_empty())
    {
        found.push((all.split_once(',').unwrap().0, ""));
    }
    found
}

/// Names of metrics that no selector follows.
fn unselected(expression: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_name(c));
    words
        .filter(|word| word.contains('_') && labels_of(word).is_some())
        .filter(|word| !expression.contains(&format!("{word}{{")))
        .collect()
}

fn label_names(selector: &str) -> Vec<&str> {
    let quoted = selector.split('"').step_by(2);
    let names = quoted.map(|part| part.trim_matches(|c: char| !c.is_alphanumeric() && c != '_'));
    names.filter(|name| !name.is_empty()).collect()
}

/// The labels of a metric; `None` if nobody exports it.
fn labels_of(metric: &str) -> Option<BTreeSet<String>> {
    let family = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|part| metric.strip_suffix(part))
        .unwrap_or(metric);
    let own = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    if metric == PROMETHEUS.0 {
        return Some(own(&PROMETHEUS.1));
    }
    let start = format!("| `{family}` |");
    let mut lines = FAMILIES.iter().flat_map(|page| page.lines());
    let line = lines.find(|line| line.starts_with(&start))?;
    let labels = line.split('|').nth(3).unwrap().split(',');
    Some(labels.map(|label| label.trim().to_owned()).collect())
}
