//! As many pods as the load wants.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Load, Prometheus, redis, until};
use serde_json::{Value, json};

use super::{
    DEADLINE, assert_untouched, assert_within_budget, load, prepare, spec, start_operator,
};

const BUDGET: u32 = 5;
/// Those that stay: each step down moves a pod's share of them, from a fifth to a half.
const STAY: usize = 60;
/// Four steps down, each with its window and its drain.
const DOWN: Duration = Duration::from_secs(240);
/// So many decisions, of which each comes at least a second after the one before, are longer than any window here.
const DECISIONS: u32 = 8;

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

/// Waits until nothing is scaled for this reason, in this sentence.
pub(super) async fn held(fleet: &Fleet<'_>, reason: &str, sentence: &str) -> Duration {
    let is = |object: &Value| {
        let mut conditions = object["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten();
        let active = conditions.find(|condition| condition["type"] == "ScalingActive");
        active.is_some_and(|active| {
            let message = active["message"].as_str().unwrap_or_default();
            active["status"] == "False" && active["reason"] == reason && message.contains(sentence)
        })
    };
    let what = format!("scaling is held: {reason}, {sentence:?}");
    fleet.until(&what, DEADLINE, is).await.1
}

#[test]
fn while_prometheus_is_late_or_away_nothing_scales_down() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "blind");
        let client = cluster.client().await;
        let mut prometheus = Prometheus::start(cluster, &space).await;
        let operator = start_operator(cluster, &space).await;
        let mut scaled = spec(&url, 1);
        scaled.as_object_mut().unwrap().remove("replicas");
        scaled["autoscaling"] = autoscaling(&prometheus.url(), 10);
        scaled["autoscaling"]["prometheus"]["timeout"] = json!("1s");
        let fleet = Fleet::apply(&space, &client, "game", &scaled);
        fleet.ready(DEADLINE).await;
        let load = load(&fleet, 25);
        fleet
            .until("there are three pods", DEADLINE, replicas(3))
            .await;
        let pods = fleet.pods();

        let failed = "FailedGetPodsMetric";
        prometheus.freeze();
        let took = held(&fleet, failed, "no answer in time").await;
        println!("that Prometheus does not answer is told after {took:?}");
        load.leave("websocket");
        operator.decides(failed, DECISIONS, DEADLINE).await;
        prometheus.kill();
        held(&fleet, failed, "not reachable").await;
        operator.decides(failed, DECISIONS, DEADLINE).await;
        assert_untouched(&pods, &fleet.pods());
        assert_eq!(load.trace().lost, [0.0; 0]);

        prometheus.revive().await;
        let fewer = |object: &Value| object["status"]["replicas"].as_u64() < Some(3);
        let (_, took) = fleet.until("there are fewer pods", DOWN, fewer).await;
        println!("a pod is taken {took:?} after Prometheus is back");
        fleet
            .condition("ScalingActive", "True", None, DEADLINE)
            .await;
        load.settle().await;
    });
}
