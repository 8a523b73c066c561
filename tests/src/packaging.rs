//! What checks the files around our programs: tools in Go, and documents that are read as their users read them.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::gateway::workspace;

/// The folder of the tools, built once for this run.
pub fn tools() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let output = run(&mut Command::new(workspace().join("tests/packaging/build")));
        PathBuf::from(output.trim())
    };
    FOLDER.get_or_init(build).clone()
}

/// What a tool prints, run in the workspace.
pub fn tool(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(tools().join(name));
    command.args(arguments).current_dir(workspace());
    run(&mut command)
}

/// As [`tool`], for those that print JSON.
pub fn json(name: &str, arguments: &[&str]) -> Value {
    let text = tool(name, arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
}

/// What a command prints that succeeds.
pub fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(
        status.success(),
        "{command:?}: {status}\n{text}{}",
        String::from_utf8_lossy(&stderr)
    );
    text
}
