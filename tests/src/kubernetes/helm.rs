//! Charts, installed by Helm.

use serde_json::Value;

use super::Kubernetes;
use super::kubectl::{fed, printed};
use crate::gateway::workspace;

/// The versions of Helm that charts have to work with.
pub const MAJORS: [u8; 2] = [3, 4];

/// Helm, for one namespace.
pub struct Helm<'a> {
    cluster: &'a Kubernetes,
    major: u8,
    namespace: &'a str,
}

impl Kubernetes {
    /// Helm of this version, for the releases of a namespace.
    pub fn helm<'a>(&'a self, major: u8, namespace: &'a str) -> Helm<'a> {
        Helm {
            cluster: self,
            major,
            namespace,
        }
    }
}

impl Helm<'_> {
    /// Installs or upgrades a chart of ours with these values, and waits.
    pub fn apply(&self, release: &str, chart: &str, values: &Value) -> Result<String, String> {
        let folder = workspace().join("charts").join(chart);
        let folder = folder.to_string_lossy();
        let arguments = ["upgrade", release, &folder, "--install", "--wait"];
        let arguments = [&arguments[..], &["--timeout=3m", "--values=-"]].concat();
        self.run(&arguments, &values.to_string())
    }

    /// Goes back to a revision, and waits.
    pub fn rollback(&self, release: &str, revision: u8) -> Result<String, String> {
        let revision = revision.to_string();
        self.run(
            &["rollback", release, &revision, "--wait", "--timeout=3m"],
            "",
        )
    }

    /// Removes a release.
    pub fn uninstall(&self, release: &str) -> Result<String, String> {
        self.run(&["uninstall", release, "--wait", "--timeout=3m"], "")
    }

    /// Runs the tests of a release; returns their logs.
    pub fn test(&self, release: &str) -> Result<String, String> {
        self.run(&["test", release, "--logs", "--timeout=1m"], "")
    }

    /// What a chart of ours renders to with these values, or how they are refused.
    pub fn render(&self, release: &str, chart: &str, values: &Value) -> Result<String, String> {
        let folder = workspace().join("charts").join(chart);
        let folder = folder.to_string_lossy();
        self.run(
            &["template", release, &folder, "--values=-"],
            &values.to_string(),
        )
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.cluster.inside(&format!("helm{}", self.major));
        command
            .args(["--namespace", self.namespace])
            .args(arguments);
        printed(&fed(&mut command, input))
    }
}
