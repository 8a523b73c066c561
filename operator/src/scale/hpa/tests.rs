//! The reconcile vectors of the HPA's own tests, and two where f64 is one above the exact result.
//!
//! Selectors that are empty, broken or shared (C16, C17) cannot be written here: ours comes from the name, and
//! `scale::promql` shows that those of two fleets share no pod.

use jiff::SignedDuration;

use super::pods::{Phase, Readiness, Requests};
use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

struct Case {
    id: &'static str,
    bounds: (i32, i32),
    current: i32,
    status_replicas: i32,
    pods: usize,
    request: Option<i64>,
    metrics: Vec<Result<Metric, Unable>>,
    desired: i32,
    condition: (Kind, bool, Reason),
}

fn case(id: &'static str, bounds: (i32, i32), current: i32, desired: i32) -> Case {
    Case {
        id,
        bounds,
        current,
        status_replicas: current,
        pods: current as usize,
        request: Some(1000),
        metrics: Vec::new(),
        desired,
        condition: (Kind::AbleToScale, true, Reason::ReadyForNewScale),
    }
}

impl Case {
    fn cpu(mut self, target: i32, usage: &[i64]) -> Self {
        self.metrics.push(Ok(Metric::Utilization {
            resource: Resource::Cpu,
            samples: samples(usage),
            target,
        }));
        self
    }

    fn average(mut self, target: i64, values: &[i64]) -> Self {
        self.metrics.push(Ok(Metric::Average {
            resource: None,
            samples: samples(values),
            target,
        }));
        self
    }

    fn failing(mut self, reason: Reason) -> Self {
        self.metrics.push(Err(Unable::new(reason, "away")));
        self
    }

    fn limited(mut self, status: bool, reason: Reason) -> Self {
        self.condition = (Kind::ScalingLimited, status, reason);
        self
    }

    fn active(mut self, status: bool, reason: Reason) -> Self {
        self.condition = (Kind::ScalingActive, status, reason);
        self
    }

    fn able(mut self, reason: Reason) -> Self {
        self.condition = (Kind::AbleToScale, true, reason);
        self
    }

    fn pods(self, pods: usize, status_replicas: i32) -> Self {
        Self {
            pods,
            status_replicas,
            ..self
        }
    }
}

fn samples(values: &[i64]) -> Vec<Sample> {
    let sample = |(place, value): (usize, &i64)| Sample {
        pod: place.to_string(),
        value: *value,
        time: NOW,
        window: SignedDuration::ZERO,
    };
    values.iter().enumerate().map(sample).collect()
}

fn cases() -> Vec<Case> {
    use Reason::*;
    let without_request = Case {
        request: None,
        ..case("C11", (1, 5), 1, 1)
    };
    vec![
        case("C1", (2, 5), 3, 2)
            .cpu(90, &[10, 95, 10])
            .limited(true, TooFewReplicas),
        case("C2", (0, 5), 3, 0)
            .cpu(90, &[0, 0, 0])
            .limited(false, DesiredWithinRange),
        case("C3", (2, 5), 3, 2)
            .cpu(90, &[0, 0, 0])
            .limited(true, TooFewReplicas),
        case("C4", (3, 5), 0, 0)
            .cpu(90, &[])
            .active(false, ScalingDisabled),
        case("C5", (3, 5), 2, 3).able(SucceededGetScale),
        case("C6", (3, 5), 10, 5).able(SucceededGetScale),
        case("C7", (2, 5), 3, 5)
            .cpu(90, &[8000, 9500, 1000])
            .limited(true, TooManyReplicas),
        case("C8", (2, 6), 4, 6)
            .cpu(100, &[4000, 9500, 3000, 7000, 3200, 2000])
            .limited(true, TooManyReplicas),
        case("C9", (2, 6), 4, 3)
            .cpu(100, &[400, 95])
            .able(ReadyForNewScale),
        case("C10", (2, 6), 4, 4)
            .cpu(100, &[])
            .active(false, FailedGetResourceMetric),
        without_request
            .cpu(100, &[200])
            .active(false, FailedGetResourceMetric),
        case("C12", (1, 8), 4, 4)
            .pods(5, 5)
            .cpu(100, &[1000, 1000, 1000, 1000, 1000])
            .able(ReadyForNewScale),
        case("C13", (2, 6), 3, 4)
            .cpu(30, &[300, 400, 500])
            .failing(FailedGetExternalMetric)
            .active(true, ValidMetricFound),
        case("C14", (2, 6), 5, 5)
            .cpu(50, &[300, 300, 300, 300, 300])
            .failing(FailedGetExternalMetric)
            .active(false, FailedGetExternalMetric),
        case("C15", (2, 6), 5, 5)
            .cpu(50, &[300, 300, 300, 300, 300])
            .failing(InvalidMetricSourceType)
            .active(false, InvalidMetricSourceType),
        case("C19", (1, 5), 3, 4)
            .average(15_000, &[20_000, 10_000, 30_000])
            .able(ReadyForNewScale),
    ]
}

