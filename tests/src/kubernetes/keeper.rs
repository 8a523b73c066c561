//! The life of a cluster: it ends with this process, however that one ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::gateway::workspace;

/// Holds a cluster up by holding a pipe open.
pub(super) struct Keeper {
    name: String,
    child: Child,
    pipe: Option<ChildStdin>,
    cache: PathBuf,
    folder: PathBuf,
}

impl Keeper {
    pub(super) fn start(name: &str) -> Self {
        // Built here, so that a failure of the build is told as such.
        let mut cache = script(name, "build");
        let built = cache
            .stderr(Stdio::inherit())
            .output()
            .expect("a shell can be run");
        assert!(
            built.status.success(),
            "the cluster's programs cannot be built: see above"
        );
        let cache = PathBuf::from(String::from_utf8_lossy(&built.stdout).trim());
        let mut command = script(name, "keep");
        // A group of its own: a Ctrl-C must not reach it before it has cleaned up.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell can be run");
        let pipe = child.stdin.take();
        let output = child.stdout.take().expect("stdout is a pipe");
        let up = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "up");
        assert!(up, "the cluster {name} does not start: see above");
        let folder = cache.join("run").join(name);
        Self {
            name: name.to_owned(),
            child,
            pipe,
            cache,
            folder,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the programs are.
    pub(super) fn cache(&self) -> &Path {
        &self.cache
    }

    /// A script of `tests/cluster`, for this cluster.
    pub(super) fn script(&self, script_name: &str) -> Command {
        script(&self.name, script_name)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
    }
}

fn script(cluster: &str, script: &str) -> Command {
    let mut command = Command::new(workspace().join("tests/cluster").join(script));
    command.env("CARILLON_CLUSTER", cluster);
    command
}
