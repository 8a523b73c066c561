//! A section of the vectors each: its keys, and what of [`hpa`] it asks.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::scale::hpa::behavior::{
    Behavior, Change, Policy, PolicyKind, Rules, Select, changed_within,
};
use crate::scale::hpa::plain;
use crate::scale::hpa::pods::{Phase, Pod, Readiness, Requests, Resource, Sample, Startup};
use crate::scale::hpa::replicas::{Scene, Tolerance};
use crate::scale::hpa::stabilise::{Recommendation, stabilise};

type Answer = Result<Value, String>;

/// The pods of a vector started now, so that those that are not ready are within the CPU's initialisation.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) fn compute(section: &str, input: Value, expect: &Value) -> Answer {
    match section {
        "R" => resource(&parse(input)?),
        "P" => pods(&parse(input)?),
        "V" => value(&parse(input)?),
        "A" => Ok(average_of_total(&parse(input)?)),
        "N" => Ok(normalise(&parse(input)?)),
        "B" => with_behavior(&parse(input)?),
        "S" => Ok(stabilised(&parse(input)?)),
        "T" => Ok(stabilised_both_ways(&parse(input)?, expect)),
        "E" => Ok(events(&parse(input)?)),
        other => Err(format!("section {other:?} is not known")),
    }
}

