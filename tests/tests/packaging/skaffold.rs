//! skaffold.yaml and the values of a development fleet, by their schemas; `make test-skaffold` has skaffold itself read them.

use std::fs;
use std::path::Path;

use carillon_operator::cli::validate;
use carillon_tests::gateway::workspace;
use carillon_tests::{packaging, scripts};
use serde_json::{Value, json};

fn check(file: &str, schema: &Path) {
    let parameters = json!({ "file": workspace().join(file), "schema": schema });
    let faults = scripts::python("schema.py", &parameters);
    assert_eq!(faults, "", "{file}");
}

fn read(file: &str) -> Value {
    let text = fs::read_to_string(workspace().join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

#[test]
fn fits_its_newest_schema() {
    let version = read("skaffold.yaml")["apiVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let name = version.strip_prefix("skaffold/").unwrap();
    let schema = packaging::tools().join(format!("schema/{name}.json"));
    assert!(schema.exists(), "{version} is not the newest");
    check("skaffold.yaml", &schema);
}

#[test]
fn names_files_that_there_are() {
    let skaffold = read("skaffold.yaml");
    let mut files = Vec::new();
    for artifact in skaffold["build"]["artifacts"].as_array().unwrap() {
        let custom = &artifact["custom"];
        let command = custom["buildCommand"].as_str().unwrap();
        files.push(command.split(' ').next().unwrap());
        let paths = custom["dependencies"]["paths"].as_array().unwrap();
        files.extend(
            paths
                .iter()
                .map(|path| path.as_str().unwrap().trim_end_matches("/**")),
        );
    }
    for release in skaffold["deploy"]["helm"]["releases"].as_array().unwrap() {
        files.push(release["chartPath"].as_str().unwrap());
        let values = release["valuesFiles"].as_array().into_iter().flatten();
        files.extend(values.map(|path| path.as_str().unwrap()));
    }
    for file in files {
        assert!(workspace().join(file).exists(), "{file}");
    }
}

#[test]
fn the_values_of_the_fleet_fit_the_chart() {
    let schema = workspace().join("charts/carillon-cluster/values.schema.json");
    check("deploy/dev-values.yaml", &schema);
}

/// What the operator would say of that fleet.
#[test]
fn the_values_of_the_fleet_are_a_good_fleet() {
    let values = fs::read_to_string(workspace().join("deploy/dev-values.yaml")).unwrap();
    let head =
        "apiVersion: carillon.dev/v1alpha1\nkind: RealtimeCluster\nmetadata: { name: chat }\n";
    let report = validate::report("dev-values.yaml", &format!("{head}{values}"));
    assert_eq!(report.faults, 0, "{}", report.text);
}
