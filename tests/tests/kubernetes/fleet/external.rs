//! The HorizontalPodAutoscaler of Kubernetes scales a fleet.

use std::time::Duration;

use carillon_tests::kubernetes::{self, ExternalMetrics, Fleet, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, load, prepare, spec, start_operator};

/// Some rounds of the controller, and the drains.
const SCALED: Duration = Duration::from_secs(180);

/// By a metric of something else, ten a pod, without windows.
fn autoscaler() -> Value {
    let metric = json!({ "name": "queue_depth" });
    let target = json!({ "type": "AverageValue", "averageValue": "10" });
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "game" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster", "name": "game" },
            "minReplicas": 1, "maxReplicas": 5,
            "metrics": [{ "type": "External", "external": { "metric": metric, "target": target } }],
            "behavior": { "scaleDown": { "stabilizationWindowSeconds": 0 } },
        },
    })
}

#[test]
fn a_foreign_autoscaler_scales_by_the_scale_subresource() {
    kubernetes::alone(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "external");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let metrics = ExternalMetrics::start(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 1));
        fleet.ready(DEADLINE).await;
        let load = load(&fleet, 24);
        metrics.set(30);
        space.apply(&autoscaler().to_string());
        for (depth, count) in [(30, 3), (50, 5), (10, 1)] {
            metrics.set(depth);
            let same = |object: &Value| {
                let status = &object["status"];
                object["spec"]["replicas"] == count
                    && status["replicas"] == count
                    && status["readyReplicas"] == count
            };
            let what = format!("there are {count} pods");
            let (_, took) = fleet.until(&what, SCALED, same).await;
            println!("{count} pods {took:?} after the metric was {depth}");
            let told = async || {
                let status = space.get(&["horizontalpodautoscaler", "game"])["status"].clone();
                let same = status["currentReplicas"] == count && status["desiredReplicas"] == count;
                same.then_some(()).ok_or_else(|| status.to_string())
            };
            until("the autoscaler sees them", SCALED, told).await;
        }
        load.settle().await;
    });
}
