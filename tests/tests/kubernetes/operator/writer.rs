//! What the writer does about children: made once, mended, left alone, deleted.

use std::collections::BTreeSet;

use carillon_operator::build::{Child, Kind};
use carillon_tests::kubernetes::{self, Namespace};
use serde_json::{Value, json};

use super::scene::{Scene, resource, wanted};

fn names(wanted: &[Child]) -> Vec<String> {
    let names = wanted.iter();
    names
        .map(|child| format!("{} {}", child.kind.name(), child.name))
        .collect()
}

fn patch(namespace: &Namespace<'_>, target: &str, patch: &Value) {
    namespace.kubectl(&[
        "patch",
        target,
        "--type=merge",
        "--patch",
        &patch.to_string(),
    ]);
}

#[test]
fn children_are_made_once_and_then_kept() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "keep").await;
        let wanted = scene.wanted();
        for kind in Kind::ALL {
            let made = wanted.iter().any(|child| child.kind == kind);
            assert_eq!(made, !Kind::OPTIONAL.contains(&kind), "{}", kind.name());
        }
        let audit = cluster.audit();
        assert_eq!(scene.applied(&wanted).await, names(&wanted));
        assert_eq!(scene.writes(&audit).len(), wanted.len());
        for child in &wanted {
            let plural = child.kind.api_resource().plural;
            let live = scene.namespace.get(&[&plural, &child.name]);
            let owner = &live["metadata"]["ownerReferences"][0];
            assert_eq!(
                owner["uid"],
                scene.owner.metadata.uid.clone().unwrap(),
                "{live:#}"
            );
            assert_eq!(
                (&owner["controller"], &owner["kind"]),
                (&json!(true), &json!("RealtimeCluster"))
            );
        }

        // At once, by what the answers said; and later, when controllers have filled in what is theirs.
        let audit = cluster.audit();
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
        scene
            .namespace
            .kubectl(&["rollout", "status", "deployment/game", "--timeout=20s"]);
        scene.caught_up().await;
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
        // A process that has just begun remembers nothing.
        scene.forget();
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
        assert_eq!(scene.writes(&audit), []);
    });
}

#[test]
fn drift_is_mended_and_what_others_added_stays() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "drift").await;
        let wanted = scene.wanted();
        scene.applied(&wanted).await;
        let others =
            json!({ "metadata": { "labels": { "team": "red" }, "annotations": { "a/b": "c" } } });
        for (target, drift, path) in [
            (
                "serviceaccount/game",
                json!({ "automountServiceAccountToken": true }),
                "/automountServiceAccountToken",
            ),
            (
                "configmap/game-rules",
                json!({ "data": { "rules.json": "{}" } }),
                "/data/rules.json",
            ),
            (
                "service/game",
                json!({ "spec": { "selector": { "carillon.dev/cluster": "other" } } }),
                "/spec/selector",
            ),
            (
                "poddisruptionbudget/game",
                json!({ "spec": { "maxUnavailable": 9 } }),
                "/spec/maxUnavailable",
            ),
            (
                "networkpolicy/game",
                json!({ "spec": { "policyTypes": ["Egress"] } }),
                "/spec/policyTypes",
            ),
            (
                "deployment/game",
                json!({ "spec": { "minReadySeconds": 77 } }),
                "/spec/minReadySeconds",
            ),
            (
                "ingress/game",
                json!({ "spec": { "rules": [{ "host": "other.example.com" }] } }),
                "/spec/rules",
            ),
        ] {
            let before = scene.namespace.get(&[target]);
            patch(&scene.namespace, target, &others);
            patch(&scene.namespace, target, &drift);
            scene.caught_up().await;
            let kind = before["kind"].as_str().unwrap();
            let name = before["metadata"]["name"].as_str().unwrap();
            assert_eq!(
                scene.applied(&wanted).await,
                [format!("{kind} {name}")],
                "{target}"
            );
            let after = scene.namespace.get(&[target]);
            assert_eq!(
                after.pointer(path),
                before.pointer(path),
                "{path} of {target}"
            );
            assert_eq!(after["metadata"]["labels"]["team"], "red", "{target}");
            assert_eq!(after["metadata"]["annotations"]["a/b"], "c", "{target}");
        }
        scene.caught_up().await;
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
    });
}

