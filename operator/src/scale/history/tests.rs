use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::scale::hpa::stabilise::stabilise;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn behavior(up: i64, down: i64) -> Behavior {
    let mut behavior = Behavior::hpa();
    behavior.up.window = SignedDuration::from_secs(up);
    behavior.down.window = SignedDuration::from_secs(down);
    behavior
}

/// Through the text of status, as a restart would.
fn restarted(history: &History) -> History {
    let mut status = AutoscalingStatus::default();
    history.write(&mut status);
    let text = serde_json::to_string(&status).unwrap();
    History::read(&serde_json::from_str(&text).unwrap())
}

/// All of the past: the same rules without a bound, and nothing dropped.
#[derive(Default)]
struct Unbounded(Vec<Run>);

impl Unbounded {
    fn propose(&mut self, replicas: i32, current: i32, now: Timestamp) {
        if self.0.is_empty() {
            self.0.push(Run::ended(current, now));
        }
        self.silence(now);
        self.0.push(Run {
            replicas,
            from: now,
            to: None,
        });
    }

    fn silence(&mut self, now: Timestamp) {
        if let Some(run) = self.0.last_mut() {
            run.to.get_or_insert(now);
        }
    }

    fn recommendations(&self, now: Timestamp) -> Vec<Recommendation> {
        let of = |run: &Run| Recommendation {
            replicas: run.replicas,
            time: run.end(now),
        };
        self.0.iter().map(of).collect()
    }
}

#[test]
fn a_steady_fleet_writes_nothing() {
    let behavior = behavior(0, 300);
    let mut history = History::default();
    history.propose(5, 5, &behavior, at(0));
    let first = history.clone();
    assert_eq!(first.runs.len(), 1);
    for tick in 1..100 {
        history.propose(5, 5, &behavior, at(tick * 15));
        assert_eq!(history, first);
    }
}

#[test]
fn the_first_sight_and_a_gap_hold_the_count() {
    let behavior = behavior(0, 300);
    let stable = |history: &History, desired, now| {
        stabilise(
            9,
            desired,
            &history.recommendations(9, &behavior, now),
            &behavior,
            now,
        )
    };
    let mut history = History::default();
    assert_eq!(stable(&history, 3, at(0)), 9);
    history.propose(3, 9, &behavior, at(0));
    assert_eq!(stable(&history, 3, at(299)), 9);
    assert_eq!(stable(&history, 3, at(300)), 3);

    history.silence(9, at(400));
    assert_eq!(history.silent_since(), Some(at(400)));
    history.silence(9, at(500));
    assert_eq!(history.silent_since(), Some(at(400)));
    // The gap is longer than the window: as on the first sight.
    assert_eq!(stable(&history, 3, at(1000)), 9);
    history.propose(3, 9, &behavior, at(1000));
    assert_eq!(history.silent_since(), None);
    assert_eq!(stable(&history, 3, at(1299)), 9);
    assert_eq!(stable(&history, 3, at(1300)), 3);
}

#[test]
fn silence_before_the_first_proposal() {
    let mut history = History::default();
    history.silence(4, at(7));
    history.silence(4, at(9));
    assert_eq!(history.silent_since(), Some(at(7)));
    assert_eq!(restarted(&history), history);
}

#[test]
fn a_fall_that_is_too_long_holds_longer() {
    let behavior = behavior(0, 3600);
    let mut history = History::default();
    let mut all = Unbounded::default();
    for step in 0..240 {
        let (replicas, now) = (1000 - step as i32, at(step * 15));
        history.propose(replicas, 1000, &behavior, now);
        all.propose(replicas, 1000, now);
        assert!(history.runs.len() <= LIMIT);
    }
    for later in (3600..7300).step_by(5) {
        let now = at(later);
        let bounded = history.recommendations(761, &behavior, now);
        let bounded = stabilise(1000, 761, &bounded, &behavior, now);
        let exact = stabilise(1000, 761, &all.recommendations(now), &behavior, now);
        assert!(
            exact <= bounded && bounded <= exact + 10,
            "{later}: {exact} {bounded}"
        );
    }
}

#[test]
fn changes_are_bounded_towards_fewer_scale_downs() {
    let mut behavior = behavior(0, 0);
    behavior.down.policies[0].period = 1800;
    for pods in [1, -1] {
        let mut history = History::default();
        let mut all = Vec::new();
        for step in 0..100 {
            history.change(pods, &behavior, at(step * 10));
            all.push(Change {
                pods,
                time: at(step * 10),
            });
            assert!(history.changes.len() <= LIMIT);
        }
        assert_eq!(restarted(&history), history);
        for later in 990..2900 {
            let limit = |changes: &[Change]| behavior.limit(50, 0, (0, 200), changes, at(later));
            assert!(
                limit(&history.changes).replicas >= limit(&all).replicas,
                "{later}"
            );
        }
    }
}

proptest! {
    /// With few enough different proposals the windows see what an unbounded log would show them.
    #[test]
    fn as_an_unbounded_log(
        steps in prop::collection::vec((prop::option::weighted(0.95, 1_i32..32), 1_i64..120), 1..150),
        up in 0_i64..900,
        down in 1_i64..900,
        current in 1_i32..32,
    ) {
        let behavior = behavior(up, down);
        let longest = behavior.longest_window();
        let mut history = History::default();
        let mut all = Unbounded::default();
        let mut now = at(0);
        for (proposal, seconds) in steps {
            let gap = all.0.last().is_none_or(|run| run.end(now) <= now - longest);
            if let Some(replicas) = proposal {
                if gap {
                    all.0.push(Run::ended(current, now));
                }
                let bounded = history.recommendations(current, &behavior, now);
                let bounded = stabilise(current, replicas, &bounded, &behavior, now);
                let exact = stabilise(current, replicas, &all.recommendations(now), &behavior, now);
                prop_assert_eq!(bounded, exact);
                history.propose(replicas, current, &behavior, now);
                all.propose(replicas, current, now);
            } else {
                history.silence(current, now);
                if all.0.is_empty() {
                    all.0.push(Run::ended(current, now));
                }
                all.silence(now);
            }
            prop_assert!(history.runs.len() <= LIMIT);
            prop_assert_eq!(restarted(&history), history.clone());
            now += SignedDuration::from_secs(seconds);
        }
    }
}
