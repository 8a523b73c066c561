use super::super::conditions::message;
use super::*;

/// Name, scene, and what Ready, Reconciling, Stalled and RulesApplied are.
type Row = (&'static str, Scene, [&'static str; 4]);

const DONE: &str = "False/Reconciled";
const FREE: &str = "False/NotStalled";

fn check(rows: impl IntoIterator<Item = Row>) {
    for (name, scene, expected) in rows {
        let status = scene.first();
        let kinds = ["Ready", "Reconciling", "Stalled", "RulesApplied"];
        assert_eq!(kinds.map(|kind| told(&status, kind)), expected, "{name}");
        for condition in &status.conditions {
            assert_eq!(condition.observed_generation, Some(7), "{name}");
        }
    }
}

#[test]
fn a_fleet_that_comes_up() {
    let deployed = |scene: Scene, pods| {
        scene.with(|scene| {
            scene.pods = pods;
            scene.desired = 2;
        })
    };
    check([
        (
            "nothing is made",
            Scene::of(0).with(|scene| {
                (scene.desired, scene.deployment, scene.rules) = (2, None, None);
                scene.applying = true;
            }),
            ["False/Pending", "True/Applying", FREE, "False/Pending"],
        ),
        (
            "no pod yet",
            deployed(Scene::of(2), Vec::new()),
            ["False/PodsNotReady", "True/Scaling", FREE, "False/Pending"],
        ),
        (
            "one starts",
            deployed(Scene::of(2), pods([("a", ""), ("b", "us")])),
            ["False/PodsNotReady", "True/Scaling", FREE, "False/Pending"],
        ),
        (
            "all is well",
            Scene::of(2),
            ["True/Available", DONE, FREE, "True/Applied"],
        ),
        (
            "no pod is wanted",
            Scene::of(0),
            ["True/Available", DONE, FREE, "True/Applied"],
        ),
        (
            "no pod is wanted and nothing was published",
            Scene::of(0).with(|scene| scene.rules = None),
            ["False/Pending", "True/Applying", FREE, "False/Pending"],
        ),
        (
            "a write failed",
            Scene::of(2).with(|scene| scene.applying = true),
            ["True/Available", "True/Applying", FREE, "True/Applied"],
        ),
        (
            "the Deployment's controller is behind",
            Scene::of(2).with(|scene| scene.deployment.as_mut().unwrap().observed = false),
            ["True/Available", "True/Applying", FREE, "True/Applied"],
        ),
    ]);
}

#[test]
fn a_fleet_that_changes() {
    let rolling = |pods| {
        Scene::of(2).with(|scene| {
            scene.pods = pods;
            scene.plan = Some(plan(Phase::Progressing));
        })
    };
    check([
        (
            "a rollout",
            rolling(pods([("a", "o"), ("b", "o"), ("c", "us")])),
            ["True/Available", "True/Rollout", FREE, "False/Pending"],
        ),
        (
            "its new pods are ready, the old ones drain",
            rolling(pods([("a", "ot"), ("b", ""), ("c", "")])),
            ["True/Available", DONE, FREE, "True/Applied"],
        ),
        (
            "scaled up",
            Scene::of(2).with(|scene| scene.desired = 3),
            ["False/PodsNotReady", "True/Scaling", FREE, "True/Applied"],
        ),
        (
            "scaled down",
            Scene::of(2).with(|scene| scene.desired = 1),
            ["True/Available", "True/Scaling", FREE, "True/Applied"],
        ),
        (
            "rules are on their way",
            Scene::of(2).with(|scene| scene.pods = pods([("a", ""), ("b", "l")])),
            ["False/Pending", "True/Applying", FREE, "False/Pending"],
        ),
        (
            "rules wait for a Secret to be mounted",
            Scene::of(2).with(|scene| scene.rules_are_current = false),
            ["False/Pending", "True/Applying", FREE, "False/Pending"],
        ),
        (
            "paused in a rollout",
            rolling(pods([("a", "o"), ("b", "")])).with(|scene| scene.paused = true),
            ["True/Available", "False/Paused", FREE, "True/Applied"],
        ),
    ]);
}

#[test]
fn a_fleet_in_trouble() {
    let of = |list| Scene::of(2).with(|scene| scene.pods = list);
    let stalled = |reason| Scene::of(2).with(|scene| scene.stalls = vec![stall(reason, "why")]);
    let late = |scene: Scene| {
        scene.with(|scene| scene.deployment.as_mut().unwrap().deadline_exceeded = true)
    };
    let rows = [
        (
            "a pod refuses",
            of(pods([("a", ""), ("b", "r")])),
            ["False/RulesRejected", DONE, FREE, "False/Rejected"],
        ),
        (
            "the bus is down",
            of(pods([("a", ""), ("b", "b")])),
            ["False/BusDegraded", DONE, FREE, "True/Applied"],
        ),
        (
            "the bus is down, and a pod with it",
            of(pods([("a", "b"), ("b", "us")])),
            ["False/BusDegraded", "True/Scaling", FREE, "False/Pending"],
        ),
        (
            "a pod that starts has no bus yet",
            Scene::of(2).with(|scene| scene.pods.push(One::new("c", "ub"))),
            ["True/Available", "True/Scaling", FREE, "True/Applied"],
        ),
        (
            "what ends does not count",
            Scene::of(2).with(|scene| scene.pods.push(One::new("c", "trb"))),
            ["True/Available", DONE, FREE, "True/Applied"],
        ),
        (
            "the spec does not hold",
            stalled(StallReason::InvalidSpec).with(|scene| scene.rules_are_current = false),
            [
                "False/Pending",
                "False/Stalled",
                "True/InvalidSpec",
                "False/Pending",
            ],
        ),
        (
            "a name is taken",
            stalled(StallReason::NameConflict),
            [
                "True/Available",
                "False/Stalled",
                "True/NameConflict",
                "True/Applied",
            ],
        ),
    ];
    check(rows);
    let stuck = "True/ProgressDeadlineExceeded";
    let rolling = |phase| {
        late(of(pods([("a", "o"), ("b", "o"), ("c", "w")])))
            .with(|scene| scene.plan = Some(plan(phase)))
    };
    check([
        (
            "a rollout is stuck",
            rolling(Phase::Stuck),
            ["True/Available", "False/Stalled", stuck, "False/Pending"],
        ),
        (
            "the one before was stuck",
            rolling(Phase::Progressing),
            ["True/Available", "True/Rollout", FREE, "False/Pending"],
        ),
        (
            "the first pods do not come up",
            late(of(pods([("a", "w"), ("b", "w")]))),
            [
                "False/PodsNotReady",
                "False/Stalled",
                stuck,
                "False/Pending",
            ],
        ),
    ]);
}

