//! The value set that sets every knob: `ci/everything-values.yaml` of each chart.

use std::fs;

use serde_json::Value;

use crate::chart;
use crate::values::Values;

/// What it leaves as it is, and the other set that has it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    // A digest wins over the tag.
    ("carillon", "image.tag", "narrow"),
    ("carillon-cluster", "devRedis.image.tag", "tags"),
    ("carillon-cluster", "test.image.tag", "tags"),
    ("carillon-cluster", "wait.image.tag", "tags"),
    // Without them there would be nothing to set the rest of.
    ("carillon", "podDisruptionBudget.enabled", "narrow"),
    ("carillon", "rbac.aggregate", "narrow"),
    ("carillon", "rbac.create", "narrow"),
    ("carillon", "serviceAccount.create", "narrow"),
    ("carillon", "serviceAccount.name", "narrow"),
    // One is in place of the other.
    ("carillon", "podDisruptionBudget.maxUnavailable", "budget"),
    // It is about the definition, which no set has.
    ("carillon", "crds.keep", "budget"),
];

fn set(chart_name: &str, name: &str) -> Value {
    let path = chart(chart_name).join(format!("ci/{name}-values.yaml"));
    let text = fs::read_to_string(&path).unwrap_or_default();
    serde_yaml::from_str(&text).unwrap()
}

/// What is described and holds nothing that is.
fn leaves(values: &Values) -> Vec<&str> {
    let paths: Vec<_> = values.described().map(|(path, _)| path.as_str()).collect();
    let holds = |path: &str| {
        paths
            .iter()
            .any(|other| other.starts_with(&format!("{path}.")))
    };
    let leaves = paths.iter().filter(|path| !holds(path));
    leaves.copied().collect()
}

fn is_set(values: &Values, set: &Value, path: &str) -> bool {
    let found = path.split('.').fold(set, |at, key| &at[key]);
    !found.is_null() && found != values.at(path)
}

#[test]
fn every_value_is_set() {
    for name in ["carillon", "carillon-cluster"] {
        let values = Values::read(&chart(name).join("values.yaml"));
        let everything = set(name, "everything");
        let elsewhere = |path: &str| {
            let row = ELSEWHERE.iter().find(|row| row.0 == name && row.1 == path);
            row.map(|row| row.2)
        };
        for path in leaves(&values) {
            let here = is_set(&values, &everything, path);
            match elsewhere(path) {
                None => assert!(here, "{name}: nothing sets {path}"),
                Some(other) => {
                    assert!(!here, "{name}: {path} is no exception");
                    let there = set(name, other);
                    assert!(
                        is_set(&values, &there, path),
                        "{name}: {other} sets no {path}"
                    );
                }
            }
        }
    }
}
