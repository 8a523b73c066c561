//! A node that is emptied: its pods are evicted one by one.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::json;

use super::{DEADLINE, assert_within_budget, load, prepare, spec, start_operator};

const BUDGET: u32 = 10;
/// Both evictions, with their drains.
const EVICTED: Duration = Duration::from_secs(120);

#[test]
fn evictions_keep_to_the_budget_and_lose_nothing() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "eviction");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let mut paced = spec(&url, 2);
        paced["drain"] = json!({ "reconnectsPerSecond": BUDGET });
        let fleet = Fleet::apply(&space, &client, "game", &paced);
        fleet.ready(DEADLINE).await;
        let old = fleet.pods();
        let load = load(&fleet, 40);
        // One may go; the other has to wait for what replaces it.
        space.evict(&old[0].name).unwrap();
        let refused = space.evict(&old[1].name).unwrap_err();
        assert!(refused.contains("disruption budget"), "{refused}");
        fleet
            .condition("Draining", "True", Some("Eviction"), DEADLINE)
            .await;
        let admitted = async || space.evict(&old[1].name);
        let (_, took) = until("the second may go", EVICTED, admitted).await;
        println!("the second pod may go {took:?} after the first");
        let gone = async || {
            let pods = fleet.pods();
            let left = pods
                .iter()
                .any(|pod| old.iter().any(|old| old.uid == pod.uid));
            (!left).then_some(()).ok_or_else(|| format!("{pods:?}"))
        };
        until("both have gone", EVICTED, gone).await;
        fleet.ready(DEADLINE).await;
        load.settle().await;
        assert_within_budget(&load, BUDGET);
    });
}
