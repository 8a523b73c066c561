//! The leader is killed at the first sign of a step, once a phase; what it has begun is ended by the next.

use std::pin::pin;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use carillon_tests::kubernetes::{self, Fleet, Kubernetes, Namespace, Operator, redis, until};
use futures_util::StreamExt;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::watch_object;
use serde_json::{Value, json};

use super::failover::{TAKEOVER, other_leader};
use super::{
    DEADLINE, assert_untouched, assert_within_budget, load, namespace, prepare, rules_everywhere,
    spec, start_operator,
};

const BUDGET: u32 = 10;
/// In one of so many rounds the leader is early enough: how soon it is killed is up to the machine.
const ROUNDS: usize = 24;
/// How long after the rules the leader is killed, in turn.
const AFTER: [u64; 6] = [0, 0, 1, 2, 4, 8];
/// Three steps down, each with its drain.
const SCALED: Duration = Duration::from_secs(120);

/// An object that shows how far the operator is.
#[derive(Clone, Copy)]
struct Sign {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    name: &'static str,
}

const RESOURCE: Sign = Sign {
    group: "carillon.dev",
    version: "v1alpha1",
    kind: "RealtimeCluster",
    plural: "realtimeclusters",
    name: "game",
};
const RULES: Sign = Sign {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    name: "game-rules",
};
const DEPLOYMENT: Sign = Sign {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    name: "game",
};

/// The leader, about to be killed so long after the sign.
struct Doomed {
    pod: String,
    killed: JoinHandle<Instant>,
}

/// Takes aim at the leader. A thread of its own looks for the sign: this one may be waiting for `kubectl`.
fn doom(
    cluster: &'static Kubernetes,
    space: &Namespace<'_>,
    operator: &Operator<'_>,
    sign: Sign,
    after: Duration,
    is: impl Fn(&Value) -> bool + Send + 'static,
) -> Doomed {
    let pod = operator.leader().unwrap();
    let shot = operator.aim(&pod);
    let namespace = space.name().to_owned();
    let (watches, watching) = mpsc::channel();
    let look = async move {
        let kind = GroupVersionKind::gvk(sign.group, sign.version, sign.kind);
        let kind = ApiResource::from_gvk_with_plural(&kind, sign.plural);
        let client = cluster.client().await;
        let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &kind);
        let mut states = pin!(watch_object(api, sign.name));
        while let Some(state) = states.next().await {
            let state = serde_json::to_value(state.unwrap()).unwrap();
            if is(&state) {
                break;
            }
            let _ = watches.send(());
        }
        tokio::time::sleep(after).await;
        shot.fire();
        Instant::now()
    };
    let killed = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(look)
    });
    watching.recv().expect("the sign is looked for");
    Doomed { pod, killed }
}

impl Doomed {
    /// Waits until it is dead and another leads, and replaces it.
    async fn succeeded(self, operator: &Operator<'_>) {
        let began = self.killed.join().unwrap();
        other_leader(operator, &self.pod, TAKEOVER + Duration::from_secs(1)).await;
        let took = began.elapsed();
        println!("{} is killed, another leads after {took:?}", self.pod);
        assert!(took <= TAKEOVER, "taken over after {took:?}");
        operator.replace(&self.pod).await;
    }
}

/// Waits until there are so many pods and no other, and there never was another template than theirs.
async fn exactly(space: &Namespace<'_>, fleet: &Fleet<'_>, count: usize) {
    let same = async || {
        let pods = fleet.pods();
        let sets = space.get(&["replicasets", "--selector=carillon.dev/cluster=game"]);
        let sets = sets["items"].as_array().map_or(0, Vec::len);
        let whole = pods.len() == count && pods.iter().all(|pod| !pod.terminating);
        (whole && sets == 1)
            .then_some(())
            .ok_or_else(|| format!("{sets} templates, {pods:?}"))
    };
    until(&format!("there are {count} pods"), SCALED, same).await;
    fleet.ready(DEADLINE).await;
}

