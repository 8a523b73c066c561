use carillon_crds::resource::AutoscalingStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::writes::stored;
use super::*;
use crate::rollout::Held;
use crate::scale::Stages;
use crate::scale::hpa::condition::{Condition, Kind, Reason};

/// Lets an operator see scenes in turn, each of them twice, and checks the events of the first look. The second time it
/// has just started: it has nothing to say and nothing to write.
fn check(scenes: impl IntoIterator<Item = (&'static str, Scene, &'static [&'static str])>) {
    let mut status = default_status();
    for (time, (name, scene, expected)) in scenes.into_iter().enumerate() {
        let now = at(i64::try_from(time).unwrap());
        let next = scene.next(&status, Some(now), now);
        let told: Vec<_> = next.events.iter().map(tag).collect();
        assert_eq!(told, expected, "{name}");
        assert!(next.write || next.events.is_empty(), "{name}");
        status = stored(&next.status);
        let again = scene.next(&status, None, now);
        assert_eq!(
            (again.events, again.write),
            (Vec::new(), false),
            "{name}, again"
        );
    }
}

/// `!` before a warning.
fn tag(event: &Event) -> String {
    format!("{}{}", if event.warning { "!" } else { "" }, event.reason)
}

fn of<const N: usize>(list: [(&str, &str); N]) -> Scene {
    Scene::of(2).with(|scene| scene.pods = pods(list))
}

#[test]
fn a_rollout_is_told_from_its_start_to_its_end() {
    use rollout::Draining::Rollout;
    check([
        ("applied", Scene::of(2), &["RulesApplied"][..]),
        ("begins", of([("a", "o"), ("b", "o")]), &["RolloutStarted"]),
        (
            "a new one starts",
            of([("a", "o"), ("b", "o"), ("c", "us")]),
            &[],
        ),
        (
            "an old one drains",
            of([("a", "ot"), ("b", "o"), ("c", "")]).with(|scene| {
                scene.plan = Some(draining(Rollout, 1, 1_234));
            }),
            &[],
        ),
        (
            "the last old one drains",
            of([("b", "ot"), ("c", ""), ("d", "")]).with(|scene| {
                scene.plan = Some(draining(Rollout, 1, 1_234));
            }),
            &["RolloutFinished"],
        ),
        ("it is gone", of([("c", ""), ("d", "")]), &["Drained"]),
    ]);
}

#[test]
fn a_rollout_that_is_stuck_or_put_off() {
    let rolling = |phase| {
        of([("a", "o"), ("b", "o"), ("c", "w")]).with(|scene| {
            scene.plan = Some(plan(phase));
            scene.deployment.as_mut().unwrap().deadline_exceeded = phase == Phase::Stuck;
        })
    };
    let paused = || rolling(Phase::Progressing).with(|scene| scene.paused = true);
    check([
        ("applied", Scene::of(2), &["RulesApplied"][..]),
        ("paused", paused(), &[]),
        (
            "no longer",
            rolling(Phase::Progressing),
            &["RolloutStarted"],
        ),
        ("stuck", rolling(Phase::Stuck), &["!RolloutStuck"]),
        ("the spec changes", rolling(Phase::Progressing), &[]),
        ("done", Scene::of(2), &["RolloutFinished"]),
    ]);
}

#[test]
fn rules_are_told_once_an_edit() {
    let edited = |flags: [&str; 2]| of([("a", flags[0]), ("b", flags[1])]);
    let worse = || {
        edited(["r", "r"]).with(|scene| {
            let report = scene.pods[1].report.as_mut().unwrap();
            report.rejection = vec!["upstreams[0].url: is no URL".to_owned()];
        })
    };
    check([
        (
            "nothing is published",
            Scene::of(0).with(|scene| scene.rules = None),
            &[][..],
        ),
        ("pods start", edited(["us", "us"]), &[]),
        ("one serves", edited(["", "us"]), &[]),
        ("both serve", edited(["", ""]), &["RulesApplied"]),
        ("scaled up", of([("a", ""), ("b", ""), ("c", "us")]), &[]),
        ("it serves", of([("a", ""), ("b", ""), ("c", "")]), &[]),
        ("one is silent", edited(["s", ""]), &[]),
        ("it speaks", edited(["", ""]), &[]),
        ("an edit", edited(["l", "l"]), &[]),
        ("one refuses it", edited(["r", "l"]), &["!RulesRejected"]),
        ("so does the other", edited(["r", "r"]), &[]),
        ("for another cause", worse(), &["!RulesRejected"]),
        ("a better edit", edited(["", ""]), &["RulesApplied"]),
    ]);
}

#[test]
fn the_bus_is_told_whatever_else_happens() {
    check([
        ("applied", Scene::of(2), &["RulesApplied"][..]),
        (
            "lost by one",
            of([("a", "b"), ("b", "")]),
            &["!BusDegraded"],
        ),
        ("lost by both", of([("a", "b"), ("b", "b")]), &[]),
        ("and a pod ends", of([("a", "b"), ("b", "ub")]), &[]),
        (
            "there again",
            of([("a", ""), ("b", "u")]),
            &["BusRecovered"],
        ),
        ("all is well", Scene::of(2), &[]),
        ("lost", of([("a", "b"), ("b", "b")]), &["!BusDegraded"]),
        ("no pod is ready", of([("a", "ub"), ("b", "ub")]), &[]),
    ]);
}

#[test]
fn stalls_are_told_once_each() {
    use StallReason::{Forbidden, InvalidSpec, NameConflict, SecretMissing};
    let of = |list: &[(StallReason, &str)]| {
        let stalls = list.iter().map(|(reason, message)| stall(*reason, message));
        Scene::of(1).with(|scene| scene.stalls = stalls.collect())
    };
    check([
        (
            "invalid",
            of(&[(InvalidSpec, "a: b")]),
            &["!InvalidSpec", "RulesApplied"][..],
        ),
        (
            "in another way",
            of(&[(InvalidSpec, "c: d")]),
            &["!InvalidSpec"],
        ),
        (
            "a name too",
            of(&[(NameConflict, "n"), (InvalidSpec, "c: d")]),
            &["!NameConflict"],
        ),
        ("only the name", of(&[(NameConflict, "n")]), &[]),
        ("a Secret", of(&[(SecretMissing, "s")]), &["!SecretMissing"]),
        ("no right", of(&[(Forbidden, "f")]), &[]),
        ("free", of(&[]), &[]),
        (
            "the name again",
            of(&[(NameConflict, "n")]),
            &["!NameConflict"],
        ),
    ]);
}

#[test]
fn warnings_about_drains_are_told_once_a_pod() {
    let scene = |exceeding: &[&str], mismatched: &[&str], sessions| {
        let names = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        of([("a", ""), ("b", ""), ("c", "t")]).with(|scene| {
            let mut plan = draining(rollout::Draining::ScaleDown, 1, 0);
            plan.exceeds_budget = names(exceeding);
            plan.mismatched = names(mismatched);
            scene.plan = Some(plan);
            scene.cluster =
                cluster(&json!({ "drain": { "timeout": "10s", "reconnectsPerSecond": 100 } }));
            for pod in &mut scene.pods {
                pod.report.as_mut().unwrap().sessions = sessions;
            }
        })
    };
    check([
        (
            "too many",
            scene(&["a"], &[], 1_001),
            &["RulesApplied", "!DrainExceedsBudget"][..],
        ),
        ("about as many", scene(&[], &[], 950), &[]),
        ("too many still", scene(&["a"], &[], 1_001), &[]),
        (
            "in two",
            scene(&["a", "b"], &["c"], 1_001),
            &["!VictimMismatch", "!DrainExceedsBudget"],
        ),
        ("clearly fewer", scene(&[], &[], 900), &[]),
        (
            "too many again",
            scene(&["a", "b"], &[], 1_001),
            &["!DrainExceedsBudget"],
        ),
        ("all is over", Scene::of(2), &["Drained"]),
    ]);
    let before = stored(&scene(&["a"], &["c"], 1_001).first());
    let next = scene(&["a", "b"], &["c"], 1_001).next(&before, None, at(1));
    let told: Vec<_> = next.events.iter().map(|event| &*event.message).collect();
    let expected =
        "more sessions than can be closed within drain.timeout: b (drain: 100 per second for 10s)";
    assert_eq!(told, [expected], "only of whom nothing was said");
}

#[test]
fn a_grace_that_node_autoscalers_cut_short_is_told() {
    let with = |redis: &str, hold: &str, timeout: &str| {
        let (drain, redis) = (
            json!({ "hold": hold, "timeout": timeout }),
            json!({ "mode": redis }),
        );
        Scene::of(1)
            .with(|scene| scene.cluster = cluster(&json!({ "drain": drain, "redis": redis })))
    };
    check([
        (
            "600 s",
            with("classic", "5s", "585s"),
            &["RulesApplied"][..],
        ),
        (
            "601 s",
            with("classic", "6s", "585s"),
            &["!GraceAboveAutoscaler"],
        ),
        (
            "more",
            with("classic", "6s", "20m"),
            &["!GraceAboveAutoscaler"],
        ),
        ("alone, 26 s", with("memory", "6s", "20m"), &[]),
    ]);
}

fn decision(active: bool, scaled_at: Option<i64>, events: &[&'static str]) -> Decision {
    let condition = |kind, status, reason| Condition::new(kind, status, reason, "as it is");
    let reason = if active {
        Reason::ValidMetricFound
    } else {
        Reason::MetricStale
    };
    Decision {
        desired: 6,
        change: None,
        status: AutoscalingStatus {
            desired_replicas: Some(6),
            last_scale_time: scaled_at.map(|time| Time(at(time))),
            reason: Some(events.join(" ")),
            ..AutoscalingStatus::default()
        },
        conditions: vec![
            condition(Kind::AbleToScale, true, Reason::ReadyForNewScale),
            condition(Kind::ScalingActive, active, reason),
            condition(Kind::ScalingLimited, false, Reason::DesiredWithinRange),
        ],
        events: events
            .iter()
            .map(|reason| Event::normal(reason, *reason))
            .collect(),
        stages: Stages::default(),
        figures: Vec::new(),
        is_fallback: false,
    }
}

fn autoscaled(decision: Option<Decision>) -> Scene {
    let parts = json!({ "autoscaling": {
        "minReplicas": 2, "maxReplicas": 20,
        "metrics": [{ "type": "Connections", "averageValue": "5000" }],
    } });
    Scene::of(2).with(|scene| {
        scene.cluster = cluster(&parts);
        scene.decision = decision;
    })
}

#[test]
fn decisions_are_told_once() {
    let shown = |active, scaled_at, events| autoscaled(Some(decision(active, scaled_at, events)));
    check([
        (
            "scaled",
            shown(true, Some(0), &["SuccessfulRescale"]),
            &["RulesApplied", "SuccessfulRescale"][..],
        ),
        (
            "a rollout holds",
            shown(true, Some(0), &["SuccessfulRescale"]).with(|scene| {
                scene.plan.as_mut().unwrap().held = Some(Held::RolloutInProgress);
            }),
            &[],
        ),
        (
            "scaled again",
            shown(true, Some(9), &["SuccessfulRescale"]),
            &["SuccessfulRescale"],
        ),
        (
            "no data",
            shown(false, Some(9), &["MetricStale"]),
            &["MetricStale"],
        ),
        (
            "the fallback",
            shown(false, Some(9), &["FallbackActivated"]),
            &["FallbackActivated"],
        ),
    ]);
}

#[test]
fn scaling_is_as_decided_unless_the_plan_holds_it() {
    let kinds = ["AbleToScale", "ScalingActive", "ScalingLimited"];
    let able = "True/ReadyForNewScale";
    for (held, expected) in [
        (None, "False/DesiredWithinRange"),
        (Some(Held::RolloutInProgress), "True/RolloutInProgress"),
        (Some(Held::MetricPartial), "True/MetricPartial"),
        (Some(Held::DrainBudget), "True/ScaleDownLimit"),
    ] {
        let mut scene = autoscaled(Some(decision(true, Some(0), &[])));
        scene.plan.as_mut().unwrap().held = held;
        let status = scene.first();
        let found = kinds.map(|kind| told(&status, kind));
        assert_eq!(found, [able, "True/ValidMetricFound", expected]);
        assert_eq!(status.summary.as_ref().unwrap().scaling, "2-20: 6");

        let restarted = autoscaled(None).next(&stored(&status), None, at(9)).status;
        assert_eq!(
            restarted.autoscaling, status.autoscaling,
            "what it remembers stays"
        );
        assert_eq!(kinds.map(|kind| told(&restarted, kind)), found);

        let without = Scene::of(2).next(&stored(&status), None, at(9));
        assert_eq!(without.status.autoscaling, None);
        assert_eq!(kinds.map(|kind| told(&without.status, kind)), [""; 3]);
        assert_eq!(without.status.summary.unwrap().scaling, "2");
        assert!(without.write);
    }
    let fresh = autoscaled(None).first();
    assert_eq!(fresh.summary.unwrap().scaling, "2-20: 2");
}
