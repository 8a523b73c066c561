//! A Secret that a fleet uses gets another content.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use carillon_tests::gateway::KEY;
use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::json;

use super::rules::{OTHER, emit_to};
use super::{DEADLINE, assert_untouched, load, prepare, rules_everywhere, spec, start_operator};

/// How soon pods use what a Secret holds now: when the kubelet has renewed the files.
const ROTATED: Duration = Duration::from_secs(90);
/// The port of the API in a pod.
const API: u16 = 3002;

#[test]
fn a_new_key_replaces_the_old_one_and_restarts_nothing() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "rotation");
        let client = cluster.client().await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 3));
        fleet.ready(DEADLINE).await;
        let (hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 12));
        let answers = || {
            let answers = pods.iter().map(|pod| {
                let api = SocketAddr::new(pod.ip, API);
                Ok((pod.name.clone(), (emit_to(api, KEY)?, emit_to(api, OTHER)?)))
            });
            answers.collect::<Result<BTreeMap<_, _>, String>>()
        };
        let before = answers().unwrap();
        assert!(
            before.values().all(|both| *both == (200, 401)),
            "{before:?}"
        );

        let patch = json!({ "stringData": { "key": OTHER } }).to_string();
        space.kubectl(&["patch", "secret", "api", "--type=merge", "--patch", &patch]);
        let rotated = async || {
            let now = answers()?;
            // The old one was asked first.
            let neither = now.values().any(|both| *both == (401, 401));
            assert!(!neither, "a pod accepts no key: {now:?}");
            let all = now.values().all(|both| *both == (401, 200));
            all.then_some(()).ok_or_else(|| format!("{now:?}"))
        };
        let (_, took) = until("every pod knows the new key alone", ROTATED, rotated).await;
        println!("every pod knows the new key alone after {took:?}");

        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());
        assert_eq!(rules_everywhere(&fleet, "", DEADLINE).await.0, hash);
        fleet.ready(DEADLINE).await;
    });
}