#[test]
fn before_the_first_apply() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "killed-first");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        for round in 1.. {
            let audit = cluster.audit();
            let is_there = |object: &Value| !object.is_null();
            let doomed = doom(
                cluster,
                &space,
                &operator,
                RESOURCE,
                Duration::ZERO,
                is_there,
            );
            let pod = doomed.pod.clone();
            let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
            doomed.succeeded(&operator).await;
            let writes = audit.requests().into_iter();
            let writes = writes.filter(|request| request.pod == pod && request.is_write());
            let made: Vec<_> = writes
                .map(|request| request.resource)
                .filter(|resource| resource != "leases")
                .collect();
            println!("killed at the first sight of the resource: it has made {made:?}");
            exactly(&space, &fleet, 2).await;
            let load = load(&fleet, 12);
            load.settle().await;
            assert_eq!(load.trace().lost, [0.0; 0]);
            fleet.delete();
            let early = !made.iter().any(|resource| resource == "deployments");
            if early {
                break;
            }
            assert!(round < ROUNDS, "it was always killed too late");
        }
    });
}

#[test]
fn between_the_rules_and_the_pods() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "killed-rules");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 4));
        fleet.ready(DEADLINE).await;
        let (mut hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 24));
        let mut between = false;
        for (round, after) in AFTER.into_iter().cycle().enumerate() {
            if between && round >= AFTER.len() {
                break;
            }
            assert!(round < ROUNDS, "it was always killed too late");
            let after = Duration::from_millis(after);
            let before = space.get(&["configmap", "game-rules"])["data"].clone();
            let is_new = move |object: &Value| object["data"] != before;
            let doomed = doom(cluster, &space, &operator, RULES, after, is_new);
            let audit = cluster.audit();
            let pod = doomed.pod.clone();
            let event = format!("round-{round}");
            fleet.edit(&json!({ "namespaces": [namespace(&[&event])] }));
            doomed.succeeded(&operator).await;
            let mut writes = audit.requests();
            writes.retain(|request| request.pod == pod && request.is_write());
            let count = |resource| writes.iter().filter(|one| one.resource == resource).count();
            let (rules, told) = (count("configmaps"), count("pods"));
            println!("killed {after:?} after the rules: it has told {told} pods");
            assert_eq!(rules, 1);
            between |= told < pods.len();
            (hash, _) = rules_everywhere(&fleet, &hash, Duration::from_secs(5)).await;
            fleet.ready(DEADLINE).await;
            assert_eq!(load.ask("upgrade-1", &event, &[json!(1)]), [json!(1)]);
        }
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());
    });
}

#[test]
fn in_the_middle_of_scaling() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "killed-scaling");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let mut paced = spec(&url, 1);
        paced["drain"] = json!({ "reconnectsPerSecond": BUDGET });
        let fleet = Fleet::apply(&space, &client, "game", &paced);
        fleet.ready(DEADLINE).await;
        let load = load(&fleet, 24);
        let mut before = fleet.pods();
        for (count, first_step) in [(4, 4), (1, 3)] {
            // The later ones are on all pods, and so have to move.
            load.connect(&format!("to-{count}"), 24, &["all"], &["websocket"]);
            let is_first = move |object: &Value| object["spec"]["replicas"] == first_step;
            let doomed = doom(
                cluster,
                &space,
                &operator,
                DEPLOYMENT,
                Duration::ZERO,
                is_first,
            );
            let replicas = format!("--replicas={count}");
            space.kubectl(&["scale", "rtc/game", &replicas]);
            doomed.succeeded(&operator).await;
            exactly(&space, &fleet, count).await;
            let pods = fleet.pods();
            let kept = pods.iter().filter(|pod| before.contains(pod)).count();
            assert_eq!(kept, before.len().min(count), "{before:?} {pods:?}");
            before = pods;
        }
        load.settle().await;
        assert_within_budget(&load, BUDGET);
        let events = space.get(&["events"]).to_string();
        assert!(!events.contains("VictimMismatch"), "{events}");
    });
}
