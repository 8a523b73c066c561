//! What holds for every load: of the guarded decision, over a fleet that follows it.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::hpa::condition::Reason;
use super::hpa::pods::Requests;
use super::settings::Settings;
use super::simulation::{Model, Moment, Simulation};

const MODEL: Model = Model {
    startup: SignedDuration::from_secs(10),
    requests: Requests {
        cpu: Some(1000),
        memory: None,
    },
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn settings(spec: &str) -> Settings {
    let text = format!(
        "{{ minReplicas: 2, maxReplicas: 40, metrics: [{{ type: Connections, averageValue: '100' }}], {spec} }}"
    );
    Settings::parse(&serde_yaml::from_str(&text).unwrap()).unwrap()
}

fn moment(time: i64, total: Option<f64>) -> Moment {
    Moment {
        time: at(time),
        totals: vec![total],
        missing: 0,
        rollout: false,
    }
}

#[derive(Debug, Clone)]
struct Weather {
    total: Option<f64>,
    missing: usize,
    rollout: bool,
    pause: i64,
}

fn weather() -> impl Strategy<Value = Weather> {
    (
        prop::option::weighted(
            0.9,
            prop_oneof![8 => 0.0..6000.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)],
        ),
        prop_oneof![4 => Just(0_usize), 1 => 1_usize..50],
        prop::bool::weighted(0.1),
        prop_oneof![4 => 15_i64..16, 1 => 1_i64..1200],
    )
        .prop_map(|(total, missing, rollout, pause)| Weather {
            total,
            missing,
            rollout,
            pause,
        })
}

proptest! {
    #[test]
    fn bounded_and_never_down_in_the_dark(
        start in 1_i32..60,
        fallback in 1_i32..60,
        weather in prop::collection::vec(weather(), 1..120),
    ) {
        let spec = format!("fallback: {{ replicas: {fallback}, after: 2m }}, behavior: {{ scaleDown: {{ stabilizationWindowSeconds: 30 }} }}");
        let mut fleet = Simulation::new(settings(&spec), start, MODEL, at(0));
        let mut time = 0;
        for Weather { total, missing, rollout, pause } in weather {
            time += pause;
            let step = fleet.step(&Moment { missing, rollout, ..moment(time, total) });
            let (current, desired) = (step.current, step.decision.desired);
            let held_above = rollout && desired == current && current > 40;
            prop_assert!((2..=40).contains(&desired) || held_above, "{desired}");
            let dark = missing > 0 || !total.is_some_and(f64::is_finite);
            if (dark || rollout) && current <= 40 {
                prop_assert!(desired >= current, "{current} → {desired}");
            }
            if dark && (2..=40).contains(&current) && desired <= current {
                prop_assert!(step.is_blind(), "{:?}", step.decision.conditions);
            }
            prop_assert_eq!(step.decision.conditions.len(), 3);
        }
    }

    #[test]
    fn a_larger_load_proposes_no_less(pods in 2_i32..40, load in 0.0..8000.0_f64, more in 0.0..4000.0_f64) {
        let raw = |total| {
            let mut fleet = Simulation::new(settings(""), pods, MODEL, at(0));
            fleet.step(&moment(0, Some(total))).decision.stages.raw
        };
        let (less, more) = (raw(load), raw(load + more));
        prop_assert!(less.is_some() && less <= more, "{less:?} {more:?}");
    }

    /// One change in the shortest period of a policy, none down before the window is over, none back.
    #[test]
    fn a_constant_load_settles(start in 2_i32..40, load in 0.0..6000.0_f64, up in 20_i64..120, down in 20_i64..120, window in 0_i64..300) {
        let spec = format!(
            "behavior: {{ scaleUp: {{ policies: [{{ type: Pods, value: 4, periodSeconds: {up} }}] }},
               scaleDown: {{ stabilizationWindowSeconds: {window}, policies: [{{ type: Percent, value: 30, periodSeconds: {down} }}] }} }}"
        );
        let mut fleet = Simulation::new(settings(&spec), start, MODEL, at(0));
        let mut changes: Vec<(i64, i32)> = Vec::new();
        for time in (0..3600).step_by(10) {
            if let Some(change) = fleet.step(&moment(time, Some(load))).decision.change {
                changes.push((time, change.to - change.from));
            }
        }
        for pair in changes.windows(2) {
            let period = if pair[0].1 > 0 { up } else { down };
            prop_assert!(pair[1].0 - pair[0].0 >= period, "{changes:?}");
            prop_assert_eq!(pair[0].1 > 0, pair[1].1 > 0, "{:?}", changes);
        }
        if let Some((time, pods)) = changes.first() {
            prop_assert!(*pods > 0 || *time >= window, "{changes:?}");
        }
    }

    /// An operator that starts anew before every decision decides the same.
    #[test]
    fn a_restart_changes_nothing(weather in prop::collection::vec(weather(), 1..100)) {
        let spec = "fallback: { replicas: 9, after: 2m }, behavior: { scaleUp: { stabilizationWindowSeconds: 60 }, scaleDown: { stabilizationWindowSeconds: 120 } }";
        let mut lasting = Simulation::new(settings(spec), 5, MODEL, at(0));
        let mut restarted = lasting.clone();
        let mut time = 0;
        for Weather { total, missing, rollout, pause } in weather {
            time += pause;
            let text = serde_json::to_string(&restarted.status).unwrap();
            restarted.status = serde_json::from_str(&text).unwrap();
            let moment = Moment { missing, rollout, ..moment(time, total) };
            prop_assert_eq!(lasting.step(&moment), restarted.step(&moment));
        }
    }
}

#[test]
fn the_defaults_for_connections() {
    // From 20 pods' load to that of 10: nothing for 600 s, then a tenth every 300 s.
    let mut fleet = Simulation::new(settings(""), 20, MODEL, at(0));
    let mut changes = Vec::new();
    for time in (0..3600).step_by(15) {
        let total = if time < 60 { 2000.0 } else { 1000.0 };
        let step = fleet.step(&moment(time, Some(total)));
        if let Some(change) = step.decision.change {
            changes.push((time, change.to));
            let limited = step.decision.conditions[2].reason;
            assert!([Reason::ScaleDownLimit, Reason::DesiredWithinRange].contains(&limited));
        }
    }
    let expected = [(660, 18), (960, 16), (1260, 14), (1560, 12), (1860, 10)];
    assert_eq!(changes, expected);
}
