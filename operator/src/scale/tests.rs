//! Decisions one by one: what is said, and what the guard refuses.

use carillon_crds::resource::RealtimeClusterStatus;
use jiff::{SignedDuration, Timestamp};

use super::hpa::condition::{Condition, Kind, Reason};
use super::hpa::pods::{Phase, Pod, Readiness, Requests};
use super::hpa::replicas::Unable;
use super::samples::{Data, PodSample, Samples};
use super::settings::Settings;
use super::{Decision, Facts, conditions, decide};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000_000 + seconds)
}

const CONNECTIONS: &str = "{ minReplicas: 2, maxReplicas: 20,
    metrics: [{ type: Connections, averageValue: '5000' }],
    behavior: { scaleUp: { policies: [{ type: Pods, value: 4, periodSeconds: 60 }] } },
    fallback: { replicas: 8, after: 10m } }";

/// A fleet under test: pods that have been ready for an hour, and what was decided last.
struct Fleet {
    settings: Settings,
    pods: Vec<Pod>,
    rollout: bool,
    status: RealtimeClusterStatus,
    now: i64,
}

impl Fleet {
    fn new(spec: &str, pods: usize) -> Self {
        let pod = |place| Pod {
            name: format!("game-1-{place}"),
            phase: Phase::Running,
            deleted: false,
            ready: Some(Readiness {
                status: Some(true),
                since: at(-3600),
            }),
            started: Some(at(-3600)),
            requests: Requests {
                cpu: Some(1000),
                memory: Some(2 << 30),
            },
        };
        Self {
            settings: Settings::parse(&serde_yaml::from_str(spec).unwrap()).unwrap(),
            pods: (0..pods).map(pod).collect(),
            rollout: false,
            status: RealtimeClusterStatus::default(),
            now: 0,
        }
    }

    fn decide(&mut self, data: Vec<Result<Data, Unable>>) -> Decision {
        let facts = Facts {
            current: self.pods.len() as i32,
            status_replicas: self.pods.len() as i32,
            pods: &self.pods,
            rollout_in_progress: self.rollout,
        };
        let now = at(self.now);
        let decision = decide(&self.settings, &Samples(data), &self.status, &facts, now);
        self.status.autoscaling = Some(decision.status.clone());
        conditions::merge(&mut self.status.conditions, &decision.conditions, None, now);
        decision
    }

    /// Samples of the first pods: value and age.
    fn pods(&mut self, samples: &[(f64, i64)]) -> Decision {
        let now = self.now;
        let sample = |(place, (value, age)): (usize, &(f64, i64))| PodSample {
            pod: format!("game-1-{place}"),
            value: *value,
            time: at(now - age),
        };
        let samples = samples.iter().enumerate().map(sample).collect();
        self.decide(vec![Ok(Data::Pods(samples))])
    }

    fn away(&mut self) -> Decision {
        self.decide(vec![Err(Unable::new(
            Reason::FailedGetPodsMetric,
            "Connections: away",
        ))])
    }

    fn whole(&mut self, value: f64, age: Option<i64>) -> Decision {
        let taken = age.map(|age| at(self.now - age));
        self.decide(vec![Ok(Data::Whole { value, taken })])
    }
}

fn condition(decision: &Decision, kind: Kind) -> (bool, Reason) {
    let of_kind = |one: &&Condition| one.kind == kind;
    let found = decision.conditions.iter().find(of_kind).unwrap();
    (found.status, found.reason)
}

fn said(decision: &Decision) -> &str {
    decision.status.reason.as_deref().unwrap()
}

