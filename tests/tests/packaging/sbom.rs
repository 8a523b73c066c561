//! The lists of what our programs are made of: CycloneDX by its own schema, and true.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use carillon_tests::gateway::workspace;
use carillon_tests::{packaging, scripts};
use serde_json::{Value, json};

fn made(program: &str) -> Value {
    let folder = workspace().join("target/test-packaging");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{program}-{}.cdx.json", std::process::id()));
    let mut command = Command::new(workspace().join("scripts/sbom"));
    packaging::run(
        command
            .arg(program)
            .arg(&path)
            .args(["--part", "glibc@2.36"]),
    );
    let valid = scripts::python("sbom.py", &json!({ "file": path }));
    assert_eq!(valid.trim(), "valid");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn names(list: &Value, key: &str) -> BTreeSet<String> {
    let entries = list.as_array().unwrap().iter();
    entries
        .map(|entry| entry[key].as_str().unwrap().to_owned())
        .collect()
}

fn check(program: &str, there: &[&str], absent: &[&str]) {
    let sbom = made(program);
    let itself = &sbom["metadata"]["component"];
    assert_eq!(itself["name"], format!("carillon-{program}"));
    assert_eq!(itself["version"], env!("CARGO_PKG_VERSION"));
    let crates = names(&sbom["components"], "name");
    for name in there {
        assert!(crates.contains(*name), "{program} has {name}");
    }
    for name in absent {
        assert!(!crates.contains(*name), "{program} has no {name}");
    }
    for component in sbom["components"].as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        let ours = name.starts_with("carillon-");
        let of_cargo = component["bom-ref"]
            .as_str()
            .unwrap()
            .starts_with("pkg:cargo/");
        assert_eq!(component["purl"].is_null(), ours, "{name}");
        assert_eq!(component["hashes"].is_null(), ours || !of_cargo, "{name}");
        assert_eq!(component["licenses"].is_null(), !of_cargo, "{name}");
    }
    // Whatever is there is used by something, from the program down.
    let uses = sbom["dependencies"].as_array().unwrap().iter();
    let used: BTreeSet<String> = uses
        .flat_map(|entry| entry["dependsOn"].as_array().unwrap())
        .map(|used| used.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(used, names(&sbom["components"], "bom-ref"));
}

/// Linked crates are there; those of tests, of build scripts and of macros are not.
#[test]
fn tell_what_is_linked() {
    check(
        "gateway",
        &[
            "axum",
            "rustls",
            "tikv-jemalloc-sys",
            "carillon-crds",
            "glibc",
        ],
        &["kube", "proptest", "serde_derive", "cc", "carillon-tests"],
    );
    check(
        "operator",
        &["kube", "rustls", "carillon-crds", "glibc"],
        &[
            "fastwebsockets",
            "proptest",
            "serde_derive",
            "cc",
            "carillon-tests",
        ],
    );
}

/// The check can fail.
#[test]
fn are_refused_where_they_do_not_fit() {
    let folder = workspace().join("target/test-packaging");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("bad-{}.cdx.json", std::process::id()));
    let bad = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{ "type": "crate", "name": "a" }] });
    fs::write(&path, bad.to_string()).unwrap();
    let told = scripts::python("sbom.py", &json!({ "file": path }));
    assert!(told.contains("crate"), "{told}");
    fs::remove_file(path).unwrap();
}
