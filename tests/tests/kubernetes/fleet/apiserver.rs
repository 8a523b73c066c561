//! The API server is away for a while.

use std::net::SocketAddr;
use std::time::Duration;

use carillon_tests::kubernetes::{self, Daemon, Fleet, LeaseTimes, Operator, metric, redis, until};
use serde_json::{Value, json};

use super::{
    DEADLINE, assert_untouched, load, namespace, prepare, rules_everywhere, spec, start_operator,
    start_operator_with, written,
};

/// How soon the operator publishes new rules, once its watches are made again: at most 2 s after the API server is back.
/// The kubelet, which brings them into the pods, may take as long again as it was away.
const PUBLISHED: Duration = Duration::from_secs(10);

/// The pod that leads, and where it tells its metrics.
fn leader(operator: &Operator<'_>) -> (String, SocketAddr) {
    let pod = operator.leader().unwrap();
    let metrics = operator.metrics_of(&pod).unwrap();
    (pod, metrics)
}

/// Whether the operator at this address leads; one that does not answer has ended.
fn leads(metrics: SocketAddr) -> bool {
    metric(metrics, "leader_election_master_status", &[]) == Ok(1.0)
}

/// How often each pod of an operator was started again.
fn restarts(space: &kubernetes::Namespace<'_>) -> Vec<(String, u64)> {
    let pods = space.get(&["pods", "--selector=app.kubernetes.io/component=operator"]);
    let pods = pods["items"].as_array().into_iter().flatten();
    pods.map(|pod| {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        (name, restarts.as_u64().unwrap())
    })
    .collect()
}

#[test]
fn while_the_apiserver_is_away_fleets_serve_and_then_all_goes_on() {
    kubernetes::alone(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "apiserver");
        let client = cluster.client().await;
        let operator = start_operator_with(cluster, &space, LeaseTimes::LONG).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        // Beside it one whose leader cannot renew its Lease so long.
        let short_space = cluster.namespace("apiserver-short");
        let short = start_operator(cluster, &short_space).await;
        let small = json!({ "namespaces": [namespace(&[])] });
        let small = Fleet::apply(&short_space, &client, "small", &small);
        small.ready(DEADLINE).await;
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (small_hash, _) = rules_everywhere(&small, "", DEADLINE).await;
        let (pods, small_pods) = (fleet.pods(), small.pods());
        let load = load(&fleet, 24);
        let ((kept, _), (lost, metrics)) = (leader(&operator), leader(&short));

        cluster.kill(Daemon::Apiserver);
        let ended = async || {
            (!leads(metrics))
                .then_some(())
                .ok_or_else(|| "it leads".to_owned())
        };
        let (_, took) = until("the leader with a short Lease has ended", DEADLINE, ended).await;
        println!("the leader with a short Lease ends {took:?} after the API server");
        assert_eq!(load.ask("websocket-1", "echo", &[json!(1)]), [json!(1)]);
        cluster.revive(Daemon::Apiserver);
        let took = cluster.apiserver_ready().await;
        println!("the API server is back after {took:?}");

        let rules = || space.get(&["configmap", "game-rules"])["data"].take();
        let (audit, before) = (cluster.audit(), rules());
        fleet.edit(&json!({ "namespaces": [namespace(&["after"])] }));
        let published = async || (rules() != before).then_some(()).ok_or_else(String::new);
        let (_, took) = until("the new rules are published", PUBLISHED, published).await;
        println!("the operator publishes rules {took:?} after the edit");
        let (_, took) = rules_everywhere(&fleet, &hash, DEADLINE).await;
        println!("every pod has them after {took:?} more");
        assert_eq!(load.ask("upgrade-1", "after", &[json!(2)]), [json!(2)]);
        assert_untouched(&pods, &fleet.pods());
        // Of what it has found again, nothing is written again.
        let written = written(&audit, &operator, &["events", "pods"]);
        let written: Vec<_> = written.iter().map(|write| &write.resource).collect();
        assert_eq!(written, ["configmaps"]);
        space.kubectl(&["scale", "rtc/game", "--replicas=3"]);
        let three = |object: &Value| object["status"]["readyReplicas"] == 3;
        fleet.until("there are three pods", DEADLINE, three).await;
        let now = fleet.pods();
        assert!(pods.iter().all(|pod| now.contains(pod)), "{pods:?} {now:?}");
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_eq!(operator.leader(), Some(kept));
        assert!(restarts(&space).iter().all(|(_, count)| *count == 0));

        // The other ended once, as it has to; one of the two leads again.
        small.edit(&json!({ "namespaces": [namespace(&["after"])] }));
        let (_, took) = rules_everywhere(&small, &small_hash, DEADLINE).await;
        println!("with another leader rules reach the pod {took:?} after the edit");
        assert_untouched(&small_pods, &small.pods());
        for (pod, count) in restarts(&short_space) {
            assert_eq!(count, u64::from(pod == lost), "{pod}");
        }
    });
}
