//! New pods that never become ready.

use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, assert_untouched, load, prepare, spec, start_operator};

#[test]
fn a_rollout_whose_pods_fail_stops_and_the_old_ones_serve_on() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "stuck");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let mut impatient = spec(&url, 2);
        impatient["rollout"] = json!({ "minReadySeconds": 1, "progressDeadline": "15s" });
        let fleet = Fleet::apply(&space, &client, "game", &impatient);
        fleet.ready(DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 24));
        let image = fleet.object()["spec"]["image"].clone();

        fleet.edit(&json!({ "image": { "tag": "none-such" } }));
        let reason = Some("ProgressDeadlineExceeded");
        let took = fleet.condition("Stalled", "True", reason, DEADLINE).await;
        println!("a rollout without an image is stalled after {took:?}");
        let stuck = |object: &Value| object["status"]["rollout"]["phase"] == "Stuck";
        fleet.until("it says so", DEADLINE, stuck).await;
        let told = async || {
            let events = space.get(&["events"]).to_string();
            events.contains("RolloutStuck").then_some(()).ok_or(events)
        };
        until("an event says so", DEADLINE, told).await;
        let now = fleet.pods();
        assert!(pods.iter().all(|pod| now.contains(pod)), "{pods:?} {now:?}");
        assert_eq!(load.ask("websocket-1", "echo", &[json!(1)]), [json!(1)]);

        fleet.edit(&json!({ "image": { "tag": image["tag"] } }));
        fleet.condition("Stalled", "False", None, DEADLINE).await;
        let idle = |object: &Value| object["status"]["rollout"]["phase"] == "Idle";
        fleet.until("the rollout is over", DEADLINE, idle).await;
        fleet.ready(DEADLINE).await;
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.serving());
    });
}
