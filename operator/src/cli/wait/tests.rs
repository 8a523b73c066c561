use serde_json::{Value, json};

use super::*;

fn object(generation: i64, status: &Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster",
        "metadata": { "name": "game", "generation": generation },
        "spec": { "fields": "of a later version" },
        "status": status,
    });
    serde_json::from_value(object).unwrap()
}

fn condition(kind: &str, status: &str, generation: i64) -> Value {
    json!({
        "type": kind, "status": status, "reason": "Because", "message": "so it is", "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

/// A word, and a part of the text.
fn check(object: Option<&DynamicObject>, condition: &str, word: &str, part: &str) {
    let verdict = decide("game", object, condition);
    let (found, text) = match &verdict {
        Verdict::Done(text) => ("done", text),
        Verdict::Failed(text) => ("failed", text),
        Verdict::Waiting(text) => ("waiting", text),
    };
    assert!(found == word && text.contains(part), "{verdict:?}");
}

#[test]
fn the_table_of_decisions() {
    let ready = |status| condition("Ready", status, 2);
    let stalled = |status| condition("Stalled", status, 2);
    let cases = [
        (json!(null), "waiting", "has not looked at generation 2"),
        (
            json!({ "conditions": [ready("True")] }),
            "waiting",
            "generation 2",
        ),
        (
            json!({ "observedGeneration": 1, "conditions": [condition("Ready", "True", 1)] }),
            "waiting",
            "generation 2",
        ),
        (
            json!({ "observedGeneration": 1, "conditions": [condition("Stalled", "True", 1)] }),
            "waiting",
            "generation 2",
        ),
        (
            json!({ "observedGeneration": 2 }),
            "waiting",
            "no condition Ready",
        ),
        (
            json!({ "observedGeneration": 2, "conditions": [ready("False")] }),
            "waiting",
            "not Ready (Because): so it is",
        ),
        (
            json!({ "observedGeneration": 2, "conditions": [ready("Unknown")] }),
            "waiting",
            "not Ready",
        ),
        (
            json!({ "observedGeneration": 2, "conditions": [condition("Ready", "True", 1)] }),
            "waiting",
            "no condition Ready",
        ),
        (
            json!({ "observedGeneration": 2, "conditions": [ready("True"), stalled("False")] }),
            "done",
            "game is Ready (Because): so it is",
        ),
        (
            json!({ "observedGeneration": 2, "conditions": [ready("False"), stalled("True")] }),
            "failed",
            "game is Stalled (Because): so it is",
        ),
        // The pods of the last good spec are ready; the new spec never comes.
        (
            json!({ "observedGeneration": 2, "conditions": [ready("True"), stalled("True")] }),
            "failed",
            "Stalled",
        ),
    ];
    for (status, word, part) in cases {
        check(Some(&object(2, &status)), "Ready", word, part);
    }
}

#[test]
fn another_condition_may_be_waited_for() {
    let status = json!({ "observedGeneration": 2, "conditions": [condition("Stalled", "True", 2), condition("Paused", "False", 2)] });
    let object = object(2, &status);
    check(Some(&object), "Stalled", "done", "game is Stalled");
    check(Some(&object), "Paused", "failed", "game is Stalled");
}

#[test]
fn what_is_not_there_yet_is_waited_for_and_what_goes_is_not() {
    check(None, "Ready", "waiting", "there is no RealtimeCluster game");
    let mut leaving = object(
        1,
        &json!({ "observedGeneration": 1, "conditions": [condition("Ready", "True", 1)] }),
    );
    leaving.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    check(Some(&leaving), "Ready", "failed", "being deleted");
}