fn fleet(case: &Case) -> Vec<Pod> {
    let pod = |place: usize| Pod {
        name: place.to_string(),
        phase: Phase::Running,
        deleted: false,
        ready: Some(Readiness {
            status: Some(true),
            since: NOW - SignedDuration::from_hours(1),
        }),
        started: Some(NOW - SignedDuration::from_hours(1)),
        requests: Requests {
            cpu: case.request,
            memory: None,
        },
    };
    (0..case.pods).map(pod).collect()
}

#[test]
fn reconcile_vectors() {
    let cases = cases();
    assert_eq!(cases.len(), 16);
    for case in cases {
        // C19 has just been scaled: there is no time to wait after a change.
        let changes = [Change {
            pods: 1,
            time: NOW - SignedDuration::from_secs(1),
        }];
        let pods = fleet(&case);
        let outcome = hpa(&Input {
            bounds: case.bounds,
            current: case.current,
            status_replicas: case.status_replicas,
            pods: &pods,
            metrics: &case.metrics,
            tolerance: Tolerance::default(),
            startup: Startup::default(),
            behavior: &Behavior::hpa(),
            past: &[],
            changes: if case.id == "C19" { &changes } else { &[] },
            now: NOW,
        });
        assert_eq!(outcome.desired, case.desired, "{}: {outcome:?}", case.id);
        let (kind, status, reason) = case.condition;
        let found = outcome.conditions.iter().find(|one| one.kind == kind);
        let found = found.map(|one| (one.status, one.reason));
        assert_eq!(found, Some((status, reason)), "{}: {outcome:?}", case.id);
        let failed = outcome.proposals.iter().any(Result::is_err);
        assert_eq!(
            failed,
            ["C10", "C11", "C13", "C14", "C15"].contains(&case.id)
        );
    }
}

/// C5, C6 and C18: what the loop adds once the count is written, or could not be.
#[test]
fn what_became_of_a_change() {
    let rescaled = Condition::rescaled(5);
    assert_eq!(
        (rescaled.status, rescaled.reason),
        (true, Reason::SucceededRescale)
    );
    let get = Condition::failed_get_scale(&"away");
    assert_eq!((get.status, get.reason), (false, Reason::FailedGetScale));
    let update = Condition::failed_update_scale(&"away");
    assert_eq!(
        (update.status, update.reason),
        (false, Reason::FailedUpdateScale)
    );
    for condition in [rescaled, get, update] {
        assert_eq!(condition.kind, Kind::AbleToScale);
    }
}

/// The HPA counts in f64: `ceil` of a product that is exactly 29 or 63 gives one more.
#[test]
fn one_above_the_exact() {
    let propose = |ready: usize, usage: i64, target| {
        let case = case("F", (1, 100), ready as i32, 0).cpu(target, &vec![usage; ready]);
        let pods = fleet(&case);
        let scene = Scene {
            current: case.current,
            pods: &pods,
            tolerance: Tolerance::default(),
            startup: Startup::default(),
            now: NOW,
        };
        let samples = samples(&vec![usage; ready]);
        scene.utilization(Resource::Cpu, &samples, target).unwrap()
    };
    let f1 = propose(14, 1450, 70);
    assert_eq!((f1.replicas, f1.measured), (30, 145));
    // 7/3 of 27 pods.
    let f2 = propose(27, 700, 30);
    assert_eq!((f2.replicas, f2.measured), (64, 70));
}
