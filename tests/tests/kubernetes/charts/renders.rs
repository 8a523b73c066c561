//! What the charts render to, for the value sets in their folders `ci`. `UPDATE_GOLDEN=1` writes it anew.

use std::fs;
use std::path::Path;

use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{self, Helm, MAJORS};
use serde_json::Value;

use super::CHARTS;

/// The value sets of a chart, by name.
fn sets(chart: &str) -> Vec<(String, Value)> {
    let folder = workspace().join("charts").join(chart).join("ci");
    let mut sets: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let values = serde_yaml::from_str(&fs::read_to_string(&path).unwrap());
            (name, values.unwrap())
        })
        .collect();
    sets.sort_by(|one, other| one.0.cmp(&other.0));
    sets
}

#[test]
fn are_as_committed_by_both_versions_of_helm() {
    kubernetes::test(async |cluster| {
        for chart in CHARTS {
            let sets = sets(chart);
            assert!(sets.len() > 1, "{chart} has no value sets");
            for (name, values) in sets {
                let golden = workspace().join(format!("tests/golden/charts/{chart}/{name}.yaml"));
                for major in MAJORS {
                    same(&cluster.helm(major, "chat"), chart, &values, &golden);
                }
            }
        }
    });
}

/// The documents in an order of ours: versions of Helm have different ones.
fn sorted(rendered: &str) -> String {
    let documents = rendered.split("---\n").map(str::trim);
    let mut documents: Vec<_> = documents.filter(|text| !text.is_empty()).collect();
    documents.sort_unstable();
    documents.join("\n---\n") + "\n"
}

fn same(helm: &Helm<'_>, chart: &str, values: &Value, golden: &Path) {
    let rendered = sorted(&helm.render("talk", chart, values).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(golden, &rendered).unwrap();
    }
    let committed = fs::read_to_string(golden).unwrap_or_default();
    assert!(
        rendered == committed,
        "{} is not what the chart renders to (UPDATE_GOLDEN=1 writes it):\n{rendered}",
        golden.display()
    );
}
