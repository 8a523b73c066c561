//! A Prometheus that tells what is not so.

use std::time::{Duration, SystemTime};

use carillon_tests::kubernetes::{self, Fleet, MadeUp, Pod, Prometheus, redis, until};
use serde_json::{Value, json};

use super::scaling::held;
use super::{DEADLINE, assert_untouched, load, prepare, spec, start_operator};

/// How old a sample may be, in seconds.
const MAX_AGE: u32 = 5;
/// The decision that was under way when something else was told, and one after it.
const DECISIONS: u32 = 2;

/// What Prometheus is told.
struct Lie {
    /// Of the pods in turn, as it is written where metrics are exposed.
    values: &'static [&'static str],
    /// Of other pods than there are.
    of_others: bool,
    /// How long ago that was, where it was not just now.
    ago: Option<Duration>,
    /// Why nothing is scaled.
    reason: &'static str,
    sentence: &'static str,
}

const fn lie(values: &'static [&'static str], reason: &'static str, sentence: &'static str) -> Lie {
    Lie {
        values,
        of_others: false,
        ago: None,
        reason,
        sentence,
    }
}

const NO_VALUE: &str = "no pod has a finite value of 0 or more";
/// Where there is a number, one pod would be enough. Those of other pods stand before those of the past: what is
/// half old and half new must not look like what is true.
const LIES: [Lie; 7] = [
    lie(&["NaN", "NaN", "NaN"], "FailedGetPodsMetric", NO_VALUE),
    lie(&["+Inf", "+Inf", "+Inf"], "FailedGetPodsMetric", NO_VALUE),
    lie(&["-7", "-1e300", "-0.5"], "FailedGetPodsMetric", NO_VALUE),
    lie(
        &["0"],
        "MetricPartial",
        "2 of 3 ready pods have no fresh sample",
    ),
    lie(
        &["0", "0", "NaN"],
        "MetricPartial",
        "1 of 3 ready pods have no fresh sample",
    ),
    Lie {
        of_others: true,
        ..lie(
            &["0", "0", "0"],
            "FailedGetPodsMetric",
            "no pod has a sample",
        )
    },
    Lie {
        ago: Some(Duration::from_secs(60)),
        ..lie(&["0", "0", "0"], "MetricStale", "the newest sample is")
    },
];

/// Exposes values of pods as the gateways do, but for the labels, and waits until Prometheus has them.
async fn tell(
    exposed: &MadeUp,
    prometheus: &Prometheus,
    pods: &[String],
    values: &[&str],
    ago: Option<Duration>,
) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    // With each time other series: of one that is known nothing older is taken.
    let told = now.as_nanos().to_string();
    let time = ago.map_or(String::new(), |ago| (now - ago).as_millis().to_string());
    let series = pods.iter().zip(values).map(|(pod, value)| {
        format!(
            "carillon_sessions{{of=\"lies\",told_pod=\"{pod}\",told=\"{told}\"}} {value} {time}\n"
        )
    });
    exposed.expose(&series.collect::<String>());
    let query = format!("carillon_sessions{{told=\"{told}\"}}");
    let known = async || {
        let found = prometheus.query(&query)?;
        (found.len() == values.len())
            .then_some(())
            .ok_or_else(|| format!("{found:?}"))
    };
    until("Prometheus has what it is told", DEADLINE, known).await;
}

/// By what is told, ten a pod, without a window: whatever is believed is done at once.
fn autoscaling(prometheus: &str) -> Value {
    let policies = json!([{ "type": "Pods", "value": 1, "periodSeconds": 1 }]);
    json!({
        "minReplicas": 1, "maxReplicas": 3, "interval": "1s",
        "metrics": [{ "type": "Connections", "averageValue": "10" }],
        "behavior": { "scaleDown": { "stabilizationWindowSeconds": 0, "policies": policies } },
        "prometheus": {
            "address": prometheus, "maxAge": format!("{MAX_AGE}s"),
            "labels": { "namespace": "of", "pod": "told_pod" },
        },
    })
}

#[test]
fn no_lie_scales_down() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "lies");
        let client = cluster.client().await;
        let exposed = MadeUp::start();
        let prometheus = Prometheus::start_beside(cluster, &space, &[exposed.target()]).await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 3));
        fleet.ready(DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 12));
        let names: Vec<_> = pods.iter().map(|Pod { name, .. }| name.clone()).collect();
        let others: Vec<_> = ["2", "3", "4"]
            .map(|pod| format!("game-7d9f5-abcd{pod}"))
            .into();

        tell(&exposed, &prometheus, &names, &["10", "10", "10"], None).await;
        fleet.edit(&json!({ "replicas": null, "autoscaling": autoscaling(&prometheus.url()) }));
        fleet
            .condition("ScalingActive", "True", None, DEADLINE)
            .await;
        // A pod that is younger than a sample may be need not have one.
        let reason = "ReadyForNewScale";
        operator.decides(reason, MAX_AGE + 1, DEADLINE).await;
        for lie in &LIES {
            let of = if lie.of_others { &others } else { &names };
            tell(&exposed, &prometheus, of, lie.values, lie.ago).await;
            let took = held(&fleet, lie.reason, lie.sentence).await;
            println!("{:?}: {} after {took:?}", lie.values, lie.reason);
            operator.decides(lie.reason, DECISIONS, DEADLINE).await;
            assert_untouched(&pods, &fleet.pods());
        }
        // What is too much can be true; there are never more than may be.
        tell(
            &exposed,
            &prometheus,
            &names,
            &["1e300", "1e300", "1e300"],
            None,
        )
        .await;
        let limited = Some("TooManyReplicas");
        fleet
            .condition("ScalingLimited", "True", limited, DEADLINE)
            .await;
        operator
            .decides("TooManyReplicas", DECISIONS, DEADLINE)
            .await;
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());

        // And what can be believed is.
        tell(&exposed, &prometheus, &names, &["0", "0", "0"], None).await;
        let fewer = |object: &Value| object["status"]["replicas"].as_u64() < Some(3);
        fleet.until("there are fewer pods", DEADLINE, fewer).await;
    });
}
