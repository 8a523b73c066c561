//! What the operator makes and the charts render to, beside the schemas of every Kubernetes that is supported.

use std::fs;
use std::path::PathBuf;

use carillon_tests::gateway::workspace;
use carillon_tests::scripts;
use serde_json::{Value, json};

/// The supported ones.
const VERSIONS: [&str; 4] = ["1.33", "1.34", "1.35", "1.36"];

/// Each has to be among the golden files, or nothing is proved of it.
const KINDS: [&str; 7] = [
    "ServiceAccount",
    "ConfigMap",
    "Service",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Deployment",
    "Ingress",
];

/// What the charts render to.
fn of_charts() -> Vec<PathBuf> {
    let folder = workspace().join("tests/golden/charts");
    let folders = fs::read_dir(folder).unwrap().map(|one| one.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn of_charts_fit_the_schemas_of_the_api() {
    let files = of_charts();
    let parameters = json!({ "files": files, "versions": VERSIONS });
    let counts: Value =
        serde_json::from_str(scripts::python("manifests.py", &parameters).trim()).unwrap();
    for kind in [
        "Deployment",
        "Job",
        "Pod",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ServiceAccount",
    ] {
        assert!(
            counts[kind].as_u64() >= Some(VERSIONS.len() as u64),
            "{kind} in {counts}"
        );
    }
}

fn golden() -> Vec<PathBuf> {
    let folder = workspace().join("operator/tests/golden");
    let entries = fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path().join("children.yaml"));
    files.filter(|path| path.exists()).collect()
}

#[test]
fn fit_the_schemas_of_the_api() {
    let files = golden();
    let report = scripts::python(
        "manifests.py",
        &json!({ "files": files, "versions": VERSIONS }),
    );
    let counts: Value = serde_json::from_str(report.trim()).unwrap();
    for kind in KINDS {
        assert!(
            counts[kind].as_u64() >= Some(VERSIONS.len() as u64),
            "{kind} in {counts}"
        );
    }
    let deployments = files.len() * VERSIONS.len();
    assert_eq!(counts["Deployment"], deployments);
}

/// The check can fail: a field that there is not, and a type that is not the field's.
#[test]
fn are_refused_where_they_do_not() {
    let folder = workspace().join(format!("target/test-manifests/{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let text = fs::read_to_string(workspace().join("operator/tests/golden/smallest/children.yaml"))
        .unwrap();
    for (good, bad) in [
        ("minReadySeconds: 5", "minReadyNever: 5"),
        ("minReadySeconds: 5", "minReadySeconds: soon"),
        (
            "      enableServiceLinks: false\n",
            "      enableServiceLinks: false\n      oops: {}\n",
        ),
    ] {
        let path = folder.join("children.yaml");
        assert!(text.contains(good));
        fs::write(&path, text.replace(good, bad)).unwrap();
        let parameters = json!({ "files": [path], "versions": ["1.36"] });
        let checked = std::panic::catch_unwind(|| scripts::python("manifests.py", &parameters));
        let refusal = checked.expect_err(bad);
        let text = refusal.downcast_ref::<String>().unwrap();
        assert!(
            text.contains("Deployment game by Kubernetes 1.36"),
            "{text}"
        );
    }
    fs::remove_dir_all(folder).unwrap();
}
