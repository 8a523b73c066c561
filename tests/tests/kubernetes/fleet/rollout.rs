//! New pods in place of old ones, with clients on them.

use std::time::{Duration, Instant};

use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, assert_within_budget, load, prepare, spec, start_operator};

/// The reconnects of the whole fleet, by the second.
const BUDGET: u32 = 6;
/// Long enough for three drains in turn.
const ROLLOUT: Duration = Duration::from_secs(180);

#[test]
fn a_rollout_keeps_to_the_budget_and_loses_nothing() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "rollout");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let mut paced = spec(&url, 3);
        paced["drain"] = json!({ "reconnectsPerSecond": BUDGET });
        let fleet = Fleet::apply(&space, &client, "game", &paced);
        fleet.ready(DEADLINE).await;
        let old = fleet.pods();
        let load = load(&fleet, 60);

        let began = Instant::now();
        space.kubectl(&[
            "annotate",
            "realtimecluster",
            "game",
            "carillon.dev/restartedAt=2026-01-01T00:00:00Z",
        ]);
        fleet
            .condition("Draining", "True", Some("Rollout"), DEADLINE)
            .await;
        let mut most = 0;
        let done = async || {
            let pods = fleet.pods();
            most = most.max(pods.iter().filter(|pod| pod.terminating).count());
            let left = pods
                .iter()
                .filter(|pod| old.iter().any(|old| old.uid == pod.uid))
                .count();
            (left == 0).then_some(()).ok_or_else(|| format!("{pods:?}"))
        };
        until("the old pods have gone", ROLLOUT, done).await;
        println!(
            "three pods with 60 clients are replaced after {:?}, at most {most} drained at once",
            began.elapsed()
        );
        fleet.ready(DEADLINE).await;
        fleet.condition("Draining", "False", None, DEADLINE).await;
        let idle = |object: &Value| object["status"]["rollout"]["phase"] == "Idle";
        let (object, _) = fleet.until("the rollout is over", DEADLINE, idle).await;
        assert_eq!(object["status"]["updatedReplicas"], 3);
        assert_ne!(space.get(&["deployment", "game"])["spec"]["paused"], true);
        load.settle().await;
        assert_within_budget(&load, BUDGET);
        let trace = load.trace();
        assert!(
            trace.lost.len() >= 60,
            "everybody had to move: {}",
            trace.lost.len()
        );
    });
}

#[test]
fn kubectl_rollout_restart_survives() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "restart");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let old = fleet.pods();
        space.kubectl(&["rollout", "restart", "deployment/game"]);
        let done = async || {
            let pods = fleet.pods();
            let new = pods
                .iter()
                .filter(|pod| old.iter().all(|old| old.uid != pod.uid))
                .count();
            (new == 2 && pods.len() == 2)
                .then_some(())
                .ok_or_else(|| format!("{pods:?}"))
        };
        until("both pods are new", DEADLINE, done).await;
        fleet.ready(DEADLINE).await;
        let template = &space.get(&["deployment", "game"])["spec"]["template"];
        let at = &template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"];
        assert!(at.is_string(), "{template:#}");
    });
}