fn parse<T: DeserializeOwned>(input: Value) -> Result<T, String> {
    serde_json::from_value(input).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Each {
    Same(i64),
    Of(Vec<i64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceInput {
    current: i32,
    usage: Vec<i64>,
    request: Each,
    pods: usize,
    target_pct: i32,
    tol: (f64, f64),
    #[serde(default)]
    unready: Vec<usize>,
    #[serde(default)]
    pending: Vec<usize>,
    #[serde(default)]
    failed: Vec<usize>,
    #[serde(default)]
    deleted: Vec<usize>,
}

fn resource(input: &ResourceInput) -> Answer {
    let mut pods = fleet(input.pods, &input.unready);
    for (place, pod) in pods.iter_mut().enumerate() {
        pod.requests.cpu = match &input.request {
            Each::Same(request) => Some(*request),
            Each::Of(requests) => requests.get(place).copied(),
        };
        if input.pending.contains(&place) {
            pod.phase = Phase::Pending;
        }
        if input.failed.contains(&place) {
            pod.phase = Phase::Failed;
        }
        pod.deleted = input.deleted.contains(&place);
    }
    let scene = scene(input.current, &pods, input.tol);
    scene
        .utilization(Resource::Cpu, &samples(&input.usage), input.target_pct)
        .map(|proposal| json!([proposal.replicas, proposal.measured]))
        .map_err(|unable| unable.message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PodsInput {
    current: i32,
    values: Vec<i64>,
    pods: usize,
    target_avg: i64,
    tol: (f64, f64),
    #[serde(default)]
    unready: Vec<usize>,
}

fn pods(input: &PodsInput) -> Answer {
    let pods = fleet(input.pods, &input.unready);
    scene(input.current, &pods, input.tol)
        .average(None, &samples(&input.values), input.target_avg)
        .map(|proposal| json!([proposal.replicas, proposal.measured]))
        .map_err(|unable| unable.message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueInput {
    current: i32,
    value: i64,
    target: i64,
    ready_pods: usize,
    tol: (f64, f64),
}

fn value(input: &ValueInput) -> Answer {
    let pods = fleet(input.ready_pods, &[]);
    scene(input.current, &pods, input.tol)
        .value(input.value, input.target)
        .map(|proposal| json!(proposal.replicas))
        .map_err(|unable| unable.message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TotalInput {
    status_replicas: i32,
    total: i64,
    target_avg: i64,
    tol: (f64, f64),
}

fn average_of_total(input: &TotalInput) -> Value {
    let scene = scene(input.status_replicas, &[], input.tol);
    let proposal = scene.total(input.total, input.target_avg, input.status_replicas);
    json!([proposal.replicas, proposal.measured])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NormaliseInput {
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
}

fn normalise(input: &NormaliseInput) -> Value {
    let (replicas, reason) = plain::limit(input.current, input.desired, (input.min, input.max));
    json!([replicas, reason.as_str()])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BehaviorInput {
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
    up: Option<RulesInput>,
    down: Option<RulesInput>,
    #[serde(default)]
    up_events: Vec<(i32, i64)>,
    #[serde(default)]
    down_events: Vec<(i32, i64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesInput {
    sel: String,
    pol: Vec<(String, i32, i32)>,
}

fn with_behavior(input: &BehaviorInput) -> Answer {
    let mut behavior = Behavior::hpa();
    if let Some(up) = &input.up {
        behavior.up = rules(up, behavior.up.window)?;
    }
    if let Some(down) = &input.down {
        behavior.down = rules(down, behavior.down.window)?;
    }
    let ups = input
        .up_events
        .iter()
        .map(|(pods, age)| change(*pods, *age));
    let downs = input
        .down_events
        .iter()
        .map(|(pods, age)| change(-pods, *age));
    let changes: Vec<_> = ups.chain(downs).collect();
    let bounds = (input.min, input.max);
    let limited = behavior.limit(input.current, input.desired, bounds, &changes, NOW);
    Ok(json!([limited.replicas, limited.reason.as_str()]))
}

fn rules(input: &RulesInput, window: SignedDuration) -> Result<Rules, String> {
    let select = match input.sel.as_str() {
        "Max" => Select::Max,
        "Min" => Select::Min,
        "Disabled" => Select::Disabled,
        other => return Err(format!("selectPolicy {other:?} is not known")),
    };
    let policy = |(kind, value, period): &(String, i32, i32)| {
        let kind = match kind.as_str() {
            "Pods" => PolicyKind::Pods,
            "Percent" => PolicyKind::Percent,
            other => return Err(format!("a policy of type {other:?} is not known")),
        };
        Ok(Policy {
            kind,
            value: *value,
            period: *period,
        })
    };
    Ok(Rules {
        window,
        select,
        policies: input.pol.iter().map(policy).collect::<Result<_, _>>()?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StabiliseInput {
    recs_value_age: Vec<(i32, i64)>,
    desired: i32,
    window: i64,
}

fn stabilised(input: &StabiliseInput) -> Value {
    let mut log = log(&input.recs_value_age);
    let window = SignedDuration::from_secs(input.window);
    let replicas = plain::stabilise(input.desired, &log, window, NOW);
    record(&mut log, input.desired, window);
    json!([replicas, log.len()])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BothWaysInput {
    recs_value_age: Vec<(i32, i64)>,
    current: i32,
    desired: i32,
    up_window: i64,
    down_window: i64,
}

fn stabilised_both_ways(input: &BothWaysInput, expect: &Value) -> Value {
    let mut log = log(&input.recs_value_age);
    let mut behavior = Behavior::hpa();
    behavior.up.window = SignedDuration::from_secs(input.up_window);
    behavior.down.window = SignedDuration::from_secs(input.down_window);
    let replicas = stabilise(input.current, input.desired, &log, &behavior, NOW);
    record(&mut log, input.desired, behavior.longest_window());
    let values: Vec<_> = log.iter().map(|one| one.replicas).collect();
    // The log after is unchecked where the vector does not say it.
    match expect.as_array().map(Vec::len) {
        Some(1) => json!([replicas]),
        _ => json!([replicas, values]),
    }
}

/// The HPA's own log, whose slots it uses again. Ours is [`crate::scale::history`].
fn record(log: &mut Vec<Recommendation>, replicas: i32, window: SignedDuration) {
    let cutoff = NOW - window;
    let new = Recommendation {
        replicas,
        time: NOW,
    };
    match log.iter_mut().rfind(|one| one.time < cutoff) {
        Some(old) => *old = new,
        None => log.push(new),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsInput {
    prev_change_age: Vec<(i32, i64)>,
    period: i32,
}

fn events(input: &EventsInput) -> Value {
    let of = |(pods, age): &(i32, i64)| change(*pods, *age);
    let changes: Vec<_> = input.prev_change_age.iter().map(of).collect();
    json!(changed_within(input.period, &changes, NOW))
}

fn ago(seconds: i64) -> Timestamp {
    NOW - SignedDuration::from_secs(seconds)
}

fn change(pods: i32, age: i64) -> Change {
    Change {
        pods,
        time: ago(age),
    }
}

fn log(entries: &[(i32, i64)]) -> Vec<Recommendation> {
    let entry = |(replicas, age): &(i32, i64)| Recommendation {
        replicas: *replicas,
        time: ago(*age),
    };
    entries.iter().map(entry).collect()
}

fn fleet(count: usize, unready: &[usize]) -> Vec<Pod> {
    let pod = |place: usize| Pod {
        name: place.to_string(),
        phase: Phase::Running,
        deleted: false,
        ready: Some(Readiness {
            status: Some(!unready.contains(&place)),
            since: NOW,
        }),
        started: Some(NOW),
        requests: Requests::default(),
    };
    (0..count).map(pod).collect()
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

fn scene(current: i32, pods: &[Pod], (down, up): (f64, f64)) -> Scene<'_> {
    Scene {
        current,
        pods,
        tolerance: Tolerance { down, up },
        startup: Startup::default(),
        now: NOW,
    }
}