#[test]
fn reasons() {
    let fresh = |value, pods| vec![(value, 5); pods];
    let query =
        "{ maxReplicas: 20, metrics: [{ type: Query, name: depth, query: q, value: '100' }] }";
    let cpu = "{ maxReplicas: 20, metrics: [{ type: CPU, averageUtilization: 80 }] }";
    let memory = "{ maxReplicas: 20, metrics: [{ type: Memory, averageValue: 1Gi }] }";
    let cases: Vec<(&str, usize, Vec<(f64, i64)>, &str)> = vec![
        (
            CONNECTIONS,
            5,
            fresh(5100.0, 5),
            "Connections 5100/5000 → 5",
        ),
        (
            CONNECTIONS,
            5,
            fresh(5800.0, 5),
            "Connections 5800/5000 → 6",
        ),
        (
            CONNECTIONS,
            5,
            fresh(15_000.0, 5),
            "Connections 15000/5000 → 9 (limited by scaleUp policy 4 Pods/60s)",
        ),
        (
            CONNECTIONS,
            18,
            fresh(15_000.0, 18),
            "Connections 15000/5000 → 20 (limited by maxReplicas 20)",
        ),
        (
            CONNECTIONS,
            5,
            fresh(1000.0, 5),
            "Connections 1000/5000 → 5 (1 after the scaleDown window of 600s)",
        ),
        (CONNECTIONS, 1, vec![], "1 is below minReplicas 2 → 2"),
        (CONNECTIONS, 21, vec![], "21 is above maxReplicas 20 → 20"),
        (CONNECTIONS, 0, vec![], "scaled to 0 by hand"),
        (
            CONNECTIONS,
            5,
            vec![],
            "Connections: no pod has a sample → 5 (held)",
        ),
        (
            CONNECTIONS,
            3,
            vec![(f64::NAN, 5); 3],
            "Connections: no pod has a finite value of 0 or more → 3 (held)",
        ),
        (
            CONNECTIONS,
            3,
            vec![(9.0, 200); 3],
            "Connections: the newest sample is <5m old, at most 120s (maxAge) is fresh → 3 (held)",
        ),
        (
            CONNECTIONS,
            3,
            fresh(1.0, 2),
            "Connections 1/5000 → 3 (3 after",
        ),
        (cpu, 4, fresh(0.9, 4), "CPU 90%/80% → 5"),
        (
            memory,
            2,
            fresh(f64::from(1 << 29), 2),
            "Memory 0.5Gi/1Gi → 2 (1 after the scaleDown window of 300s)",
        ),
        (
            query,
            3,
            vec![],
            "depth: a value of each pod was read, one value is wanted → 3 (held)",
        ),
    ];
    for (spec, pods, samples, expected) in cases {
        let decision = Fleet::new(spec, pods).pods(&samples);
        let said = said(&decision);
        if expected.ends_with("after") {
            assert!(said.starts_with("Connections 1/5000 → 3"), "{said}");
        } else {
            assert_eq!(said, expected);
        }
    }
}

#[test]
fn no_whole_data_no_scale_down() {
    let no_window = CONNECTIONS.replace(
        "behavior: {",
        "behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: Percent, value: 100, periodSeconds: 15 }] },",
    );
    let idle = 10.0;
    let cases: Vec<(Vec<(f64, i64)>, i32, bool, Reason)> = vec![
        (vec![(idle, 5); 5], 2, true, Reason::ValidMetricFound),
        (vec![(idle, 5); 4], 5, false, Reason::MetricPartial),
        (
            vec![(idle, 5), (idle, 5), (idle, 5), (idle, 5), (idle, 121)],
            5,
            false,
            Reason::MetricPartial,
        ),
        (
            vec![(idle, 5), (idle, 5), (idle, 5), (idle, 5), (f64::NAN, 5)],
            5,
            false,
            Reason::MetricPartial,
        ),
        (vec![(idle, 120); 5], 2, true, Reason::ValidMetricFound),
        (vec![(idle, 121); 5], 5, false, Reason::MetricStale),
        (
            vec![(f64::INFINITY, 5); 5],
            5,
            false,
            Reason::FailedGetPodsMetric,
        ),
        (vec![(-1.0, 5); 5], 5, false, Reason::FailedGetPodsMetric),
        (
            vec![(idle, 5), (idle, 5), (idle, 5), (idle, 5), (-1.0, 5)],
            5,
            false,
            Reason::MetricPartial,
        ),
        (vec![], 5, false, Reason::FailedGetPodsMetric),
        // Up is allowed, whatever is missing.
        (vec![(30_000.0, 5); 4], 9, true, Reason::ValidMetricFound),
    ];
    for (samples, desired, active, reason) in cases {
        let decision = Fleet::new(&no_window, 5).pods(&samples);
        assert_eq!(
            decision.desired,
            desired,
            "{samples:?}: {}",
            said(&decision)
        );
        assert_eq!(
            condition(&decision, Kind::ScalingActive),
            (active, reason),
            "{samples:?}"
        );
        assert_eq!(decision.change.is_some(), desired != 5);
        let error = &decision.status.metrics[0].error;
        assert_eq!(
            error.is_some(),
            samples != [(idle, 5); 5] && samples != [(idle, 120); 5]
        );
    }

    // A pod that is too young to have been scraped, one that goes and one of another fleet hold nothing.
    let mut fleet = Fleet::new(&no_window, 5);
    fleet.pods[4].started = Some(at(-60));
    let decision = fleet.pods(&[(idle, 5); 4]);
    assert_eq!(
        condition(&decision, Kind::ScalingActive).1,
        Reason::ValidMetricFound
    );
    assert!(decision.desired < 5, "{}", said(&decision));
    let mut fleet = Fleet::new(&no_window, 5);
    fleet.pods[4].deleted = true;
    assert_eq!(fleet.pods(&[(idle, 5); 4]).desired, 2);
    assert_eq!(Fleet::new(&no_window, 5).pods(&[(idle, 5); 9]).desired, 2);
}

