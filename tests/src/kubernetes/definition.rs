//! Kinds that are not Kubernetes' own.

use std::fs;
use std::sync::{Mutex, PoisonError};

use super::Kubernetes;
use crate::gateway::workspace;
use crate::wait;

/// A kind of another project that the operator uses where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optional {
    /// Of the Gateway API.
    HttpRoute,
    /// Of prometheus-operator.
    PodMonitor,
    /// Of prometheus-operator.
    PrometheusRule,
}

impl Optional {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::HttpRoute, Self::PodMonitor, Self::PrometheusRule];

    fn file(self) -> &'static str {
        match self {
            Self::HttpRoute => "httproutes.yaml",
            Self::PodMonitor => "podmonitors.yaml",
            Self::PrometheusRule => "prometheusrules.yaml",
        }
    }

    /// The name of its definition.
    pub fn definition(self) -> &'static str {
        match self {
            Self::HttpRoute => "httproutes.gateway.networking.k8s.io",
            Self::PodMonitor => "podmonitors.monitoring.coreos.com",
            Self::PrometheusRule => "prometheusrules.monitoring.coreos.com",
        }
    }
}

/// Two who find nothing would both create it.
static INSTALLING: Mutex<()> = Mutex::new(());

impl Kubernetes {
    /// Installs the `RealtimeCluster` as it is committed, and waits until it is served.
    pub fn install_resource(&self) {
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let file = workspace().join("crds/realtimecluster.yaml");
        let text = fs::read_to_string(file).expect("the definition is committed");
        let applied = self.try_apply(&text);
        let applied = applied.unwrap_or_else(|error| panic!("kubectl apply: {error}"));
        if !applied.contains("unchanged") {
            self.established("realtimeclusters.carillon.dev");
        }
    }

    /// Installs a kind as its project publishes it, and waits until it is served.
    pub fn install(&self, kind: Optional) {
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.keeper.cache().join("kinds").join(kind.file());
        let file = file.to_string_lossy();
        // Some are too long for the annotation of a client-side apply.
        self.kubectl(&["apply", "--server-side", "--filename", &file]);
        self.established(kind.definition());
    }

    /// Installs all of them.
    pub fn install_optional(&self) {
        for kind in Optional::ALL {
            self.install(kind);
        }
    }

    fn established(&self, definition: &str) {
        let condition = r#"jsonpath={.status.conditions[?(@.type=="Established")].status}"#;
        // At first there are no conditions, of which kubectl makes an error.
        let served = || {
            let status = self.try_kubectl(&["get", "crd", definition, "--output", condition]);
            (status.as_deref() == Ok("True")).then_some(())
        };
        wait::until(&format!("{definition} is served"), served);
        // kubectl keeps for hours what kinds there were; there may be nothing kept yet.
        let _ = fs::remove_dir_all(self.folder().join("home/.kube/cache"));
    }
}