#[test]
fn messages_name_pods_and_causes() {
    let of = |list| Scene::of(2).with(|scene| scene.pods = list);
    for (scene, kind, expected) in [
        (
            of(pods([("b", "w"), ("a", "us")])),
            "Ready",
            "0 of 2 pods are ready; a: not ready; b: ImagePullBackOff",
        ),
        (
            of(pods([("a", ""), ("b", "ub")])),
            "Ready",
            "1 of 2 pods are ready; b: its bus does not answer",
        ),
        (
            Scene::of(2).with(|scene| scene.pods.push(One::new("c", ""))),
            "Ready",
            "2 of 2 pods are ready",
        ),
        (
            of(pods([("a", "b"), ("b", "b")])),
            "Ready",
            "the bus does not answer these pods, which serve alone: a, b",
        ),
        (
            of(pods([("a", "r"), ("b", "l"), ("c", "s")])),
            "RulesApplied",
            "pod a: namespaces[0].events: is no list; pods that serve other rules: b; pods of which nothing is known: c",
        ),
        (
            Scene::of(2),
            "RulesApplied",
            "every pod serves the rules 3f9a3f9a3f9a",
        ),
        (
            Scene::of(2).with(|scene| {
                let conflict = stall(StallReason::NameConflict, "Service game is not ours");
                scene.stalls = vec![conflict, stall(StallReason::InvalidSpec, "a: b")];
            }),
            "Stalled",
            "NameConflict: Service game is not ours; InvalidSpec: a: b",
        ),
    ] {
        assert_eq!(message(&scene.first(), kind), expected);
    }
    let many = (0..9).map(|pod| One::new(&format!("game-{pod}"), "r"));
    let many = Scene::of(9)
        .with(|scene| scene.pods = many.collect())
        .first();
    assert!(message(&many, "RulesApplied").ends_with("; and 4 more"));
}

#[test]
fn messages_fit() {
    let long = "ä".repeat(40_000);
    let scene = Scene::of(1).with(|scene| {
        scene.stalls = vec![stall(StallReason::InvalidSpec, &long)];
    });
    let status = scene.first();
    let told = message(&status, "Stalled");
    assert!(
        told.len() <= 32_768 && told.ends_with("ä…"),
        "{}",
        told.len()
    );
}

#[test]
fn what_drains_is_told() {
    use rollout::Draining::{Eviction, Rollout, ScaleDown};
    for (cause, expected) in [
        (Rollout, "True/Rollout"),
        (ScaleDown, "True/ScaleDown"),
        (Eviction, "True/Eviction"),
    ] {
        let scene = Scene::of(2).with(|scene| {
            scene.pods.push(One::new("gone", "t"));
            scene.plan = Some(draining(cause, 1, 1_234));
        });
        let status = scene.first();
        assert_eq!(told(&status, "Draining"), expected);
        assert!(message(&status, "Draining").ends_with(": gone"));
        assert_eq!(told(&status, "Reconciling"), DONE);
        let rollout = status.rollout.unwrap();
        assert_eq!(
            (rollout.draining, rollout.remaining_connections),
            (1, 1_200)
        );
    }
    for (flags, expected) in [
        ("t", "True/Eviction"),
        ("to", "True/Rollout"),
        ("", "False/NotDraining"),
    ] {
        let scene = Scene::of(2).with(|scene| {
            scene.pods.push(One::new("gone", flags));
            scene.plan = None;
        });
        assert_eq!(
            told(&scene.first(), "Draining"),
            expected,
            "no plan, {flags}"
        );
    }
}

#[test]
fn figures_and_columns() {
    let scene = Scene::of(5).with(|scene| {
        scene.pods[0] = One::new("game-0", "r");
        scene.pods.push(One::new("gone", "ot"));
        scene.pods.push(One::new("late", "us"));
    });
    let status = serde_json::to_value(scene.first()).unwrap();
    let expected = json!({
        "observedGeneration": 7,
        "replicas": 6, "readyReplicas": 5, "updatedReplicas": 6, "connections": 7_400,
        "selector": "carillon.dev/cluster=game",
        "rules": { "hash": RULES, "applied": 4, "rejected": 1 },
        "rollout": { "phase": "Idle", "updated": 0, "draining": 0, "remainingConnections": 0 },
        "summary": {
            "ready": "5/5", "scaling": "5", "rules": "4/1", "namespaces": "4",
            "image": "carillon/gateway:0.1.0",
        },
        "conditions": status["conditions"],
    });
    assert_eq!(status, expected);
    let silent = Scene::of(1).with(|scene| scene.pods = pods([("a", "s")]));
    assert_eq!(silent.first().connections, None);
    assert_eq!(Scene::of(0).first().connections, Some(0));
}
