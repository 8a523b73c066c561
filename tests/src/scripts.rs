//! Running the clients that are not ours: scripts in Node and Python, which report in JSON lines.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::gateway::workspace;
use crate::process::Process;
use crate::wait;

const INSTALL: &str = "run scripts/test-deps to install what the tests need";

/// Runs a scenario of `tests/node/scenarios` to its end and returns what it reported.
pub fn node(scenario: &str, parameters: &Value) -> Vec<Value> {
    let mut command = node_command("run.mjs");
    command.arg(scenario).arg(parameters.to_string());
    reports(scenario, &mut command)
}

/// Runs a script of `tests/node` to its end and returns what it reported.
pub fn node_script(script: &str, parameters: &Value) -> Vec<Value> {
    let mut command = node_command(script);
    command.arg(parameters.to_string());
    reports(script, &mut command)
}

fn reports(scenario: &str, command: &mut Command) -> Vec<Value> {
    let output = command.output().expect("node can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "scenario {scenario} failed:\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let reports: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("reports are JSON"))
        .collect();
    assert!(!reports.is_empty(), "scenario {scenario} checked nothing");
    reports
}

/// Starts a script of `tests/node` that prints one JSON line once it serves; returns that line.
pub fn node_server(script: &str, parameters: &Value) -> (Process, Value) {
    let mut command = node_command(script);
    command.arg(parameters.to_string());
    let process = Process::start(script, &mut command);
    let line = wait::until(&format!("{script} serves"), || {
        let output = process.output();
        let line = output.lines().find(|line| line.starts_with('{'))?;
        serde_json::from_str(line).ok()
    });
    (process, line)
}

/// Runs a script of `tests/python` to its end and returns what it printed.
pub fn python(script: &str, parameters: &Value) -> String {
    let folder = workspace().join("tests/python");
    let python = workspace().join("target/test-python/bin/python");
    assert!(python.exists(), "no Python client: {INSTALL}");
    let output = Command::new(python)
        .arg(script)
        .arg(parameters.to_string())
        .current_dir(folder)
        .output()
        .expect("python can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{script} failed:\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Where Chromium is: `CHROMIUM`, or the place of the Debian package.
pub fn chromium() -> PathBuf {
    let path =
        std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    assert!(
        path.exists(),
        "no Chromium at {}: {INSTALL}",
        path.display()
    );
    path
}

pub(crate) fn node_command(script: &str) -> Command {
    let folder = workspace().join("tests/node");
    assert!(
        folder.join("node_modules/socket.io-client").exists(),
        "no Node clients: {INSTALL}"
    );
    let mut command = Command::new("node");
    command.arg(folder.join(script)).current_dir(folder);
    command
}
