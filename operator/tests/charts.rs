//! What of the charts is made: copies of other generated files, `values.schema.json` and `README.md`. `UPDATE_DOCS=1` makes
//! them anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "charts/everything.rs"]
mod everything;
#[path = "charts/hub.rs"]
mod hub;
#[path = "charts/readme.rs"]
mod readme;
#[path = "charts/schema.rs"]
mod schema;
#[path = "charts/values.rs"]
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use carillon_tests::gateway::workspace;
use carillon_tests::generated::check_file;
use serde_json::Value;

use self::values::Values;

fn chart(name: &str) -> PathBuf {
    workspace().join("charts").join(name)
}

#[test]
fn copies() {
    for (from, to) in [
        ("crds/realtimecluster.yaml", "files/realtimecluster.yaml"),
        ("operator/rbac.yaml", "files/rbac.yaml"),
    ] {
        let text = fs::read_to_string(workspace().join(from)).unwrap();
        check_file(chart("carillon").join(to), &text);
    }
}

#[test]
fn dashboards() {
    let folder = chart("carillon").join("files/dashboards");
    let files = carillon_operator::build::dashboards::files();
    for (name, text) in &files {
        check_file(folder.join(name), text);
    }
    let found = fs::read_dir(&folder).unwrap().map(|one| one.unwrap());
    let found: BTreeSet<_> = found
        .map(|one| one.file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, files.into_keys().collect());
}

#[test]
fn schemas_and_tables() {
    let definition = fs::read_to_string(workspace().join("crds/realtimecluster.yaml")).unwrap();
    let definition: Value = serde_yaml::from_str(&definition).unwrap();
    let version = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let spec = Some(&version["properties"]["spec"]);
    for (name, rules, spec) in [
        ("carillon", schema::OPERATOR, None),
        ("carillon-cluster", schema::CLUSTER, spec),
    ] {
        let folder = chart(name);
        let values = Values::read(&folder.join("values.yaml"));
        assert_eq!(
            values.untold(),
            [""; 0],
            "a comment `# -- …` says what it is"
        );
        check_file(
            folder.join("values.schema.json"),
            &schema::of(&values, rules, spec),
        );
        check_file(folder.join("README.md"), &readme::of(&folder, &values));
    }
}

#[test]
fn versions_are_in_step() {
    for name in ["carillon", "carillon-cluster"] {
        let text = fs::read_to_string(chart(name).join("Chart.yaml")).unwrap();
        let chart: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"), "{name}");
    }
}
