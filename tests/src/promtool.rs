//! Alerts, as Prometheus's own tool evaluates them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// Series with one sample a minute, and which alerts fire after so long.
pub struct Case {
    /// Selectors, and values in promtool's notation.
    pub series: &'static [(&'static str, &'static str)],
    /// When it is asked, as a duration.
    pub after: &'static str,
    /// The names of those that fire then; no other may.
    pub firing: &'static [&'static str],
}

/// Checks the groups of a rules file, that each case has just the alerts fire that it says, and that each alert has a case in which it
/// fires, and one in which it does not though there is a metric that it is about. `series` puts in labels for the words of a selector.
pub fn check(groups: &Value, cases: &[Case], series: impl Fn(&str) -> String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "carillon-promtool-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("a folder of the test can be made");
    let (rules, tests) = (folder.join("rules.json"), folder.join("tests.json"));
    let file = json!({ "groups": groups });
    fs::write(&rules, file.to_string()).expect("it can be written");
    promtool(&["check", "rules", &rules.to_string_lossy()]);
    let cases_of_it: Vec<_> = cases.iter().map(|case| test(case, &series)).collect();
    let all =
        json!({ "rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": cases_of_it });
    fs::write(&tests, all.to_string()).expect("it can be written");
    promtool(&["test", "rules", &tests.to_string_lossy()]);
    fs::remove_dir_all(&folder).expect("it can be removed");
    for (alert, metrics) in alerts_and_metrics(groups) {
        let (fires, quiet): (Vec<_>, Vec<_>) = cases
            .iter()
            .partition(|case| case.firing.contains(&&*alert));
        assert!(!fires.is_empty(), "no case has {alert} fire");
        let is_of_it = |case: &&Case| {
            case.series
                .iter()
                .any(|(name, _)| metrics.contains(&metric(name)))
        };
        assert!(quiet.iter().any(is_of_it), "no case has {alert} not fire");
    }
}

/// The name of a series.
fn metric(series: &str) -> String {
    series.split('{').next().unwrap_or_default().to_owned()
}

/// Each alert, and the metrics that it and the recorded rules in it are about.
fn alerts_and_metrics(groups: &Value) -> Vec<(String, BTreeSet<String>)> {
    let groups = groups.as_array().into_iter().flatten();
    let rules: Vec<_> = groups
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
        .collect();
    let words = |rule: &Value| -> BTreeSet<String> {
        let text = rule["expr"].as_str().unwrap_or_default();
        let is_name = |c: char| c.is_alphanumeric() || "_:".contains(c);
        text.split(|c| !is_name(c)).map(str::to_owned).collect()
    };
    let recorded = |name: &String| {
        let mut rules = rules.iter();
        rules
            .find(|rule| rule["record"] == **name)
            .map(|rule| words(rule))
    };
    let alert = |rule: &&Value| {
        let mut metrics = words(rule);
        let behind: Vec<_> = metrics.iter().filter_map(recorded).collect();
        metrics.extend(behind.into_iter().flatten());
        Some((rule["alert"].as_str()?.to_owned(), metrics))
    };
    rules.iter().filter_map(alert).collect()
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).output();
    let output = output.expect("promtool comes with Debian's prometheus");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

/// As promtool takes it. Texts of alerts are not repeated here: which of them fire is asked of the series `ALERTS`.
fn test(case: &Case, series: impl Fn(&str) -> String) -> Value {
    let inputs = case
        .series
        .iter()
        .map(|(selector, values)| json!({ "series": series(selector), "values": values }));
    let samples = case
        .firing
        .iter()
        .map(|name| json!({ "labels": format!("{{alertname=\"{name}\"}}"), "value": 1 }));
    json!({
        "interval": "1m",
        "input_series": inputs.collect::<Vec<_>>(),
        "promql_expr_test": [{
            "expr": "group by (alertname) (ALERTS{alertstate=\"firing\"})",
            "eval_time": case.after,
            "exp_samples": samples.collect::<Vec<_>>(),
        }],
    })
}