#[test]
fn queries() {
    let query =
        "{ maxReplicas: 20, metrics: [{ type: Query, name: depth, query: q, value: '100' }],
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } }";
    let cases = [
        (150.0, Some(5), 6, "depth 150/100 → 6", Some("<30s")),
        (150.0, None, 6, "depth 150/100 → 6", Some("unknown")),
        (10.0, Some(90), 1, "depth 10/100 → 1", Some("<2m")),
        (10.0, Some(-90), 1, "depth 10/100 → 1", Some("<30s")),
        (
            10.0,
            Some(500),
            4,
            "depth: the newest sample is <10m old, at most 120s (maxAge) is fresh → 4 (held)",
            None,
        ),
        (
            f64::NAN,
            Some(5),
            4,
            "depth: the value is NaN → 4 (held)",
            None,
        ),
        (
            f64::NEG_INFINITY,
            None,
            4,
            "depth: the value is -inf → 4 (held)",
            None,
        ),
    ];
    for (value, age, desired, reason, shown) in cases {
        let decision = Fleet::new(query, 4).whole(value, age);
        assert_eq!(decision.desired, desired, "{}", said(&decision));
        assert_eq!(said(&decision), reason);
        assert_eq!(decision.status.metrics[0].age.as_deref(), shown);
    }

    let shared = query.replace("value:", "averageValue:");
    let decision = Fleet::new(&shared, 4).whole(900.0, None);
    assert_eq!(
        said(&decision),
        "depth 230/100 → 8 (limited by scaleUp policy 4 Pods/15s)"
    );
}

#[test]
fn a_rollout_holds_down_and_lets_up() {
    let mut fleet = Fleet::new(CONNECTIONS, 5);
    fleet.rollout = true;
    fleet.now = 0;
    fleet.pods(&[(10.0, 5); 5]);
    fleet.now = 700;
    let decision = fleet.pods(&[(10.0, 5); 5]);
    assert_eq!((decision.desired, decision.change), (5, None));
    assert_eq!(
        condition(&decision, Kind::ScalingLimited),
        (true, Reason::RolloutInProgress)
    );
    assert!(
        said(&decision)
            .ends_with("(held: the count is not lowered while a rollout is in progress)")
    );
    assert_eq!(fleet.pods(&[(9000.0, 5); 5]).desired, 9);
    fleet.rollout = false;
    fleet.now = 1400;
    fleet.pods(&[(10.0, 5); 5]);
    fleet.now = 2100;
    assert_eq!(fleet.pods(&[(10.0, 5); 5]).desired, 4);
}

#[test]
fn the_fallback_comes_after_its_time_and_only_upwards() {
    for (pods, after) in [(5, 8), (8, 8), (12, 12)] {
        let mut fleet = Fleet::new(CONNECTIONS, pods);
        fleet.pods(&vec![(5000.0, 5); pods]);
        for (now, desired) in [
            (15, pods),
            (300, pods),
            (614, pods),
            (615, after),
            (630, after),
        ] {
            fleet.now = now;
            let decision = fleet.away();
            assert_eq!(
                decision.desired,
                desired as i32,
                "{now}: {}",
                said(&decision)
            );
            let reasons: Vec<_> = decision.events.iter().map(|event| event.reason).collect();
            let expected: &[&str] = match now {
                15 => &["FailedGetPodsMetric"],
                615 if pods == 5 => &["FallbackActivated"],
                _ => &[],
            };
            assert_eq!(reasons, expected, "{now}");
        }
        // Data again: as on the first sight, the count stays.
        fleet.now = 2000;
        fleet.pods.truncate(8);
        let count = fleet.pods.len();
        assert_eq!(fleet.pods(&vec![(10.0, 5); count]).desired, count as i32);
    }
}

#[test]
fn advice_changes_nothing() {
    let spec = CONNECTIONS.replacen('{', "{ mode: Advise,", 1);
    let mut decision = Fleet::new(&spec, 5).pods(&[(9000.0, 5); 5]);
    assert_eq!((decision.desired, decision.change), (9, None));
    assert_eq!(decision.status.desired_replicas, Some(9));
    let before = decision.clone();
    decision.scaled(9, &Fleet::new(&spec, 5).settings, at(0));
    assert_eq!(decision, before);
}

#[test]
fn what_became_of_a_change() {
    let mut fleet = Fleet::new(CONNECTIONS, 5);
    let mut decision = fleet.pods(&[(9000.0, 5); 5]);
    decision.failed(&"conflict");
    assert_eq!(
        condition(&decision, Kind::AbleToScale),
        (false, Reason::FailedUpdateScale)
    );
    assert_eq!(decision.status.scale_events, []);

    let mut decision = fleet.pods(&[(9000.0, 5); 5]);
    decision.scaled(7, &fleet.settings, at(0));
    assert_eq!(
        condition(&decision, Kind::AbleToScale),
        (true, Reason::SucceededRescale)
    );
    assert_eq!(decision.status.scale_events[0].change, 2);
    assert!(decision.status.last_scale_time.is_some());
    let event = decision.events.last().unwrap();
    assert_eq!(event.reason, "SuccessfulRescale");
    assert_eq!(
        event.message,
        "New size: 7; reason: Connections 9000/5000 → 9"
    );
}
