//! One version everywhere, and one command that changes it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use carillon_tests::gateway::workspace;

/// The files that `scripts/version` knows, by its own table.
fn places() -> Vec<String> {
    let text = fs::read_to_string(workspace().join("scripts/version")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("    (\""));
    rows.map(|row| row.split('"').next().unwrap().to_owned())
        .collect()
}

fn version(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(root.join("scripts/version"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn is_the_same_everywhere() {
    let output = version(&workspace(), &[]);
    assert_eq!(
        text(&output.stdout),
        env!("CARGO_PKG_VERSION"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn is_bumped_everywhere() {
    let root = workspace().join(format!(
        "target/test-packaging/version-{}",
        std::process::id()
    ));
    for name in places()
        .iter()
        .map(String::as_str)
        .chain(["scripts/version"])
    {
        let copy = root.join(name);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(workspace().join(name), copy).unwrap();
    }
    let bumped = version(&root, &["10.20.30-rc.1"]);
    assert!(bumped.status.success(), "{}", text(&bumped.stderr));
    assert_eq!(text(&version(&root, &[]).stdout), "10.20.30-rc.1");

    let chart = root.join("charts/carillon/Chart.yaml");
    let behind = fs::read_to_string(&chart)
        .unwrap()
        .replace("appVersion: 10.20.30-rc.1", "appVersion: 9.9.9");
    fs::write(&chart, behind).unwrap();
    for arguments in [&[][..], &["11.0.0"]] {
        let refused = version(&root, arguments);
        assert!(!refused.status.success());
        assert!(text(&refused.stderr).contains("charts/carillon/Chart.yaml"));
    }
    for bad in ["1.2", "v1.2.3", "1.2.3+build"] {
        assert!(!version(&workspace(), &[bad]).status.success(), "{bad}");
    }
    fs::remove_dir_all(root).unwrap();
}
