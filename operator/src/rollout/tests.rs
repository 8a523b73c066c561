use std::time::Duration;

use super::*;

mod simulation;

/// A ready pod of a revision: `t` terminating, `v` victim, `u` not ready; its sessions, if known.
pub(super) fn pod(
    name: &str,
    revision: &str,
    flags: &str,
    sessions: impl Into<Option<u64>>,
) -> Pod {
    Pod {
        name: name.to_owned(),
        revision: revision.to_owned(),
        ready: !flags.contains('u'),
        terminating: flags.contains('t'),
        is_victim: flags.contains('v'),
        sample: sessions.into().map(|sessions| Sample {
            sessions,
            age: Duration::from_secs(1),
        }),
    }
}

fn facts(replicas: u32, pods: Vec<Pod>) -> Facts {
    Facts {
        replicas,
        paused: false,
        observed: true,
        deadline_exceeded: false,
        template_is_current: true,
        revision: Some("new".to_owned()),
        pods,
    }
}

/// Room for 900 sessions; 1,000 are closed within the timeout.
fn intent(replicas: u32) -> Intent {
    Intent {
        replicas,
        reconnects_per_second: 100,
        timeout: Duration::from_secs(10),
        max_age: Duration::from_secs(15),
        is_memory: false,
    }
}

#[test]
fn a_rollout_pauses_unless_the_next_is_admitted() {
    let (a, b) = (
        |flags, sessions| pod("a", "old", flags, sessions),
        |sessions| pod("b", "old", "", sessions),
    );
    let new = pod("c", "new", "", 0);
    for (first, second, expected) in [
        (a("", Some(5_000)), b(Some(5_000)), false),
        (a("t", Some(500)), b(Some(400)), false),
        (a("t", Some(500)), b(Some(401)), true),
        (a("t", Some(0)), b(Some(5_000)), true),
        (a("t", None), b(Some(1)), true),
        (a("t", Some(1)), b(None), true),
    ] {
        let facts = facts(2, vec![first, second, new.clone()]);
        let plan = plan(&facts, &intent(2));
        assert_eq!(plan.paused, expected, "{facts:?}");
        let memory = Intent {
            is_memory: true,
            ..intent(2)
        };
        assert!(!super::plan(&facts, &memory).paused);
    }
}

#[test]
fn a_new_template_is_paused_while_a_pod_drains() {
    let pods = vec![pod("a", "new", "t", 800), pod("b", "new", "", 800)];
    let before = Facts {
        template_is_current: false,
        ..facts(1, pods)
    };
    assert!(plan(&before, &intent(1)).paused);
}

#[test]
fn replicas() {
    let three = || {
        vec![
            pod("a", "new", "", 30),
            pod("b", "new", "", 10),
            pod("c", "new", "", 20),
        ]
    };
    let marked = || {
        vec![
            pod("a", "new", "v", 30),
            pod("b", "new", "", 10),
            pod("c", "new", "", 20),
        ]
    };
    let with = |more: Pod| [three(), vec![more]].concat();
    let victim = |name: &str| Some(name.to_owned());
    let rolling = Some(Held::RolloutInProgress);
    for (facts, wanted, expected) in [
        (facts(3, three()), 3, (3, None, None)),
        (facts(3, three()), 9, (9, None, None)),
        (facts(3, three()), 1, (3, victim("b"), None)),
        (facts(3, marked()), 1, (2, victim("a"), None)),
        (
            Facts {
                paused: true,
                ..facts(3, three())
            },
            1,
            (3, None, rolling),
        ),
        (
            Facts {
                observed: false,
                ..facts(3, three())
            },
            1,
            (3, None, rolling),
        ),
        (
            Facts {
                paused: true,
                ..facts(3, three())
            },
            4,
            (4, None, None),
        ),
        (
            facts(4, with(pod("d", "old", "", 0))),
            1,
            (4, None, rolling),
        ),
        (
            facts(4, with(pod("d", "new", "u", 0))),
            1,
            (4, None, rolling),
        ),
        (facts(2, marked()), 1, (2, None, rolling)),
        (
            facts(4, with(pod("d", "new", "", None))),
            1,
            (4, None, Some(Held::MetricPartial)),
        ),
        (
            facts(3, with(pod("d", "new", "t", 890))),
            1,
            (3, victim("b"), None),
        ),
        (
            facts(3, with(pod("d", "new", "t", 891))),
            1,
            (3, None, Some(Held::DrainBudget)),
        ),
        (
            facts(3, with(pod("d", "new", "t", None))),
            1,
            (3, None, Some(Held::DrainBudget)),
        ),
    ] {
        let plan = plan(&facts, &intent(wanted));
        assert_eq!(
            (plan.replicas, plan.victim, plan.held),
            expected,
            "{facts:?} → {wanted}"
        );
    }
}

#[test]
fn stale_samples_lower_nothing() {
    let mut facts = facts(2, vec![pod("a", "new", "v", 1), pod("b", "new", "", 1)]);
    facts.pods[1].sample = Some(Sample {
        sessions: 0,
        age: Duration::from_secs(16),
    });
    let plan = plan(&facts, &intent(1));
    assert_eq!((plan.replicas, plan.held), (2, Some(Held::MetricPartial)));
}

#[test]
fn what_is_said() {
    let a = || pod("a", "new", "", 7);
    let stuck = Facts {
        deadline_exceeded: true,
        ..facts(2, vec![pod("o", "old", "", 1), pod("n", "new", "u", 0)])
    };
    for (facts, phase, draining) in [
        (facts(1, vec![a()]), Phase::Idle, None),
        (
            facts(1, vec![a(), pod("o", "old", "", 1)]),
            Phase::Progressing,
            None,
        ),
        (
            facts(1, vec![a(), pod("o", "old", "t", 1)]),
            Phase::Draining,
            Some(Draining::Rollout),
        ),
        (
            facts(1, vec![a(), pod("o", "new", "tv", 1)]),
            Phase::Draining,
            Some(Draining::ScaleDown),
        ),
        (
            facts(2, vec![a(), pod("o", "new", "t", 1)]),
            Phase::Draining,
            Some(Draining::Eviction),
        ),
        (stuck.clone(), Phase::Stuck, None),
        (
            Facts {
                template_is_current: false,
                ..stuck
            },
            Phase::Progressing,
            None,
        ),
    ] {
        let plan = plan(&facts, &intent(facts.replicas));
        assert_eq!(
            (plan.status.phase, plan.draining),
            (phase, draining),
            "{facts:?}"
        );
    }
}

#[test]
fn another_than_the_victim_goes() {
    let facts = facts(
        1,
        vec![pod("a", "new", "v", 1), pod("b", "new", "t", 1_001)],
    );
    let plan = plan(&facts, &intent(1));
    assert_eq!(
        (plan.mismatched, plan.exceeds_budget),
        (vec!["b".to_owned()], vec!["b".to_owned()])
    );
    assert_eq!(plan.unmark, ["a"]);
    assert_eq!(plan.status.remaining_connections, 1_001);
}
