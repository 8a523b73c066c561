//! Alerts, as Prometheus's own tool evaluates them.

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

/// Checks the groups of a rules file, and that each case has just the alerts fire that it says, and each alert a case in which it
/// fires. `series` puts in labels for the words of a selector.
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
    for alert in alerts(groups) {
        let fires = cases.iter().any(|case| case.firing.contains(&&*alert));
        assert!(fires, "no case has {alert} fire");
    }
}

/// The names of all alerts of the groups.
pub fn alerts(groups: &Value) -> Vec<String> {
    let groups = groups.as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let names = rules.filter_map(|rule| rule["alert"].as_str());
    names.map(str::to_owned).collect()
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
