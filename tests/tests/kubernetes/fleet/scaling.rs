//! As many pods as the load wants.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Load, Prometheus, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, assert_within_budget, load, prepare, spec, start_operator};

const BUDGET: u32 = 5;
/// Those that stay: each step down moves a pod's share of them, from a fifth to a half.
const STAY: usize = 60;
/// Four steps down, each with its window and its drain.
const DOWN: Duration = Duration::from_secs(240);

/// By connections, so many a pod, from one pod to five, with windows of seconds.
fn autoscaling(prometheus: &str, per_pod: usize) -> Value {
    let policies = json!([{ "type": "Pods", "value": 4, "periodSeconds": 5 }]);
    json!({
        "minReplicas": 1, "maxReplicas": 5, "interval": "1s",
        "metrics": [{ "type": "Connections", "averageValue": per_pod.to_string() }],
        "behavior": {
            "scaleUp": { "stabilizationWindowSeconds": 0, "policies": policies },
            "scaleDown": { "stabilizationWindowSeconds": 5, "policies": policies },
        },
        "prometheus": { "address": prometheus, "maxAge": "20s" },
    })
}

fn replicas(count: u32) -> impl FnMut(&Value) -> bool {
    move |object| {
        let status = &object["status"];
        status["replicas"] == count && status["readyReplicas"] == count
    }
}

#[test]
fn up_and_down_with_the_connections_and_nothing_is_lost() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "scaling");
        let client = cluster.client().await;
        let prometheus = Prometheus::start(cluster, &space).await;
        let _operator = start_operator(cluster, &space).await;
        let mut scaled = spec(&url, 1);
        scaled.as_object_mut().unwrap().remove("replicas");
        scaled["autoscaling"] = autoscaling(&prometheus.url(), STAY);
        scaled["drain"] = json!({ "reconnectsPerSecond": BUDGET });
        let fleet = Fleet::apply(&space, &client, "game", &scaled);
        fleet.ready(DEADLINE).await;
        assert_eq!(fleet.pods().len(), 1);
        fleet
            .condition("ScalingActive", "True", None, DEADLINE)
            .await;

        let crowd = Load::start(&fleet.url());
        crowd.connect("crowd", STAY * 9 / 2, &[], &["websocket"]);
        let (_, took) = fleet
            .until("there are five pods", DEADLINE, replicas(5))
            .await;
        println!("five pods are ready {took:?} after the connections came");
        let scale = space
            .try_kubectl(&["scale", "rtc/game", "--replicas=2"])
            .unwrap_err();
        assert!(scale.contains("kubectl scale is refused"), "{scale}");

        // Those that stay are on all five, and so have to move.
        let load = load(&fleet, STAY);
        crowd.leave("crowd");
        let (object, took) = fleet.until("there is one pod", DOWN, replicas(1)).await;
        println!("one pod is left {took:?} after the connections went");
        assert_eq!(object["status"]["autoscaling"]["desiredReplicas"], 1);
        let drained = async || {
            let pods = fleet.pods();
            (pods.len() == 1)
                .then_some(())
                .ok_or_else(|| format!("{pods:?}"))
        };
        until("the others have drained", DOWN, drained).await;
        assert_within_budget(&load, BUDGET);
        load.settle().await;
        let moved = load.trace().lost.len();
        assert!(moved >= STAY / 2, "only {moved} had to move");
        let events = space.get(&["events"]).to_string();
        assert!(events.contains("SuccessfulRescale"), "{events}");
        assert!(!events.contains("VictimMismatch"), "{events}");
    });
}

#[test]
fn without_prometheus_nothing_scales_down() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "blind");
        let client = cluster.client().await;
        let prometheus = Prometheus::start(cluster, &space).await;
        let _operator = start_operator(cluster, &space).await;
        let mut scaled = spec(&url, 1);
        scaled.as_object_mut().unwrap().remove("replicas");
        scaled["autoscaling"] = autoscaling(&prometheus.url(), 10);
        let fleet = Fleet::apply(&space, &client, "game", &scaled);
        fleet.ready(DEADLINE).await;
        let load = load(&fleet, 25);
        fleet
            .until("there are three pods", DEADLINE, replicas(3))
            .await;
        let pods = fleet.pods();

        drop(prometheus);
        fleet
            .condition("ScalingActive", "False", None, DEADLINE)
            .await;
        load.leave("websocket");
        // Longer than its window, and than samples count.
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(fleet.pods(), pods);
        fleet.ready(DEADLINE).await;
    });
}