#[test]
fn additions_to_the_pods_are_no_drift() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "additions").await;
        let wanted = scene.wanted();
        scene.applied(&wanted).await;
        let container = json!({ "name": "gateway", "env": [{ "name": "OTHERS", "value": "1" }] });
        let pods = json!({
            "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" } },
            "spec": { "containers": [container, { "name": "sidecar", "image": "localhost/pause:1" }] },
        });
        let more = json!({ "spec": { "template": pods } }).to_string();
        scene.namespace.kubectl(&[
            "patch",
            "deployment/game",
            "--type=strategic",
            "--patch",
            &more,
        ]);
        scene.caught_up().await;
        let audit = cluster.audit();
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
        assert_eq!(scene.writes(&audit), []);
        // Nor is it lost when something of ours is mended.
        patch(
            &scene.namespace,
            "deployment/game",
            &json!({ "spec": { "minReadySeconds": 77 } }),
        );
        scene.caught_up().await;
        assert_eq!(scene.applied(&wanted).await, ["Deployment game"]);
        let template = &scene.namespace.get(&["deployment/game"])["spec"]["template"];
        assert_eq!(
            template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"],
            "2026-01-01T00:00:00Z"
        );
        let containers = template["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 2, "{template:#}");
        let ours = containers
            .iter()
            .find(|one| one["name"] == "gateway")
            .unwrap();
        let env = ours["env"].as_array().unwrap();
        assert!(env.iter().any(|one| one["name"] == "OTHERS"), "{env:?}");
    });
}

#[test]
fn what_somebody_deletes_comes_back() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "deleted").await;
        let wanted = scene.wanted();
        scene.applied(&wanted).await;
        scene
            .namespace
            .kubectl(&["delete", "configmap/game-rules", "service/game-peers"]);
        scene.caught_up().await;
        let mut written = scene.applied(&wanted).await;
        written.sort();
        assert_eq!(written, ["ConfigMap game-rules", "Service game-peers"]);
    });
}

#[test]
fn objects_of_others_are_left_alone() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "foreign").await;
        let data = json!({ "theirs": "1" });
        let map = |labels: &Value, owners: &Value| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": { "name": "game-rules", "labels": labels, "ownerReferences": owners },
            })
        };
        let wanted = scene.wanted();
        let labels = json!({ "carillon.dev/cluster": "game" });
        let other = json!([{
            "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster", "name": "game",
            "uid": "00000000-0000-4000-8000-000000000000", "controller": true,
        }]);
        // The watch sees only what has the label.
        for labels in [&json!({}), &labels] {
            scene.namespace.apply(&map(labels, &json!([])).to_string());
            scene.caught_up().await;
            let outcome = scene.apply(&wanted).await;
            assert_eq!(
                outcome.conflicts,
                [(Kind::ConfigMap, "game-rules".to_owned())]
            );
            assert!(outcome.failures.is_empty(), "{outcome:?}");
            assert_eq!(scene.namespace.get(&["configmap/game-rules"])["data"], data);
            // The others are made all the same.
            scene.namespace.get(&["deployment/game"]);
            scene.namespace.kubectl(&["delete", "configmap/game-rules"]);
        }
        scene.caught_up().await;
        // Left of a resource of the same name: the garbage collector deletes it, and a finalizer keeps it for now.
        let mut kept = map(&labels, &other);
        kept["metadata"]["finalizers"] = json!(["example.com/keep"]);
        scene.namespace.apply(&kept.to_string());
        scene.caught_up().await;
        let outcome = scene.apply(&wanted).await;
        assert_eq!(outcome.failures.len(), 1, "{outcome:?}");
        assert_eq!(outcome.failures[0].2.label(), "leaving");
        patch(
            &scene.namespace,
            "configmap/game-rules",
            &json!({ "metadata": { "finalizers": null } }),
        );
        scene.namespace.kubectl(&[
            "wait",
            "--for=delete",
            "configmap/game-rules",
            "--timeout=120s",
        ]);
        scene.caught_up().await;
        assert_eq!(scene.applied(&wanted).await, ["ConfigMap game-rules"]);
    });
}

