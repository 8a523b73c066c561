//! Fleets that an operator in pods keeps, with real clients in front of them.

#[path = "fleet/apiserver.rs"]
mod apiserver;
#[path = "fleet/bus.rs"]
mod bus;
#[path = "fleet/dashboards.rs"]
mod dashboards;
#[path = "fleet/deletion.rs"]
mod deletion;
#[path = "fleet/drift.rs"]
mod drift;
#[path = "fleet/eviction.rs"]
mod eviction;
#[path = "fleet/external.rs"]
mod external;
#[path = "fleet/failover.rs"]
mod failover;
#[path = "fleet/first.rs"]
mod first;
#[path = "fleet/forbidden.rs"]
mod forbidden;
#[path = "fleet/killed.rs"]
mod killed;
#[path = "fleet/lies.rs"]
mod lies;
#[path = "fleet/memory.rs"]
mod memory;
#[path = "fleet/node.rs"]
mod node;
#[path = "fleet/pods_killed.rs"]
mod pods_killed;
#[path = "fleet/roles.rs"]
mod roles;
#[path = "fleet/rollout.rs"]
mod rollout;
#[path = "fleet/rotation.rs"]
mod rotation;
#[path = "fleet/rules.rs"]
mod rules;
#[path = "fleet/scaling.rs"]
mod scaling;
#[path = "fleet/steady.rs"]
mod steady;
#[path = "fleet/stuck.rs"]
mod stuck;

use std::collections::BTreeSet;
use std::time::Duration;

use carillon_operator::names;
use carillon_operator::rbac::manifest::{self, Install};
use carillon_tests::gateway::KEY;
use carillon_tests::kubernetes::{
    Audit, Fleet, Kubernetes, LeaseTimes, Load, Namespace, Operator, Pod, Request, Trace, until,
};
use serde_json::{Value, json};

/// How long pods may take to be ready, and a state to be seen.
const DEADLINE: Duration = Duration::from_secs(90);

/// A fleet on streams whose clients lose nothing: they join rooms, publish to them and are echoed.
fn spec(redis: &str, replicas: u32) -> Value {
    json!({
        "replicas": replicas,
        "redis": { "mode": "streams", "url": { "value": redis } },
        "apiKeys": [api_key("tests", "api", "key")],
        "namespaces": [namespace(&[])],
    })
}

fn api_key(name: &str, secret: &str, key: &str) -> Value {
    json!({
        "name": name, "namespaces": ["*"], "can": ["emit"],
        "secret": { "secretKeyRef": { "name": secret, "key": key } },
    })
}

/// The rules of `/`, with more events that are echoed.
fn namespace(echoes: &[&str]) -> Value {
    let mut events = vec![
        json!({ "name": "join", "args": [{ "type": "string" }], "join": ["room-{0}"], "ack": { "args": true } }),
        json!({ "name": "publish", "publish": [{ "to": ["room-{0}"] }], "ack": { "args": true } }),
    ];
    let echoes = ["echo"].iter().chain(echoes);
    events.extend(echoes.map(|name| json!({ "name": name, "ack": { "args": true } })));
    json!({
        "name": "/",
        "limits": { "events": { "rate": "100000/s", "burst": 100_000 } },
        "recovery": { "window": "2m" },
        "events": events,
    })
}

/// A namespace with the Secret of the API key.
fn prepare<'a>(cluster: &'a Kubernetes, name: &str) -> Namespace<'a> {
    let namespace = cluster.namespace(name);
    secret(&namespace, "api", "key", KEY);
    namespace
}

/// An operator for the fleets of a namespace, which may do there what its role says and nothing else.
async fn start_operator<'a>(cluster: &Kubernetes, namespace: &'a Namespace<'_>) -> Operator<'a> {
    start_operator_with(cluster, namespace, LeaseTimes::SHORT).await
}

async fn start_operator_with<'a>(
    cluster: &Kubernetes,
    namespace: &'a Namespace<'_>,
    lease: LeaseTimes,
) -> Operator<'a> {
    let here = namespace.name().to_owned();
    let roles = manifest::yaml(&Install {
        namespace: here.clone(),
        namespaces: vec![here],
        lease: names::LEASE.to_owned(),
    });
    Operator::start(cluster, namespace, &roles, lease).await
}

fn secret(namespace: &Namespace<'_>, name: &str, key: &str, value: &str) {
    let literal = format!("--from-literal={key}={value}");
    namespace.kubectl(&["create", "secret", "generic", name, &literal]);
}

/// Clients of every transport in the room `all`, some of which publish to it, and a backend that does.
fn load(fleet: &Fleet<'_>, count: usize) -> Load {
    let load = Load::start(&fleet.url());
    load.connect("polling", count / 3, &["all"], &["polling"]);
    load.connect("upgrade", count / 3, &["all"], &["polling", "websocket"]);
    load.connect(
        "websocket",
        count - 2 * (count / 3),
        &["all"],
        &["websocket"],
    );
    for name in ["polling-0", "upgrade-0", "websocket-0"] {
        load.publish(name, "all");
    }
    load.post("backend", &fleet.api(), "all");
    load
}

/// Waits until every pod serves by the rules that the status tells, and returns their hash.
async fn rules_everywhere(
    fleet: &Fleet<'_>,
    other_than: &str,
    deadline: Duration,
) -> (String, Duration) {
    let same = async || {
        let pods = fleet.pods();
        let hashes: Result<BTreeSet<_>, _> = pods.iter().map(|pod| fleet.rules_of(pod)).collect();
        let hashes = hashes?;
        let mut each = hashes.iter();
        match (each.next(), each.next()) {
            (Some(one), None) if one != other_than => Ok(one.clone()),
            _ => Err(format!("{hashes:?}")),
        }
    };
    until("all pods have the new rules", deadline, same).await
}

/// What the operator has written since then, but for its Lease, the status, and what of these it may.
fn written(audit: &Audit<'_>, operator: &Operator<'_>, may: &[&str]) -> Vec<Request> {
    let account = operator.account();
    let mut writes = audit.requests();
    writes.retain(|request| request.user == account && request.is_write());
    writes.retain(|request| {
        let resource = request.resource.as_str();
        !["leases", "realtimeclusters/status"].contains(&resource) && !may.contains(&resource)
    });
    writes
}

/// The same pods, and none of them started again.
fn assert_untouched(before: &[Pod], after: &[Pod]) {
    assert_eq!(before, after);
}

/// No window has more losses than the budget and a tenth of it.
fn assert_within_budget(load: &Load, budget: u32) {
    let trace = load.trace();
    let worst = Trace::worst(&trace.lost);
    println!(
        "{} connections were lost, at most {worst:.1}/s over {} s",
        trace.lost.len(),
        Trace::WINDOW
    );
    assert!(
        worst <= Trace::allowed(budget),
        "{worst:.1}/s where the budget is {budget}/s: {:?}",
        trace.lost
    );
}
