//! The operator as pods, for the fleets of one namespace.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Kubernetes, Namespace, Program, Shot, until};
use crate::gateway::workspace;
use crate::http::Request;

/// How long its pods may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// Its Deployment, ServiceAccount and Lease.
const NAME: &str = "carillon-operator";
/// The labels of its pods.
const PODS: &str = "app.kubernetes.io/component=operator";
/// The port of its metrics.
const METRICS: u16 = 8080;

/// How long a Lease lasts, after how long without a renewal the leader ends, and how often it renews.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTimes(pub [&'static str; 3]);

impl LeaseTimes {
    /// Short ones, so that another leads soon.
    pub const SHORT: Self = Self(["5s", "3s", "1s"]);
    /// Long ones, so that the leader outlives that the API server is away.
    pub const LONG: Self = Self(["120s", "100s", "2s"]);
}

/// A running operator: two pods, one of which leads; it ends with its namespace.
pub struct Operator<'a> {
    namespace: &'a Namespace<'a>,
}

impl<'a> Operator<'a> {
    /// Installs the resource, and an operator beside the fleets that it keeps, with these roles; waits until it is ready.
    pub async fn start(
        cluster: &Kubernetes,
        namespace: &'a Namespace<'_>,
        roles: &str,
        lease: LeaseTimes,
    ) -> Self {
        cluster.install_resource();
        namespace.apply(roles);
        namespace.apply(&deployment(cluster, namespace.name(), lease));
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

    /// Where a pod tells its metrics.
    pub fn metrics_of(&self, pod: &str) -> Result<SocketAddr, String> {
        let pods = self.namespace.pods(PODS);
        let address = pods.iter().find(|(name, _)| name == pod);
        let (_, ip) = address.ok_or_else(|| format!("no {pod} among {pods:?}"))?;
        Ok(SocketAddr::new(*ip, METRICS))
    }

    /// Waits until the leader has looked at fleets so many times more.
    pub async fn looks(&self, more: u32, deadline: Duration) {
        let counter = "controller_runtime_reconcile_total";
        self.counts(counter, &[], more, deadline).await;
    }

    /// Waits until the leader has decided so many times more, for this reason, how many pods a fleet needs.
    pub async fn decides(&self, reason: &str, more: u32, deadline: Duration) {
        let counter = "carillon_operator_scaling_decisions_total";
        let reason = format!("reason={reason:?}");
        self.counts(counter, &[&reason], more, deadline).await;
    }

    async fn counts(&self, counter: &str, labels: &[&str], more: u32, deadline: Duration) {
        let leader = async || {
            let leader = self.leader().ok_or_else(|| "nobody leads".to_owned())?;
            let address = self.metrics_of(&leader)?;
            Ok((address, metric(address, counter, labels)?))
        };
        let ((leader, before), _) = until("the leader tells its metrics", deadline, leader).await;
        let enough = async || {
            let now = metric(leader, counter, labels)?;
            (now >= before + f64::from(more))
                .then_some(())
                .ok_or_else(|| format!("{before}, and now {now}"))
        };
        let what = format!("{counter} {labels:?} has grown by {more}");
        until(&what, deadline, enough).await;
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

/// The sum of a metric of the operator at this address, over the series that have all of these labels.
pub fn metric(operator: SocketAddr, name: &str, labels: &[&str]) -> Result<f64, String> {
    let answer = Request::get("/metrics").send_to(operator, Duration::from_secs(2));
    let text = answer.map_err(|error| error.to_string())?.text();
    let series = text.lines().filter_map(|line| line.rsplit_once(' '));
    let of_name = series.filter(|(series, _)| series.split('{').next() == Some(name));
    let found = of_name.filter(|(series, _)| labels.iter().all(|label| series.contains(label)));
    Ok(found
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .sum())
}

/// The Deployment as it is committed, with times of the tests, for the fleets of one namespace.
fn deployment(cluster: &Kubernetes, namespace: &str, LeaseTimes(lease): LeaseTimes) -> String {
    let file = workspace().join("operator/deployment.yaml");
    let mut text = fs::read_to_string(file).expect("the Deployment is committed");
    let image = cluster.image(Program::Operator).name();
    let gateway = cluster.image(Program::Gateway).tag;
    let [duration, deadline, retry] = lease;
    let arguments = format!(
        "args: [run, --namespaces={namespace}, --default-tag={gateway}, --lease-duration={duration}, --renew-deadline={deadline}, --retry-period={retry}]"
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
