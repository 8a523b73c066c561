//! Scenes of a fleet, and what status says of them.

use carillon_crds::resource::{RealtimeCluster, RealtimeClusterStatus};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::conditions::find;
use super::*;
use crate::gateway::Report;
use crate::rollout::{Plan, Status};
use crate::scale::Decision;

mod events;
mod ready;
mod writes;

/// The rules that pods should serve.
const RULES: &str = "3f9a3f9a3f9a3f9a";

/// All that is seen, owned.
struct Scene {
    cluster: RealtimeCluster,
    desired: i32,
    deployment: Option<Deployment>,
    pods: Vec<One>,
    rules: Option<&'static str>,
    rules_are_current: bool,
    plan: Option<Plan>,
    decision: Option<Decision>,
    stalls: Vec<Stall>,
    applying: bool,
    paused: bool,
}

/// One pod.
struct One {
    pod: cache::pod::Pod,
    report: Option<Report>,
    is_new: bool,
}

impl Scene {
    /// So many pods, all well.
    fn of(count: usize) -> Self {
        let pods = (0..count).map(|place| One::new(&format!("game-{place}"), ""));
        let count = i32::try_from(count).unwrap();
        Self {
            cluster: cluster(&json!({ "replicas": count })),
            desired: count,
            deployment: Some(Deployment {
                observed: true,
                deadline_exceeded: false,
            }),
            pods: pods.collect(),
            rules: Some(RULES),
            rules_are_current: true,
            plan: Some(plan(Phase::Idle)),
            decision: None,
            stalls: Vec::new(),
            applying: false,
            paused: false,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn next(
        &self,
        before: &RealtimeClusterStatus,
        last_write: Option<Timestamp>,
        now: Timestamp,
    ) -> Next {
        let pods: Vec<_> = self.pods.iter().map(One::seen).collect();
        let seen = Seen {
            cluster: &self.cluster,
            image: "carillon/gateway:0.1.0",
            namespaces: 4,
            desired: self.desired,
            deployment: self.deployment,
            pods: &pods,
            rules: self.rules,
            rules_are_current: self.rules_are_current,
            plan: self.plan.as_ref(),
            decision: self.decision.as_ref(),
            stalls: &self.stalls,
            applying: self.applying,
            paused: self.paused,
        };
        next(&seen, before, last_write, now)
    }

    /// At first sight.
    fn first(&self) -> RealtimeClusterStatus {
        self.next(&default_status(), None, at(0)).status
    }
}

impl One {
    /// A pod that is well: `o` of an earlier template, `t` terminating, `u` not ready, `s` silent, `w` waiting for its
    /// image, `b` off the bus, `r` refusing the rules, `l` with earlier ones.
    fn new(name: &str, flags: &str) -> Self {
        let has = |flag| flags.contains(flag);
        let ready = !has('u') && !has('w');
        let state = match has('w') {
            true => json!({ "waiting": { "reason": "ErrImagePull" } }),
            false => json!({ "running": {} }),
        };
        let pod: Value = json!({
            "metadata": {
                "name": name, "namespace": "sim",
                "deletionTimestamp": has('t').then_some("2026-01-01T00:00:00Z"),
            },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
                "containerStatuses": [{
                    "name": "gateway", "ready": ready, "image": "", "imageID": "", "restartCount": 0,
                    "state": state,
                }],
            },
        });
        let report = Report {
            hash: Some(if has('r') || has('l') { "old" } else { RULES }.to_owned()),
            rejection: match has('r') {
                true => vec!["namespaces[0].events: is no list".to_owned()],
                false => Vec::new(),
            },
            sessions: 1_234,
            draining: has('t'),
            bus_up: Some(!has('b')),
        };
        Self {
            pod: cache::pod::Pod::new(serde_json::from_value(pod).unwrap()),
            report: (!has('s') && !has('w')).then_some(report),
            is_new: !has('o'),
        }
    }

    fn seen(&self) -> Pod<'_> {
        Pod {
            pod: &self.pod,
            report: self.report.as_ref(),
            is_new: self.is_new,
        }
    }
}

fn pods<const N: usize>(pods: [(&str, &str); N]) -> Vec<One> {
    pods.iter()
        .map(|(name, flags)| One::new(name, flags))
        .collect()
}

/// The fleet `game` with a spec that has these parts besides.
fn cluster(parts: &Value) -> RealtimeCluster {
    let mut spec = json!({ "namespaces": [{ "name": "/" }], "redis": { "mode": "classic" } });
    if let (Some(all), Value::Object(parts)) = (spec.as_object_mut(), parts) {
        all.extend(parts.clone());
    }
    let mut cluster = RealtimeCluster::new("game", serde_json::from_value(spec).unwrap());
    cluster.metadata.namespace = Some("sim".to_owned());
    cluster.metadata.generation = Some(7);
    cluster
}

fn plan(phase: Phase) -> Plan {
    Plan {
        paused: false,
        replicas: 0,
        victim: None,
        unmark: Vec::new(),
        status: Status {
            phase,
            updated: 0,
            draining: 0,
            remaining_connections: 0,
        },
        held: None,
        draining: None,
        exceeds_budget: Vec::new(),
        mismatched: Vec::new(),
    }
}

fn draining(cause: rollout::Draining, count: u32, sessions: u64) -> Plan {
    let mut plan = plan(Phase::Draining);
    plan.status.draining = count;
    plan.status.remaining_connections = sessions;
    plan.draining = Some(cause);
    plan
}

fn stall(reason: StallReason, message: &str) -> Stall {
    let message = message.to_owned();
    Stall { reason, message }
}

/// What the API server shows of an object without status.
fn default_status() -> RealtimeClusterStatus {
    serde_json::from_value(json!({ "conditions": [{
        "type": "Ready", "status": "Unknown", "reason": "Pending",
        "message": "Waiting for the operator", "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] }))
    .unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000_000 + seconds)
}

/// A condition as `True/Reason`; empty where there is none.
fn told(status: &RealtimeClusterStatus, kind: &str) -> String {
    let condition = find(status, kind);
    condition.map_or(String::new(), |one| {
        format!("{}/{}", one.status, one.reason)
    })
}
