//! Pods of a fleet end without a goodbye.

use carillon_tests::kubernetes::{self, Fleet, Namespace, Pod, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, load, namespace, prepare, rules_everywhere, spec, start_operator, written};

/// Waits until so many pods serve, and these are as `is` has them.
async fn serving(what: &str, fleet: &Fleet<'_>, is: impl Fn(&[Pod]) -> bool) -> Vec<Pod> {
    let as_wanted = async || {
        let pods = fleet.serving();
        is(&pods)
            .then_some(pods)
            .ok_or_else(|| format!("{:?}", fleet.pods()))
    };
    let (pods, took) = until(what, DEADLINE, as_wanted).await;
    println!("{what} after {took:?}");
    pods
}

/// What the Deployment is to be, and all its templates.
fn intended(space: &Namespace<'_>) -> (Value, Vec<Value>) {
    let deployment = space.get(&["deployment", "game"])["spec"].take();
    let sets = space.get(&["replicasets", "--selector=carillon.dev/cluster=game"]);
    let sets = sets["items"].as_array().into_iter().flatten();
    (
        deployment,
        sets.map(|set| set["metadata"]["uid"].clone()).collect(),
    )
}

#[test]
fn pods_that_are_killed_come_back_and_nothing_is_lost() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "pods-killed");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 3));
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (before, intention) = (fleet.pods(), intended(&space));
        let load = load(&fleet, 36);
        let audit = cluster.audit();

        // The kubelet starts the process of the same pod again.
        let mut expected = before.clone();
        for pod in &mut expected {
            let lost = load.trace().lost.len();
            space.signal(&pod.name, "gateway", "KILL");
            pod.restarts += 1;
            serving("a killed gateway serves again", &fleet, |pods| {
                pods.contains(pod)
            })
            .await;
            load.all_ready().await;
            assert!(load.trace().lost.len() > lost, "nobody was on {}", pod.name);
        }
        serving("all of them serve", &fleet, |pods| pods == expected).await;

        // The Deployment replaces a pod that is gone.
        let gone = expected.remove(0);
        space.kubectl(&["delete", "pod", &gone.name, "--grace-period=0", "--force"]);
        let pods = serving("another pod serves", &fleet, |pods| {
            pods.len() == 3 && !pods.iter().any(|pod| pod.uid == gone.uid)
        })
        .await;
        assert!(expected.iter().all(|pod| pods.contains(pod)), "{pods:?}");

        fleet.ready(DEADLINE).await;
        load.settle().await;
        let (same, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        assert_eq!(same, hash);
        assert_eq!(written(&audit, &operator, &["events", "pods"]), []);
        assert_eq!(intended(&space), intention);
        let pods = space.get(&["pods"]).to_string();
        assert!(!pods.contains("pod-deletion-cost"), "{pods}");

        // It goes on by what is there now.
        fleet.edit(&json!({ "namespaces": [namespace(&["after"])] }));
        rules_everywhere(&fleet, &hash, DEADLINE).await;
        fleet.ready(DEADLINE).await;
        assert_eq!(fleet.object()["status"]["readyReplicas"], 3);
    });
}
