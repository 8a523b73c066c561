//! The table of `crds/tests/resource.yaml`, whose local half is a test of `carillon-crds`.

use carillon_crds::resource::{RealtimeCluster, RealtimeClusterSpec, Rules};
use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::object;
use super::requests::{Reason, Requests};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    object: Option<String>,
    spec: Value,
    #[serde(default)]
    old: Option<Value>,
    #[serde(default)]
    refused: Vec<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    path: String,
    message: String,
    server: Option<String>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(workspace().join("crds/tests/resource.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// What is wrong with an answer.
fn judge(case: &Case, answer: Result<Value, Vec<Reason>>) -> Result<(), String> {
    match answer {
        Ok(stored) if case.refused.is_empty() => same(case, stored),
        Ok(_) => Err("it is accepted".to_owned()),
        Err(reasons) => explained(&case.refused, &reasons),
    }
}

/// An accepted object reads as the one that was sent: the defaults of the schema are those of the types and of the rules.
fn same(case: &Case, stored: Value) -> Result<(), String> {
    let sent = object("game", case.spec.clone());
    let [sent, stored] = [sent, stored].map(serde_json::from_value::<RealtimeCluster>);
    let (sent, stored) = (sent.unwrap().spec, stored.unwrap().spec);
    let [one, other] = [rules(&sent), rules(&stored)];
    if one != other {
        return Err(format!("sent   {one:?}\n  stored {other:?}"));
    }
    let stored = RealtimeClusterSpec {
        engine: sent.engine.clone(),
        cors: sent.cors.clone(),
        limits: sent.limits.clone(),
        upstreams: sent.upstreams.clone(),
        schemas: sent.schemas.clone(),
        api_keys: sent.api_keys.clone(),
        namespaces: sent.namespaces.clone(),
        ..stored
    };
    if sent == stored {
        return Ok(());
    }
    Err(format!("sent   {sent:?}\n  stored {stored:?}"))
}

/// The rules as pods read them, where what is equal to a default is left out; or their faults.
fn rules(spec: &RealtimeClusterSpec) -> Result<String, String> {
    let document = spec.document().map_err(|faults| faults.to_string())?;
    Ok(Rules::from(&document).json)
}

/// Each refusal is told, and nothing else.
fn explained(refused: &[Refusal], reasons: &[Reason]) -> Result<(), String> {
    let mut left: Vec<_> = reasons.iter().filter(|reason| !is_aside(reason)).collect();
    for refusal in refused {
        let count = left.len();
        left.retain(|reason| !refusal.is_told(reason));
        if left.len() == count {
            let told: Vec<_> = reasons.iter().map(Reason::to_string).collect();
            return Err(format!(
                "{}: {} is not in {told:#?}",
                refusal.path, refusal.message
            ));
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let left: Vec<_> = left.into_iter().map(Reason::to_string).collect();
    Err(format!("said too: {left:#?}"))
}

/// What the server adds: that it did not get to the rules, and its own words on a scale below 0.
fn is_aside(reason: &Reason) -> bool {
    let asides = [
        "some validation rules were not checked",
        "should be a non-negative integer",
    ];
    asides.iter().any(|aside| reason.message.contains(aside))
}

impl Refusal {
    fn is_told(&self, reason: &Reason) -> bool {
        let message = self.server.as_ref().unwrap_or(&self.message);
        let place = if ["", "<nil>"].contains(&reason.path.as_str()) {
            // A text that is not read, and a rule on the whole object, have no field: the message names it.
            reason.message.contains(&self.path)
        } else {
            reason.path == self.path
        };
        place && reason.message.contains(message.as_str())
    }
}

/// An object from which the case's could come by an update: only the bus, which cannot change, is the same.
fn before(case: &Case) -> Value {
    let mode = case.spec["redis"]["mode"].as_str();
    match mode.filter(|mode| ["classic", "sharded", "streams"].contains(mode)) {
        Some(mode) => json!({ "redis": { "mode": mode, "url": { "value": "redis://before" } } }),
        None => json!({}),
    }
}

#[test]
fn every_case_on_create_and_update() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("table");
        let requests = Requests::new(cluster.client().await, namespace.name());
        let mut wrong = String::new();
        for (index, case) in cases().iter().enumerate() {
            let mut judged = Vec::new();
            if case.old.is_none() {
                let name = case.object.as_deref().unwrap_or("game");
                let new = object(name, case.spec.clone());
                judged.push(("create", judge(case, requests.create(&new, true).await)));
            }
            // A name can only be refused when the object comes.
            if case.object.is_none() {
                let name = format!("case-{index}");
                let old = case.old.clone().unwrap_or_else(|| before(case));
                let old = requests.create(&object(&name, old), false).await.unwrap();
                let mut new = object(&name, case.spec.clone());
                new["metadata"] = old["metadata"].clone();
                judged.push(("update", judge(case, requests.try_replace(&new).await)));
                requests.delete(&name).await;
            }
            for (verb, judgement) in judged {
                if let Err(fault) = judgement {
                    wrong += &format!("\n{} ({verb})\n  {fault}", case.name);
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}

#[test]
fn the_largest_rules_are_judged_within_the_cost() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("largest");
        let requests = Requests::new(cluster.client().await, namespace.name());
        let events: Vec<_> = (0..128)
            .map(|event| json!({ "name": format!("e{event}") }))
            .collect();
        let spaces: Vec<_> = (0..64)
            .map(|space| json!({ "name": format!("/{space}"), "events": events }))
            .collect();
        let large = object("large", json!({ "namespaces": spaces }));
        requests.create(&large, false).await.unwrap();
        // And again with an old object beside the new one.
        let stored = namespace.get(&["realtimecluster", "large"]);
        requests.try_replace(&stored).await.unwrap();
    });
}
