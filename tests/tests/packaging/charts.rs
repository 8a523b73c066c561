//! The charts as they are released: they name the images that the release has pushed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use carillon_tests::gateway::workspace;
use carillon_tests::packaging::run;
use serde_json::{Value, json};

const SOURCE: &str = "https://git.example.com/realtime/carillon";

/// The charts for a registry, in a folder of its own.
fn released(registry: &str, name: &str) -> PathBuf {
    let root = workspace().join("target/test-packaging");
    fs::create_dir_all(&root).unwrap();
    let folder = root.join(format!("charts-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let mut command = Command::new(workspace().join("scripts/charts"));
    command.args(["--registry", registry, "--source", SOURCE]);
    let said = run(command.arg(&folder));
    assert_eq!(said.lines().count(), 2, "{said}");
    folder
}

fn read(folder: &Path, file: &str) -> Value {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// The images of ours, as values, annotations and the definition have them.
fn images(folder: &Path) -> Vec<String> {
    let joined = |image: &Value| {
        let [registry, repository] = ["registry", "repository"].map(|key| image[key].as_str());
        format!("{}/{}", registry.unwrap(), repository.unwrap())
    };
    let operator = read(folder, "carillon/values.yaml");
    let fleet = read(folder, "carillon-cluster/values.yaml");
    let definition = read(folder, "carillon/files/realtimecluster.yaml");
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        ["properties"]["image"];
    let mut found = vec![
        joined(&operator["image"]),
        joined(&fleet["wait"]["image"]),
        joined(&fleet["test"]["image"]),
    ];
    for text in [
        &fleet["spec"]["image"]["repository"],
        &spec["default"]["repository"],
        &spec["properties"]["repository"]["default"],
    ] {
        found.push(text.as_str().unwrap().to_owned());
    }
    found
}

#[test]
fn name_what_was_pushed() {
    for registry in ["registry.example.com/realtime", "registry.example.com:5000"] {
        let folder = released(registry, &registry.len().to_string());
        let of = |program: &str| format!("{registry}/{program}");
        let (gateway, operator) = (of("gateway"), of("operator"));
        let expected = [&operator, &operator, &gateway, &gateway, &gateway, &gateway];
        assert_eq!(images(&folder).iter().collect::<Vec<_>>(), expected);
        for chart in ["carillon", "carillon-cluster"] {
            let file = fs::read_to_string(folder.join(chart).join("Chart.yaml")).unwrap();
            assert!(!file.contains(" carillon/"), "{file}");
            assert!(file.contains(&format!(" {gateway}:")), "{file}");
        }
        let notes = fs::read_to_string(folder.join("carillon/templates/NOTES.txt")).unwrap();
        let next = format!("helm install my oci://{registry}/charts/carillon-cluster ");
        assert!(notes.contains(&next), "{notes}");
        fs::remove_dir_all(folder).unwrap();
    }
}

/// What a release alone knows is there, and is YAML.
#[test]
fn say_what_is_new_and_where_it_is_from() {
    let folder = released("registry.example.com", "told");
    for chart in ["carillon", "carillon-cluster"] {
        let chart = read(&folder.join(chart), "Chart.yaml");
        assert_eq!(chart["home"], SOURCE);
        assert_eq!(chart["sources"], json!([SOURCE]));
        let annotation = |name: &str| {
            let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str();
            text.unwrap().to_owned()
        };
        assert_eq!(annotation("prerelease"), "false");
        let changes: Vec<Value> = serde_yaml::from_str(&annotation("changes")).unwrap();
        assert!(!changes.is_empty());
        for change in changes {
            assert!(
                change["kind"].is_string() && change["description"].is_string(),
                "{change}"
            );
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

/// The workflow packs these, and no others.
#[test]
fn are_what_the_workflow_packs() {
    let path = workspace().join(".github/workflows/release.yaml");
    let workflow = fs::read_to_string(path).unwrap();
    let made = "scripts/charts --registry \"$REGISTRY\" --source \"$GITHUB_SERVER_URL/$GITHUB_REPOSITORY\" charts-of-release";
    assert!(workflow.contains(made));
    for line in workflow
        .lines()
        .filter(|line| line.contains("helm package"))
    {
        assert!(line.contains("\"charts-of-release/$chart\""), "{line}");
    }
}
