//! The Redis of a fleet is gone for a while.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, redis};
use serde_json::json;

use super::{DEADLINE, assert_untouched, load, prepare, spec, start_operator, written};

/// How long a bus may be away before it is told, and how soon it is told that it is back.
const TOLD: Duration = Duration::from_secs(60);
/// So often the operator looks on without doing anything: when its pods are asked, and when they have answered.
const LOOKS: u32 = 4;

#[test]
fn a_bus_that_is_away_is_told_and_restarts_nothing() {
    kubernetes::test(async |cluster| {
        let (redis, url) = redis();
        let space = prepare(cluster, "bus");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let pods = fleet.pods();
        let load = load(&fleet, 12);

        redis.kill();
        let took = fleet
            .condition("Ready", "False", Some("BusDegraded"), TOLD)
            .await;
        println!("the loss of the bus is told after {took:?}");
        let audit = cluster.audit();
        // Connections stay, and what needs no bus is served.
        assert_eq!(load.ask("websocket-1", "echo", &[json!(1)]), [json!(1)]);
        operator.looks(LOOKS, TOLD).await;
        assert_eq!(written(&audit, &operator, &["events"]), []);

        redis.restart();
        let took = fleet
            .condition("Ready", "True", Some("Available"), TOLD)
            .await;
        println!("its return is told after {took:?}");
        assert_untouched(&pods, &fleet.pods());
        load.hush();
        load.all_ready().await;
        let told = space.get(&["events"]).to_string();
        for event in ["BusDegraded", "BusRecovered"] {
            assert!(told.contains(event), "{event} in {told}");
        }
    });
}
