use carillon_crds::resource::{AutoscalingStatus, MetricStatus, MetricType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::*;

/// As the API server gives it back: through JSON, conditions in another order, one of somebody else's.
pub(super) fn stored(status: &RealtimeClusterStatus) -> RealtimeClusterStatus {
    let text = serde_json::to_string(status).unwrap();
    let mut status: RealtimeClusterStatus = serde_json::from_str(&text).unwrap();
    status.conditions.reverse();
    status.conditions.push(Condition {
        type_: "example.com/Checked".to_owned(),
        status: "True".to_owned(),
        reason: "Checked".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(at(0)),
    });
    status
}

fn sessions(count: u64) -> Scene {
    Scene::of(1).with(|scene| scene.pods[0].report.as_mut().unwrap().sessions = count)
}

#[test]
fn a_steady_state_writes_nothing() {
    let first = sessions(23_000).next(&default_status(), None, at(0));
    assert!(first.write);
    let before = stored(&first.status);
    for count in [23_000, 23_499, 22_500] {
        let next = sessions(count).next(&before, None, at(3_600));
        assert_eq!((next.write, next.events), (false, Vec::new()), "{count}");
        assert_eq!(stored(&next.status), before, "{count}");
    }
    let fraction = at(0) + SignedDuration::from_millis(300);
    let first = sessions(1).next(&default_status(), None, fraction);
    let again = sessions(1).next(&stored(&first.status), None, fraction);
    assert!(!again.write, "times are whole seconds");
}

#[test]
fn gauges_are_written_once_a_minute_and_facts_at_once() {
    let before = stored(&sessions(23_000).first());
    let rolling = |remaining| {
        let mut scene = sessions(23_000);
        scene.plan = Some(draining(rollout::Draining::Rollout, 1, remaining));
        scene
    };
    let drained = stored(&rolling(5_000).next(&before, None, at(0)).status);
    for (name, scene, before, facts) in [
        ("connections", sessions(24_000), &before, false),
        ("remaining", rolling(4_000), &drained, false),
        ("draining", rolling(5_000), &before, true),
        (
            "applying",
            sessions(24_000).with(|scene| scene.applying = true),
            &before,
            true,
        ),
        (
            "desired",
            sessions(23_000).with(|scene| scene.desired = 2),
            &before,
            true,
        ),
    ] {
        for (last, now, due) in [(Some(0), 59, false), (Some(0), 60, true), (None, 1, true)] {
            let write = scene.next(before, last.map(at), at(now)).write;
            assert_eq!(write, due || facts, "{name} {now}");
        }
    }
    let mut edited = sessions(23_000);
    edited.cluster.metadata.generation = Some(8);
    let next = edited.next(&before, Some(at(0)), at(1));
    assert!(next.write && next.status.observed_generation == Some(8));
}

#[test]
fn figures_of_metrics_are_gauges() {
    let metric = |value: &str, age: &str, proposal, error: Option<&str>| MetricStatus {
        kind: MetricType::Connections,
        name: String::new(),
        value: Some(value.to_owned()),
        target: Some("5000".to_owned()),
        proposal: Some(proposal),
        age: Some(age.to_owned()),
        error: error.map(str::to_owned),
    };
    let autoscaled = |desired, reason: &str, metric| RealtimeClusterStatus {
        autoscaling: Some(AutoscalingStatus {
            desired_replicas: Some(desired),
            metrics: vec![metric],
            reason: Some(reason.to_owned()),
            ..AutoscalingStatus::default()
        }),
        ..RealtimeClusterStatus::default()
    };
    let before = autoscaled(6, "5100/5000 → 6", metric("5100", "<30s", 6, None));
    for (after, expected) in [
        (before.clone(), Difference::None),
        (
            autoscaled(6, "5200/5000 → 6", metric("5200", "<1m", 7, None)),
            Difference::Gauges,
        ),
        (
            autoscaled(7, "5200/5000 → 7", metric("5200", "<1m", 7, None)),
            Difference::Facts,
        ),
        (
            autoscaled(6, "5100/5000 → 6", metric("5100", "<30s", 6, Some("no"))),
            Difference::Facts,
        ),
    ] {
        assert_eq!(difference(&after, &before), expected, "{after:?}");
    }
}

#[test]
fn transitions_move_with_the_status_only() {
    let mut status = default_status();
    let since =
        |status: &RealtimeClusterStatus, kind| find(status, kind).unwrap().last_transition_time.0;
    for (time, scene, ready, reconciling) in [
        (1, Scene::of(0).with(|scene| scene.deployment = None), 1, 1),
        (
            2,
            Scene::of(2).with(|scene| scene.pods = pods([("a", "w")])),
            1,
            1,
        ),
        (3, Scene::of(2), 3, 3),
        (4, Scene::of(3), 3, 3),
        (5, Scene::of(2).with(|scene| scene.applying = true), 3, 5),
        (
            6,
            Scene::of(2).with(|scene| scene.pods = pods([("a", ""), ("b", "b")])),
            6,
            6,
        ),
    ] {
        status = stored(&scene.next(&status, None, at(time)).status);
        assert_eq!(since(&status, "Ready"), at(ready), "{time}");
        assert_eq!(since(&status, "Reconciling"), at(reconciling), "{time}");
        assert_eq!(since(&status, "Paused"), at(1));
    }
}

#[test]
fn silence_is_unknown_after_the_rules_were_applied() {
    let starting = || Scene::of(1).with(|scene| scene.pods.push(One::new("late", "us")));
    let behind = || Scene::of(1).with(|scene| scene.pods.push(One::new("late", "l")));
    let silent = || Scene::of(1).with(|scene| scene.pods = pods([("game-0", "s")]));
    let edited = || silent().with(|scene| scene.rules = Some("other"));
    for (name, before, scene, expected) in [
        ("at first", None, starting(), "False/Pending"),
        (
            "a pod starts",
            Some(Scene::of(1)),
            starting(),
            "Unknown/Pending",
        ),
        (
            "it starts still",
            Some(Scene::of(1)),
            starting(),
            "Unknown/Pending",
        ),
        (
            "it has others",
            Some(Scene::of(1)),
            behind(),
            "False/Pending",
        ),
        ("it had others", Some(behind()), starting(), "False/Pending"),
        (
            "all are silent",
            Some(Scene::of(1)),
            silent(),
            "Unknown/Pending",
        ),
        (
            "the rules are new",
            Some(Scene::of(1)),
            edited(),
            "False/Pending",
        ),
    ] {
        let mut status = before.map_or_else(default_status, |scene| scene.first());
        for time in 1..3 {
            status = scene.next(&status, None, at(time)).status;
            assert_eq!(told(&status, "RulesApplied"), expected, "{name}");
        }
    }
}

#[test]
fn the_patch_names_the_object_and_nothing_that_is_absent() {
    let status = Scene::of(1).with(|scene| scene.rules = None).first();
    let patch = patch(&cluster(&json!({})), &status);
    assert_eq!(patch["apiVersion"], "carillon.dev/v1alpha1");
    assert_eq!(patch["kind"], "RealtimeCluster");
    assert_eq!(patch["metadata"], json!({ "name": "game" }));
    let fields = patch["status"].as_object().unwrap();
    assert!(!fields.contains_key("rules") && !fields.contains_key("autoscaling"));
    assert!(!fields.values().any(Value::is_null), "{fields:?}");
    let conditions = patch["status"]["conditions"].as_array().unwrap();
    let kinds: std::collections::BTreeSet<_> = conditions
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert_eq!((kinds.len(), conditions.len()), (6, 6), "each type once");
}

#[test]
fn blindness_is_told_once_and_keeps_what_was_seen() {
    let (scene, stalls) = (
        sessions(23_000),
        [Stall {
            reason: StallReason::Forbidden,
            message: "the operator may not list pods".to_owned(),
        }],
    );
    let seen = stored(&scene.first());
    let first = blind(&scene.cluster, &stalls, &seen, at(10));
    let told = |kind| {
        let condition = find(&first.status, kind).unwrap();
        (condition.status.as_str(), condition.reason.as_str())
    };
    assert!(first.write);
    assert_eq!(told("Stalled"), ("True", "Forbidden"));
    assert_eq!(told("Ready"), ("Unknown", "Pending"));
    assert_eq!(told("Reconciling"), ("False", "Stalled"));
    assert_eq!(find(&first.status, "Draining"), find(&seen, "Draining"));
    assert_eq!(first.status.replicas, seen.replicas);
    let before = stored(&first.status);
    assert!(!blind(&scene.cluster, &stalls, &before, at(3_600)).write);
    let sees_again = scene.next(&before, None, at(3_600));
    assert_eq!((sees_again.write, sees_again.events), (true, Vec::new()));
}
