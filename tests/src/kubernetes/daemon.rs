//! Disturbing the cluster: its daemons killed, frozen and started again, its history compacted.

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::{Kubernetes, until};
use crate::wait;

/// How long a daemon may take to serve again.
const RESTART: Duration = Duration::from_secs(30);

/// A daemon of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// The apiserver.
    Apiserver,
    /// The controllers of Kubernetes.
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// The agent of the node.
    Kubelet,
    /// etcd.
    Etcd,
}

impl Daemon {
    fn name(self) -> &'static str {
        match self {
            Self::Apiserver => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::Etcd => "etcd",
        }
    }
}

impl Kubernetes {
    /// Sends a signal to a daemon by its name (`STOP` to freeze it, `CONT`).
    pub fn signal(&self, daemon: Daemon, signal: &str) {
        self.signal_inside(&self.id(daemon), signal);
    }

    /// Kills a daemon, and waits until it is gone and its port free.
    pub fn kill(&self, daemon: Daemon) {
        let id = self.id(daemon);
        self.signal_inside(&id, "KILL");
        let gone = || {
            let alive = self.inside("kill").args(["-0", &id]).output();
            (!alive.expect("kill can be run").status.success()).then_some(())
        };
        wait::until(&format!("{} is gone", daemon.name()), gone);
    }

    fn id(&self, daemon: Daemon) -> String {
        let id = fs::read_to_string(self.folder().join("pids").join(daemon.name()));
        id.expect("the daemon was started").trim().to_owned()
    }

    /// Starts a daemon again after it was killed.
    pub fn revive(&self, daemon: Daemon) {
        let control = fs::OpenOptions::new()
            .write(true)
            .open(self.folder().join("control"));
        let mut control = control.expect("the cluster reads its commands");
        writeln!(control, "{}", daemon.name()).expect("the cluster reads its commands");
    }

    /// Waits until the apiserver is ready, and returns how long that took.
    pub async fn apiserver_ready(&self) -> Duration {
        let ready = async || self.try_kubectl(&["get", "--raw", "/readyz", "--request-timeout=2s"]);
        until("the apiserver is ready", RESTART, ready).await.1
    }

    /// Restarts the apiserver with these admission plugins switched on beside the default ones.
    pub async fn admission(&self, plugins: &[&str]) {
        fs::write(self.folder().join("conf/admission"), plugins.join(","))
            .expect("the configuration can be written");
        self.kill(Daemon::Apiserver);
        self.revive(Daemon::Apiserver);
        self.apiserver_ready().await;
    }

    /// Forgets etcd's history up to now. A watch that resumes from before is answered 410 once
    /// the apiserver has restarted too, for it keeps a window of its own.
    pub fn compact(&self) {
        let status = self.etcdctl(&["endpoint", "status", "--write-out=json"]);
        let status: Value = serde_json::from_str(&status).expect("etcd's status is JSON");
        let revision = status[0]["Status"]["header"]["revision"].to_string();
        self.etcdctl(&["compact", &revision]);
    }

    fn etcdctl(&self, arguments: &[&str]) -> String {
        let output = self.inside("etcdctl").args(arguments).output();
        let output = output.expect("etcdctl can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(super) fn signal_inside(&self, id: &str, signal: &str) {
        let status = self.inside("kill").args(["-s", signal, id]).status();
        assert!(
            status.expect("kill can be run").success(),
            "kill -s {signal} {id} failed"
        );
    }
}