#[test]
fn what_is_about_to_go_is_waited_for() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "leaving").await;
        let wanted = scene.wanted();
        scene.applied(&wanted).await;
        let keep = json!({ "metadata": { "finalizers": ["example.com/keep"] } });
        patch(&scene.namespace, "configmap/game-rules", &keep);
        scene
            .namespace
            .kubectl(&["delete", "configmap/game-rules", "--wait=false"]);
        scene.caught_up().await;
        let audit = cluster.audit();
        let outcome = scene.apply(&wanted).await;
        let failures: Vec<_> = outcome
            .failures
            .iter()
            .map(|(_, name, failure)| (name.as_str(), failure.label()))
            .collect();
        assert_eq!(failures, [("game-rules", "leaving")]);
        assert_eq!(scene.writes(&audit), []);
        patch(
            &scene.namespace,
            "configmap/game-rules",
            &json!({ "metadata": { "finalizers": null } }),
        );
        scene.caught_up().await;
        assert_eq!(scene.applied(&wanted).await, ["ConfigMap game-rules"]);
    });
}

#[test]
fn only_what_is_owned_is_pruned() {
    kubernetes::test(async |cluster| {
        let mut scene = Scene::start(cluster, "prune").await;
        let mut all = scene.wanted();
        scene.applied(&all).await;
        let labelled = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "theirs", "labels": { "carillon.dev/cluster": "game" } },
            "spec": { "podSelector": {} },
        });
        scene.namespace.apply(&labelled.to_string());
        scene.caught_up().await;
        all.retain(|child| ![Kind::Ingress, Kind::NetworkPolicy].contains(&child.kind));
        let mut written = scene.applied(&all).await;
        written.sort();
        assert_eq!(written, ["Ingress game", "NetworkPolicy game"]);
        scene
            .namespace
            .kubectl(&["wait", "--for=delete", "ingress/game", "--timeout=120s"]);
        scene.namespace.get(&["networkpolicy/theirs"]);
        scene.caught_up().await;
        let audit = cluster.audit();
        assert_eq!(scene.applied(&all).await, [""; 0]);
        assert_eq!(scene.writes(&audit), []);
    });
}

#[test]
fn optional_kinds_are_made_where_they_are() {
    kubernetes::test(async |cluster| {
        cluster.install_optional();
        let mut scene = Scene::start(cluster, "optional").await;
        let route = json!({ "type": "HTTPRoute", "hosts": ["game.example.com"], "parentRefs": [{ "name": "edge" }] });
        let mut changed = resource("game");
        changed["spec"]["exposure"] = route;
        scene.namespace.apply(&changed.to_string());
        scene.owner = serde_json::from_value(scene.namespace.get(&["rtc", "game"])).unwrap();
        let wanted = wanted(&scene.owner, &BTreeSet::from(Kind::OPTIONAL));
        let kinds = |kind| wanted.iter().any(|child| child.kind == kind);
        assert!(
            Kind::OPTIONAL.into_iter().all(kinds),
            "{:?}",
            names(&wanted)
        );
        scene.knows(Kind::ALL.len()).await;
        assert_eq!(scene.applied(&wanted).await, names(&wanted));
        scene.caught_up().await;
        scene.forget();
        let audit = cluster.audit();
        assert_eq!(scene.applied(&wanted).await, [""; 0]);
        assert_eq!(scene.writes(&audit), []);
    });
}
