//! What goes with the resource, and what stays without the operator.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, load, namespace, prepare, rules_everywhere, spec, start_operator};

/// Everything that a fleet may have.
const KINDS: &str = "deployments,replicasets,pods,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,ingresses,endpointslices";

#[test]
fn everything_goes_with_the_resource() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "everything");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let mut whole = spec(&url, 2);
        whole["networkPolicy"] = json!({ "enabled": true });
        whole["exposure"] = json!({ "type": "Ingress", "hosts": ["game.example.com"] });
        let fleet = Fleet::apply(&space, &client, "game", &whole);
        let other = Fleet::apply(&space, &client, "other", &spec(&url, 1));
        fleet.ready(DEADLINE).await;
        other.ready(DEADLINE).await;
        let left = |name: &str| -> Vec<String> {
            let selector = format!("--selector=carillon.dev/cluster={name}");
            let list = space.get(&[KINDS, &selector]);
            let items = list["items"].as_array().cloned().unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            items
                .iter()
                .map(|item| {
                    format!(
                        "{} {}",
                        text(&item["kind"]),
                        text(&item["metadata"]["name"])
                    )
                })
                .collect()
        };
        assert!(left("game").len() >= 10, "{:?}", left("game"));
        let others = left("other");
        let pods = other.pods();

        fleet.delete();
        let gone = async || {
            let left = left("game");
            left.is_empty()
                .then_some(())
                .ok_or_else(|| format!("{left:?}"))
        };
        let (_, took) = until("nothing of the fleet is left", DEADLINE, gone).await;
        println!("nothing of the fleet is left after {took:?}");
        assert_eq!(left("other"), others);
        assert_eq!(other.pods(), pods);
        // What is the user's stays.
        space.get(&["secret", "api"]);
    });
}

#[test]
fn traffic_goes_on_without_the_operator() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "without");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let load = load(&fleet, 30);
        let pods = fleet.pods();

        operator.remove();
        fleet.edit(&json!({ "namespaces": [namespace(&["later"])] }));
        // One pod fails: what replaces it serves as well, by the rules that there are.
        space.signal(&pods[0].name, "gateway", "KILL");
        let restarted = async || {
            let now = fleet.pods();
            let found = now
                .iter()
                .find(|pod| pod.uid == pods[0].uid && pod.restarts > 0);
            found.cloned().ok_or_else(|| format!("{now:?}"))
        };
        until("the pod has been started again", DEADLINE, restarted).await;
        load.all_ready().await;
        let some = load.published()["backend"].last + 50;
        let goes_on = async || {
            let last = load.published()["backend"].last;
            (last >= some)
                .then_some(())
                .ok_or_else(|| format!("{last} of {some}"))
        };
        until("publishing goes on", DEADLINE, goes_on).await;
        for pod in fleet.pods() {
            let served = async || fleet.rules_of(&pod);
            let (now, _) = until("the pod serves", Duration::from_secs(20), served).await;
            assert_eq!(now, hash);
        }

        // What was asked for meanwhile is done when there is an operator again.
        let _operator = start_operator(cluster, &space).await;
        rules_everywhere(&fleet, &hash, DEADLINE).await;
        assert_eq!(load.ask("websocket-1", "later", &[json!(1)]), [json!(1)]);
        load.hush();
        load.all_ready().await;
    });
}
