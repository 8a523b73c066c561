//! skaffold.yaml and the values of a development fleet, by their schemas; `make test-skaffold` has skaffold itself read them.

use std::collections::BTreeSet;
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
        let paths = paths.iter().map(|path| path.as_str().unwrap());
        files.extend(paths.map(|path| path.trim_end_matches("/**").trim_start_matches("*/")));
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

/// The scripts that a script calls, and those that these call: what it names of `scripts`.
fn called(script: &str, found: &mut BTreeSet<String>) {
    if !found.insert(script.to_owned()) {
        return;
    }
    let text = fs::read_to_string(workspace().join(script)).unwrap();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "-/".contains(letter);
        let words = line.split(|letter| !is_of_a_name(letter));
        for word in words.filter(|word| word.starts_with("scripts/")) {
            called(word, found);
        }
    }
}

/// An edit of anything that an image is made of builds it again.
#[test]
fn watches_what_its_builds_read() {
    let skaffold = read("skaffold.yaml");
    let mut scripts = BTreeSet::new();
    called("scripts/skaffold-build", &mut scripts);
    assert!(scripts.contains("scripts/version"), "{scripts:?}");
    for artifact in skaffold["build"]["artifacts"].as_array().unwrap() {
        let custom = &artifact["custom"];
        let paths: BTreeSet<_> = custom["dependencies"]["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_str().unwrap())
            .collect();
        let command = custom["buildCommand"].as_str().unwrap();
        let program = command.split(' ').nth(1).unwrap();
        let sources = [
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain.toml",
            "*/Cargo.toml",
            "crds/**",
        ];
        let own = format!("{program}/**");
        let named = scripts.iter().map(String::as_str).chain(sources);
        for path in named.chain([own.as_str(), "deploy/image/**"]) {
            assert!(paths.contains(path), "{program}: {path}");
        }
    }
}

/// Every image of the charts is one that was built: those that they name by themselves are of a release.
#[test]
fn every_image_of_ours_is_the_built_one() {
    let built = [
        ("carillon", "image", "operator"),
        ("chat", "spec.image", "gateway"),
        ("chat", "wait.image", "operator"),
        ("chat", "test.image", "gateway"),
    ];
    let skaffold = read("skaffold.yaml");
    let releases = skaffold["deploy"]["helm"]["releases"].as_array().unwrap();
    let script = fs::read_to_string(workspace().join("scripts/dev-cluster")).unwrap();
    for (name, image, program) in built {
        let release = releases.iter().find(|release| release["name"] == name);
        let values = &release.unwrap()["setValueTemplates"];
        for (field, template) in [("repository", "REPO"), ("tag", "TAG")] {
            let expected = format!("{{{{.IMAGE_{template}_carillon_{program}}}}}");
            assert_eq!(values[format!("{image}.{field}")], expected, "{image}");
        }
        assert!(script.contains(&format!("\"{image}.tag=$tag\"")), "{image}");
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
