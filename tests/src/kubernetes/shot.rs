//! Killing at a moment.

use std::process::{Child, Stdio};

use super::Kubernetes;

/// A SIGKILL that waits for its moment: to look for a process and enter its namespaces takes tenths of a second, this a
/// millisecond. Nothing is killed when the value is dropped.
#[derive(Debug)]
pub struct Shot(Child);

impl Shot {
    pub(super) fn at(cluster: &Kubernetes, process: &str) -> Self {
        let shell = cluster
            .inside("sh")
            .args(["-c", "read -r word && kill -s KILL \"$1\"", "sh", process])
            .stdin(Stdio::piped())
            .spawn();
        Self(shell.expect("a shell can be run"))
    }

    /// Kills.
    pub fn fire(mut self) {
        let mut pipe = self.0.stdin.take().expect("stdin is a pipe");
        std::io::Write::write_all(&mut pipe, b"now\n").expect("the shell waits");
        let status = self.0.wait().expect("the shell ends");
        assert!(status.success(), "nothing was killed: {status}");
    }
}

impl Drop for Shot {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
