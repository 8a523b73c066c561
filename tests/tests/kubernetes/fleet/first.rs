//! From a resource to connected clients.

use carillon_tests::kubernetes::{self, Fleet, Load, redis, until};
use serde_json::json;

use super::{DEADLINE, prepare, rules_everywhere, spec, start_operator};

#[test]
fn a_resource_becomes_a_fleet_that_clients_reach() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let namespace = prepare(cluster, "first");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &namespace).await;
        let fleet = Fleet::apply(&namespace, &client, "game", &spec(&url, 2));
        let took = fleet.ready(DEADLINE).await;
        println!("two pods are ready {took:?} after the resource was applied");

        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let settled = |object: &serde_json::Value| object["status"]["rules"]["applied"] == 2;
        let (object, _) = fleet
            .until("the status tells the rules", DEADLINE, settled)
            .await;
        let status = &object["status"];
        for (path, expected) in [
            ("/replicas", json!(2)),
            ("/readyReplicas", json!(2)),
            ("/updatedReplicas", json!(2)),
            (
                "/rules",
                json!({ "hash": hash, "applied": 2, "rejected": 0 }),
            ),
            ("/rollout/phase", json!("Idle")),
            ("/selector", json!("carillon.dev/cluster=game")),
            ("/summary/ready", json!("2/2")),
        ] {
            assert_eq!(
                status.pointer(path),
                Some(&expected),
                "{path} of {status:#}"
            );
        }
        for kind in ["Reconciling", "Stalled"] {
            fleet.condition(kind, "False", None, DEADLINE).await;
        }
        fleet
            .condition("RulesApplied", "True", Some("Applied"), DEADLINE)
            .await;
        assert_eq!(fleet.pods().len(), 2);

        let load = Load::start(&fleet.url());
        load.connect("polling", 4, &["a"], &["polling"]);
        load.connect("websocket", 4, &["a"], &["websocket"]);
        load.connect("upgrade", 4, &["a"], &["polling", "websocket"]);
        assert_eq!(
            load.ask("polling-0", "echo", &[json!("hello")]),
            [json!("hello")]
        );
        load.publish("websocket-0", "a");
        load.post("backend", &fleet.api(), "a");
        let some = async || {
            let published = load.published();
            let all = published.values().all(|sent| sent.acked.last() >= 10);
            all.then_some(()).ok_or_else(|| format!("{published:?}"))
        };
        until("something is published", DEADLINE, some).await;
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);

        let counted = |object: &serde_json::Value| object["status"]["connections"] == 12;
        let (_, took) = fleet
            .until("the status counts the connections", DEADLINE, counted)
            .await;
        println!("the connections are counted after {took:?}");
    });
}
