//! Rules that change while clients are connected.

use std::net::SocketAddr;
use std::time::Duration;

use carillon_tests::gateway::KEY;
use carillon_tests::http::Request;
use carillon_tests::kubernetes::{self, Fleet, Namespace, redis, until};
use serde_json::{Value, json};

use super::{
    DEADLINE, api_key, assert_untouched, load, namespace, prepare, rules_everywhere, secret, spec,
    start_operator,
};

/// How soon every pod serves by new rules.
const LIVE: Duration = Duration::from_secs(5);
/// The key of another backend.
pub(super) const OTHER: &str = "another-key-of-thirty-two-characters-or-more";

/// How the API answers to a key.
fn emit(fleet: &Fleet<'_>, key: &str) -> Result<u16, String> {
    let api = fleet.api();
    emit_to(api.trim_start_matches("http://").parse().unwrap(), key)
}

/// How the API at this address does.
pub(super) fn emit_to(api: SocketAddr, key: &str) -> Result<u16, String> {
    let body = json!({ "namespace": "/", "rooms": ["room-none"], "event": "publish", "args": [] });
    let answer = Request::post("/v1/emit")
        .header("authorization", &format!("Bearer {key}"))
        .json(&body)
        .send_to(api, LIVE);
    answer
        .map(|answer| answer.status)
        .map_err(|error| error.to_string())
}

fn rules(namespace: &Namespace<'_>) -> Value {
    namespace.get(&["configmap", "game-rules"])["data"].clone()
}

#[test]
fn edits_reach_every_pod_and_restart_nothing() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "rules");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 3));
        fleet.ready(DEADLINE).await;
        let (mut hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let pods = fleet.pods();
        assert_eq!(pods.len(), 3);
        let load = load(&fleet, 30);

        for (round, events) in [["one"].as_slice(), &["one", "two"], &["two"]]
            .into_iter()
            .enumerate()
        {
            fleet.edit(&json!({ "namespaces": [namespace(events)] }));
            let took;
            (hash, took) = rules_everywhere(&fleet, &hash, DEADLINE).await;
            println!("round {round}: every pod has the new rules after {took:?}");
            assert!(took <= LIVE, "round {round}: {took:?}");
            let last = events.last().unwrap();
            assert_eq!(load.ask("upgrade-1", last, &[json!(round)]), [json!(round)]);
            fleet
                .condition("RulesApplied", "True", Some("Applied"), DEADLINE)
                .await;
            assert_eq!(fleet.object()["status"]["rules"]["hash"], hash);
        }

        // What no schema can refuse is told, and changes nothing.
        let mut bad = namespace(&["three"]);
        bad["events"][0]["upstream"] = json!("nowhere");
        let before = rules(&space);
        fleet.edit(&json!({ "namespaces": [bad] }));
        fleet
            .condition("Stalled", "True", Some("InvalidSpec"), DEADLINE)
            .await;
        let object = fleet.object();
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let stalled = conditions
            .iter()
            .find(|condition| condition["type"] == "Stalled")
            .unwrap();
        let message = stalled["message"].as_str().unwrap();
        assert!(
            message.contains("namespaces[0].events[0].upstream"),
            "{message}"
        );
        assert_eq!(rules(&space), before);
        fleet.edit(&json!({ "namespaces": [namespace(&["three"])] }));
        fleet.condition("Stalled", "False", None, DEADLINE).await;
        rules_everywhere(&fleet, &hash, LIVE).await;

        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());
    });
}

#[test]
fn a_new_secret_is_mounted_before_rules_name_it() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "secrets");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (pods, before) = (fleet.pods(), rules(&space));
        let load = load(&fleet, 30);

        // Of a Secret that is not there nothing is written.
        let both = json!({ "apiKeys": [api_key("tests", "api", "key"), api_key("other", "other", "key")] });
        fleet.edit(&both);
        fleet
            .condition("Stalled", "True", Some("SecretMissing"), DEADLINE)
            .await;
        assert_eq!(rules(&space), before);
        assert_untouched(&pods, &fleet.pods());

        // Once it is there, pods that mount it come first, and only then the rules.
        secret(&space, "other", "key", OTHER);
        fleet.ready(DEADLINE).await;
        fleet.condition("Stalled", "False", None, DEADLINE).await;
        let (new, took) = rules_everywhere(&fleet, &hash, DEADLINE).await;
        println!("pods with the new Secret serve by the new rules after {took:?}");
        let gone = async || {
            let now = fleet.pods();
            let left = now
                .iter()
                .any(|pod| pods.iter().any(|old| old.uid == pod.uid));
            (!left)
                .then_some(now.clone())
                .ok_or_else(|| format!("{now:?}"))
        };
        let (pods, _) = until("the old pods have gone", DEADLINE, gone).await;
        assert_eq!(emit(&fleet, OTHER), Ok(200));
        assert_eq!(emit(&fleet, KEY), Ok(200));
        assert_eq!(fleet.object()["status"]["rules"]["rejected"], 0);

        // Another key of a Secret that is mounted restarts nothing.
        let patch = json!({ "stringData": { "third": format!("third-{OTHER}") } }).to_string();
        space.kubectl(&[
            "patch",
            "secret",
            "other",
            "--type=merge",
            "--patch",
            &patch,
        ]);
        let mut three = both;
        three["apiKeys"]
            .as_array_mut()
            .unwrap()
            .push(api_key("third", "other", "third"));
        fleet.edit(&three);
        rules_everywhere(&fleet, &new, DEADLINE).await;
        assert_eq!(emit(&fleet, &format!("third-{OTHER}")), Ok(200));
        assert_untouched(&pods, &fleet.pods());
        load.settle().await;
    });
}
