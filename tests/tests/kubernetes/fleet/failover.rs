//! The operator's pods are killed and frozen while there is work to do.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Operator, redis, until};
use serde_json::json;

use super::{DEADLINE, load, namespace, prepare, rules_everywhere, spec, start_operator};

/// The lease of the tests, and a second.
pub(super) const TAKEOVER: Duration = Duration::from_secs(6);
/// How soon a standby leads when the leader says goodbye.
const HANDOVER: Duration = Duration::from_secs(2);

/// Waits until another pod than this leads.
pub(super) async fn other_leader(
    start_operator: &Operator<'_>,
    than: &str,
    deadline: Duration,
) -> (String, Duration) {
    let other = async || {
        let leader = start_operator.leader().ok_or_else(|| "nobody".to_owned())?;
        (leader != than).then_some(leader.clone()).ok_or(leader)
    };
    until("another pod leads", deadline, other).await
}

#[test]
fn a_leader_that_ends_hands_over_at_once() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "handover");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 1));
        fleet.ready(DEADLINE).await;
        let leader = operator.leader().unwrap();
        operator.signal(&leader, "TERM");
        let (_, took) = other_leader(&operator, &leader, HANDOVER + Duration::from_secs(1)).await;
        println!("handed over after {took:?}");
        assert!(took <= HANDOVER, "handed over after {took:?}");
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        fleet.edit(&json!({ "namespaces": [namespace(&["after"])] }));
        rules_everywhere(&fleet, &hash, Duration::from_secs(5)).await;
    });
}

#[test]
fn a_leader_that_is_killed_in_a_rollout_is_replaced() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "killed");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let mut paced = spec(&url, 2);
        paced["drain"] = json!({ "reconnectsPerSecond": 5 });
        let fleet = Fleet::apply(&space, &client, "game", &paced);
        fleet.ready(DEADLINE).await;
        let old = fleet.pods();
        let load = load(&fleet, 40);
        space.kubectl(&[
            "annotate",
            "realtimecluster",
            "game",
            "carillon.dev/restartedAt=2026-01-01T00:00:00Z",
        ]);
        fleet
            .condition("Draining", "True", Some("Rollout"), DEADLINE)
            .await;
        let leader = operator.leader().unwrap();
        operator.signal(&leader, "KILL");
        let (_, took) = other_leader(&operator, &leader, TAKEOVER + Duration::from_secs(1)).await;
        println!("taken over after {took:?}");
        assert!(took <= TAKEOVER, "taken over after {took:?}");
        let gone = async || {
            let pods = fleet.pods();
            let left = pods
                .iter()
                .any(|pod| old.iter().any(|old| old.uid == pod.uid));
            (!left && pods.len() == 2)
                .then_some(())
                .ok_or_else(|| format!("{pods:?}"))
        };
        until("the rollout is over", Duration::from_secs(120), gone).await;
        fleet.ready(DEADLINE).await;
        load.settle().await;
    });
}

#[test]
fn a_leader_that_was_frozen_writes_nothing_when_it_wakes() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "frozen-leader");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 1));
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let leader = operator.leader().unwrap();
        operator.signal(&leader, "STOP");
        let (second, took) =
            other_leader(&operator, &leader, TAKEOVER + Duration::from_secs(1)).await;
        println!("taken over after {took:?}");
        assert!(took <= TAKEOVER, "taken over after {took:?}");
        // What the old one has seen last is no longer true when it wakes.
        fleet.edit(&json!({ "namespaces": [namespace(&["meanwhile"])] }));
        let (hash, _) = rules_everywhere(&fleet, &hash, DEADLINE).await;
        fleet
            .condition("RulesApplied", "True", Some("Applied"), DEADLINE)
            .await;
        let audit = cluster.audit();
        operator.signal(&leader, "CONT");
        let ended = async || {
            let pods = space.get(&["pod", &leader]);
            let restarts = pods["status"]["containerStatuses"][0]["restartCount"].as_u64();
            (restarts >= Some(1))
                .then_some(())
                .ok_or_else(|| format!("{restarts:?}"))
        };
        until("the old leader has ended", Duration::from_secs(30), ended).await;
        let mut writes = audit.requests();
        assert!(
            writes.iter().any(|request| request.pod == second),
            "pods are told apart"
        );
        writes.retain(|request| request.pod == leader && request.is_write());
        assert_eq!(writes, []);
        assert_eq!(operator.leader().as_deref(), Some(second.as_str()));
        assert_eq!(rules_everywhere(&fleet, "", DEADLINE).await.0, hash);
    });
}
