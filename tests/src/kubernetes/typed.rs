//! Commands of the documentation, typed inside the cluster.

use std::fs;
use std::os::unix::fs::symlink;

use super::Kubernetes;
use crate::desk::{self, Desk};

impl Kubernetes {
    /// What commands print that succeed, typed at this desk by the cluster's administrator, whose `helm` is of this
    /// version.
    pub fn typed(&self, desk: &Desk, helm: u8, commands: &str) -> String {
        let folder = desk.folder().join(format!("helm-{helm}"));
        if !folder.exists() {
            let program = self.keeper.cache().join(format!("helm/helm{helm}"));
            fs::create_dir(&folder).expect("a folder of the desk can be made");
            symlink(program, folder.join("helm")).expect("a link on the desk can be made");
        }
        let mut shell = self.inside("sh");
        let output = shell
            .args(["-ec", commands])
            .current_dir(desk.folder())
            .env("PATH", desk::path(&[&folder]))
            .output();
        let output = output.expect("a shell can be run");
        if !output.status.success() {
            for kinds in ["pods,realtimeclusters", "events"] {
                let state = self.try_kubectl(&["get", kinds, "--all-namespaces"]);
                eprintln!("--- {}", state.unwrap_or_else(|error| error));
            }
        }
        desk::said(commands, &output)
    }
}
