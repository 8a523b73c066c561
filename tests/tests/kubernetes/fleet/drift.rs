//! Somebody else's hands on what is the operator's, and the operator's off what is somebody else's.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Load, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, assert_untouched, prepare, spec, start_operator};

/// How soon what somebody changed is mended.
const MENDED: Duration = Duration::from_secs(10);

#[test]
fn what_somebody_changes_is_mended_under_traffic() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "mended");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let pods = fleet.pods();
        let load = Load::start(&fleet.url());
        load.connect("websocket", 10, &["all"], &["websocket"]);
        load.publish("websocket-0", "all");

        for (target, patch, path) in [
            (
                "service/game-api",
                json!({ "spec": { "selector": { "carillon.dev/cluster": "other" } } }),
                "/spec/selector",
            ),
            (
                "configmap/game-rules",
                json!({ "data": { "rules.json": "{}" } }),
                "/data/rules.json",
            ),
            (
                "deployment/game",
                json!({ "spec": { "minReadySeconds": 77 } }),
                "/spec/minReadySeconds",
            ),
            (
                "poddisruptionbudget/game",
                json!({ "spec": { "maxUnavailable": 9 } }),
                "/spec/maxUnavailable",
            ),
        ] {
            let before = space.get(&[target]);
            space.kubectl(&[
                "patch",
                target,
                "--type=merge",
                "--patch",
                &patch.to_string(),
            ]);
            let same = async || {
                let now = space.get(&[target]);
                let same = now.pointer(path) == before.pointer(path);
                same.then_some(())
                    .ok_or_else(|| format!("{:?}", now.pointer(path)))
            };
            let (_, took) = until(&format!("{path} of {target} is mended"), MENDED, same).await;
            println!("{path} of {target} is mended after {took:?}");
        }
        for target in [
            "service/game-peers",
            "poddisruptionbudget/game",
            "configmap/game-rules",
        ] {
            let uid = |object: &Value| object["metadata"]["uid"].clone();
            let before = uid(&space.get(&[target]));
            space.kubectl(&["delete", target]);
            let back = async || {
                let found = space.try_kubectl(&["get", target, "--output=json"])?;
                let found = uid(&serde_json::from_str(&found).unwrap());
                (found != before)
                    .then_some(())
                    .ok_or_else(|| "the old one".to_owned())
            };
            let (_, took) = until(&format!("{target} is back"), MENDED, back).await;
            println!("{target} is back after {took:?}");
        }
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());
    });
}

#[test]
fn objects_of_others_are_not_taken() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "taken");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        space.kubectl(&[
            "create",
            "configmap",
            "game-rules",
            "--from-literal=theirs=1",
        ]);
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 1));
        fleet
            .condition("Stalled", "True", Some("NameConflict"), DEADLINE)
            .await;
        let object = fleet.object();
        let told = object["status"]["conditions"].to_string();
        assert!(told.contains("game-rules"), "{told}");
        let theirs = space.get(&["configmap", "game-rules"]);
        assert_eq!(theirs["data"], json!({ "theirs": "1" }));
        assert_eq!(theirs["metadata"].get("ownerReferences"), None);
        space.kubectl(&["delete", "configmap", "game-rules"]);
        fleet.ready(DEADLINE).await;
        fleet.condition("Stalled", "False", None, DEADLINE).await;
    });
}
