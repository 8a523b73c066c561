//! Commands inside the cluster.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::Kubernetes;

impl Kubernetes {
    /// A command that runs inside all namespaces of the cluster, as its administrator: `kubectl`,
    /// `ctr`, `etcdctl`, `promtool`, or any program of this machine.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = self.keeper.script("in");
        command.arg(program);
        command
    }

    /// What `kubectl` prints; panics when it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments)
            .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
    }

    /// What `kubectl` prints, or how it fails.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.inside("kubectl").args(arguments).output();
        printed(&output.expect("kubectl can be run"))
    }

    /// Applies manifests (YAML or JSON) as `kubectl apply` does; panics when they are refused.
    pub fn apply(&self, manifests: &str) {
        self.try_apply(manifests)
            .unwrap_or_else(|error| panic!("kubectl apply: {error}\n{manifests}"));
    }

    /// Applies manifests that name no namespace of their own in this one.
    pub(super) fn apply_in(&self, namespace: &str, manifests: &str) {
        let mut command = self.inside("kubectl");
        command.args(["apply", "--namespace", namespace, "--filename", "-"]);
        if let Err(error) = printed(&fed(&mut command, manifests)) {
            panic!("kubectl apply: {error}\n{manifests}");
        }
    }

    /// Applies manifests; the answer of the apiserver is the error.
    pub fn try_apply(&self, manifests: &str) -> Result<String, String> {
        let mut command = self.inside("kubectl");
        command.args(["apply", "--filename", "-"]);
        printed(&fed(&mut command, manifests))
    }

    /// What the API server answers to a body that is posted to a path.
    pub(super) fn posted(&self, path: &str, body: &str) -> Result<String, String> {
        let mut command = self.inside("kubectl");
        command.args(["create", "--raw", path, "--filename", "-"]);
        printed(&fed(&mut command, body))
    }

    /// What `ctr` prints; panics when it fails.
    pub(super) fn ctr(&self, arguments: &[&str]) -> String {
        let output = self.inside("ctr").args(arguments).output();
        printed(&output.expect("ctr can be run"))
            .unwrap_or_else(|error| panic!("ctr {}: {error}", arguments.join(" ")))
    }
}

/// Runs a command with `input` as its stdin.
pub(super) fn fed(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    // A command that fails early closes its end; its status tells then.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    child.wait_with_output().expect("it ends")
}

pub(super) fn printed(output: &Output) -> Result<String, String> {
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
