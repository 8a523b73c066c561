//! A fleet of one pod, without Redis.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Load, until};
use serde_json::json;

use super::{DEADLINE, assert_within_budget, namespace, prepare, start_operator};

const BUDGET: u32 = 5;
/// As many as the budget lets go in the ten seconds that such a pod takes at the most.
const CLIENTS: usize = 40;
/// The start of a pod, and the end of another.
const ROLLOUT: Duration = Duration::from_secs(120);

#[test]
fn a_rollout_on_the_memory_bus_is_a_restart_within_the_budget() {
    kubernetes::test(async |cluster| {
        let space = prepare(cluster, "memory");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let alone = json!({
            "drain": { "hold": "1s", "reconnectsPerSecond": BUDGET },
            "namespaces": [namespace(&[])],
        });
        let fleet = Fleet::apply(&space, &client, "game", &alone);
        fleet.ready(DEADLINE).await;
        let old = fleet.pods();
        let load = Load::start(&fleet.url());
        load.connect("websocket", CLIENTS, &["all"], &["websocket"]);

        let at = "carillon.dev/restartedAt=2026-01-01T00:00:00Z";
        space.kubectl(&["annotate", "realtimecluster", "game", at]);
        let replaced = async || {
            let pods = fleet.pods();
            let is_new = pods.len() == 1 && pods[0].uid != old[0].uid;
            is_new.then_some(()).ok_or_else(|| format!("{pods:?}"))
        };
        until("the pod is another one", ROLLOUT, replaced).await;
        fleet.ready(DEADLINE).await;
        load.all_ready().await;
        assert_eq!(load.trace().lost.len(), CLIENTS, "each moves once");
        assert_within_budget(&load, BUDGET);
        assert_eq!(load.ask("websocket-0", "echo", &[json!(1)]), [json!(1)]);
    });
}
