//! Charts, installed by Helm.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Kubernetes;
use super::kubectl::{fed, printed};
use crate::gateway::{target, workspace};

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
        self.apply_from(release, &of_ours(chart), values)
    }

    /// The same of a chart at this place.
    pub fn apply_from(
        &self,
        release: &str,
        chart: &Path,
        values: &Value,
    ) -> Result<String, String> {
        let chart = chart.to_string_lossy();
        let arguments = ["upgrade", release, &chart, "--install", "--wait"];
        let arguments = [&arguments[..], &["--timeout=3m", "--values=-"]].concat();
        self.run(&arguments, &values.to_string())
    }

    /// A chart of ours packed as this version; tells where it is.
    pub fn pack(&self, chart: &str, version: &str) -> PathBuf {
        let packed = target().join("charts").join(self.major.to_string());
        let (from, to) = (of_ours(chart), packed.to_string_lossy());
        let from = from.to_string_lossy();
        let versions = [
            format!("--version={version}"),
            format!("--app-version={version}"),
        ];
        let arguments = [
            "package",
            &from,
            "--destination",
            &to,
            &versions[0],
            &versions[1],
        ];
        self.run(&arguments, "").expect("a chart can be packed");
        packed.join(format!("{chart}-{version}.tgz"))
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
        let folder = of_ours(chart);
        let arguments = ["template", release, &folder.to_string_lossy(), "--values=-"];
        self.run(&arguments, &values.to_string())
    }

    /// What an install of a chart of ours with these values would tell, without doing it.
    pub fn notes(&self, chart: &str, values: &Value) -> Result<String, String> {
        let folder = of_ours(chart);
        let folder = folder.to_string_lossy();
        let arguments = ["install", "talk", &folder, "--dry-run=client"];
        // Helm 3 asks even then whose a definition is that is there.
        let arguments = [&arguments[..], &["--take-ownership", "--values=-"]].concat();
        let said = self.run(&arguments, &values.to_string())?;
        let notes = said.split_once("\nNOTES:\n");
        Ok(notes.ok_or("it has no notes")?.1.to_owned())
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.cluster.inside(&format!("helm{}", self.major));
        command
            .args(["--namespace", self.namespace])
            .args(arguments);
        printed(&fed(&mut command, input))
    }
}

fn of_ours(chart: &str) -> PathBuf {
    workspace().join("charts").join(chart)
}
