//! The Redis of a fleet is gone for a while.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, redis};
use serde_json::json;

use super::{DEADLINE, assert_untouched, load, prepare, spec, start_operator};

/// How long a bus may be away before it is told, and how soon it is told that it is back.
const TOLD: Duration = Duration::from_secs(60);

#[test]
fn a_bus_that_is_away_is_told_and_restarts_nothing() {
    kubernetes::test(async |cluster| {
        let (redis, url) = redis();
        let space = prepare(cluster, "bus");
        let client = cluster.client().await;
        let start_operator = start_operator(cluster, &space).await;
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
        tokio::time::sleep(Duration::from_secs(10)).await;
        let account = start_operator.account();
        let mut writes = audit.requests();
        writes.retain(|request| request.user == account && request.is_write());
        writes.retain(|request| {
            !["leases", "events", "realtimeclusters/status"].contains(&request.resource.as_str())
        });
        assert_eq!(writes, []);

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
