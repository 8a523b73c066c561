//! The operator's role lacks what it needs.

use std::time::Duration;

use carillon_tests::kubernetes::{self, Fleet, Namespace, Operator, redis};
use serde_json::{Value, json};

use super::{
    DEADLINE, assert_untouched, load, namespace, prepare, rules_everywhere, spec, start_operator,
    written,
};

/// How long it may take until a right that is given is seen: the longest pause between two attempts, and another until
/// a watch counts as made.
const GIVEN: Duration = Duration::from_secs(150);

/// So many edits are looked at without their rights: each of the looks ends with the status of its generation.
const LOOKS: usize = 3;

/// Gives the operator's role these rules.
fn set_rules(space: &Namespace<'_>, rules: &Value) {
    let patch = json!({ "rules": rules }).to_string();
    let role = ["role", "carillon-operator"];
    space.kubectl(&[&["patch"], &role[..], &["--type=merge", "--patch", &patch]].concat());
}

/// The rules, where that of a resource has these verbs alone.
fn limited(rules: &Value, resource: &str, verbs: &[&str]) -> Value {
    let mut rules = rules.as_array().unwrap().clone();
    let mut all = rules.iter_mut();
    let rule = all.find(|rule| rule["resources"] == json!([resource]));
    rule.unwrap()["verbs"] = json!(verbs);
    rules.retain(|rule| rule["verbs"] != json!([]));
    rules.into()
}

/// Starts both processes anew: watches that are open stay open without their right.
fn restart(space: &Namespace<'_>, operator: &Operator<'_>) {
    for (pod, _) in space.pods("app.kubernetes.io/component=operator") {
        operator.signal(&pod, "KILL");
    }
}

async fn told(fleet: &Fleet<'_>, sentence: &str) {
    let is = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array().into_iter();
        let mut conditions = conditions.flatten();
        conditions.any(|condition| {
            let message = condition["message"].as_str().unwrap_or_default();
            condition["type"] == "Stalled"
                && condition["status"] == "True"
                && condition["reason"] == "Forbidden"
                && message.contains(sentence)
        })
    };
    let (object, took) = fleet.until(sentence, DEADLINE, is).await;
    println!("{sentence:?} is told after {took:?}");
    assert_eq!(object["status"]["readyReplicas"], 2, "as it was last seen");
}

#[test]
fn a_right_that_is_missing_is_told_until_it_is_given() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "forbidden");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &spec(&url, 2));
        fleet.ready(DEADLINE).await;
        let (mut hash, _) = rules_everywhere(&fleet, "", DEADLINE).await;
        let (pods, load) = (fleet.pods(), load(&fleet, 12));
        let rules = space.get(&["role", "carillon-operator"])["rules"].clone();
        let no_verbs: &[&str] = &[];
        for (resource, verbs, sentence) in [
            (
                "deployments",
                no_verbs,
                "the operator may not list deployments.apps: ",
            ),
            (
                "replicasets",
                &["list"],
                "the operator may not watch replicasets.apps: ",
            ),
        ] {
            set_rules(&space, &limited(&rules, resource, verbs));
            restart(&space, &operator);
            told(&fleet, sentence).await;

            // Nothing is decided by caches that say too little, however often the fleet is looked at.
            let audit = cluster.audit();
            for round in 0..LOOKS {
                let event = format!("{resource}-{round}");
                fleet.edit(&json!({ "namespaces": [namespace(&[&event])] }));
                fleet
                    .condition("Stalled", "True", Some("Forbidden"), DEADLINE)
                    .await;
            }
            assert_eq!(written(&audit, &operator, &[]), []);

            set_rules(&space, &rules);
            let took = fleet.condition("Stalled", "False", None, GIVEN).await;
            println!("a right to {resource} is seen after {took:?}");
            (hash, _) = rules_everywhere(&fleet, &hash, DEADLINE).await;
            fleet.ready(DEADLINE).await;
        }
        load.settle().await;
        assert_eq!(load.trace().lost, [0.0; 0]);
        assert_untouched(&pods, &fleet.pods());
    });
}
