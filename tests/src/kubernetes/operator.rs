//! The operator as pods, for the fleets of one namespace.

use std::fs;
use std::time::Duration;

use super::{Kubernetes, Namespace, Program, Shot};
use crate::gateway::workspace;

/// How long its pods may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// Its Deployment, ServiceAccount and Lease.
const NAME: &str = "carillon-operator";

/// A running operator: two pods, one of which leads; it ends with its namespace.
pub struct Operator<'a> {
    namespace: &'a Namespace<'a>,
}

impl<'a> Operator<'a> {
    /// Installs the resource, and an operator beside the fleets that it keeps, with these roles; waits until it is ready.
    pub async fn start(cluster: &Kubernetes, namespace: &'a Namespace<'_>, roles: &str) -> Self {
        cluster.install_resource();
        namespace.apply(roles);
        namespace.apply(&deployment(cluster, namespace.name()));
        namespace.rolled_out(NAME, READY).await;
        Self { namespace }
    }

    /// The pod that leads, by its Lease; none while nobody holds it.
    pub fn leader(&self) -> Option<String> {
        let lease = self.namespace.try_kubectl(&[
            "get",
            "lease",
            NAME,
            "--output=jsonpath={.spec.holderIdentity}",
        ]);
        let holder = lease.unwrap_or_default();
        let pod = holder.split('_').next().unwrap_or_default();
        (!pod.is_empty()).then(|| pod.to_owned())
    }

    /// Sends a signal to the process of a pod.
    pub fn signal(&self, pod: &str, signal: &str) {
        self.namespace.signal(pod, "operator", signal);
    }

    /// A SIGKILL for the process of a pod, for a moment that is still to come.
    pub fn aim(&self, pod: &str) -> Shot {
        self.namespace.aim(pod, "operator")
    }

    /// Deletes the pod of a process that was killed, for which a new one would wait longer each time, and waits until
    /// another is ready.
    pub async fn replace(&self, pod: &str) {
        self.namespace
            .kubectl(&["delete", "pod", pod, "--grace-period=0", "--force"]);
        self.namespace.rolled_out(NAME, READY).await;
    }

    /// The account under which its requests stand in the audit log.
    pub fn account(&self) -> String {
        format!("system:serviceaccount:{}:{NAME}", self.namespace.name())
    }

    /// Removes it, pods and all.
    pub fn remove(self) {
        let deployment = format!("deployment/{NAME}");
        self.namespace.kubectl(&[
            "delete",
            &deployment,
            "--cascade=foreground",
            "--timeout=60s",
        ]);
    }
}

/// The Deployment as it is committed, with the times of the tests, for the fleets of one namespace.
fn deployment(cluster: &Kubernetes, namespace: &str) -> String {
    let file = workspace().join("operator/deployment.yaml");
    let mut text = fs::read_to_string(file).expect("the Deployment is committed");
    let image = cluster.image(Program::Operator).name();
    let gateway = cluster.image(Program::Gateway).tag;
    let arguments = format!(
        "args: [run, --namespaces={namespace}, --default-tag={gateway}, --lease-duration=5s, --renew-deadline=3s, --retry-period=1s]"
    );
    let version = env!("CARGO_PKG_VERSION");
    for (committed, here) in [
        (
            "namespace: carillon-system",
            format!("namespace: {namespace}"),
        ),
        (
            &format!("image: carillon/operator:{version}"),
            format!("image: {image}"),
        ),
        (
            "imagePullPolicy: IfNotPresent",
            "imagePullPolicy: Never".to_owned(),
        ),
        ("args: [run]", arguments),
        ("cpu: 20m", "cpu: 10m".to_owned()),
    ] {
        assert!(text.contains(committed), "{committed} is not in {text}");
        text = text.replace(committed, &here);
    }
    text
}
