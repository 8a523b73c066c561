//! The node of a fleet is not heard of for a while.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Daemon, Fleet, Kubernetes, redis, until};
use serde_json::json;

use super::{DEADLINE, assert_untouched, load, prepare, spec, start_operator, written};

/// How long Kubernetes waits for a node, and twice that again.
const NOTICED: Duration = Duration::from_secs(150);

/// Waits until Kubernetes has this of the node.
async fn node(cluster: &Kubernetes, ready: &str) -> Duration {
    let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    let is = async || {
        let status = cluster.try_kubectl(&["get", "node", "node", "--output", path])?;
        (status == ready).then_some(()).ok_or(status)
    };
    until(&format!("the node is ready: {ready}"), NOTICED, is)
        .await
        .1
}

#[test]
fn a_node_that_is_not_heard_of_changes_nothing() {
    kubernetes::alone(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "node");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 3));
        fleet.ready(DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 12));
        let audit = cluster.audit();

        cluster.signal(Daemon::Kubelet, "STOP");
        let took = node(cluster, "Unknown").await;
        println!("the node is given up after {took:?}");
        fleet
            .condition("Ready", "False", Some("PodsNotReady"), DEADLINE)
            .await;
        // The pods serve on.
        assert_eq!(load.ask("websocket-1", "echo", &[json!(1)]), [json!(1)]);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_untouched(&pods, &fleet.pods());

        cluster.signal(Daemon::Kubelet, "CONT");
        let took = node(cluster, "True").await;
        println!("the node is back after {took:?}");
        fleet.ready(DEADLINE).await;
        load.settle().await;
        assert_untouched(&pods, &fleet.pods());
        assert_eq!(written(&audit, &operator, &["events"]), []);
    });
}
