//! Every verdict, from what is there.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a table reads better without ampersands"
)]

use super::*;

fn child(kind: Kind, spec: Value) -> Child {
    Child {
        kind,
        name: "game".to_owned(),
        object: json!({ "metadata": { "name": "game", "namespace": "sim" }, "spec": spec }),
    }
}

fn live(kind: Kind, owner: Option<&str>, more: Value) -> Live {
    let mut object = json!({
        "apiVersion": "v1", "kind": kind.name(),
        "metadata": { "name": "game", "namespace": "sim", "uid": "u", "resourceVersion": "7" },
    });
    if let Some(owner) = owner {
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster", "name": "game", "uid": owner, "controller": true,
        }]);
    }
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "metadata" => object["metadata"]
                .as_object_mut()
                .unwrap()
                .extend(value.as_object().unwrap().clone()),
            _ => object[key] = value.clone(),
        }
    }
    Live::new(kind, serde_json::from_value(object).unwrap())
}

/// What the API server would have after an apply.
fn applied(desired: &Desired) -> Value {
    json!({ "metadata": { "annotations": { annotation::APPLIED: desired.hash } }, "spec": desired.object["spec"] })
}

#[test]
fn what_is_there_decides() {
    let kind = Kind::Service;
    let desired = Desired::new(&child(kind, json!({ "type": "ClusterIP" })));
    let check = |live: Option<Live>, expected: Verdict| {
        assert_eq!(
            decide(&desired, live.as_ref(), "me", None),
            expected,
            "{live:?}"
        );
    };
    let apply = |reason| Verdict::Apply {
        reason,
        version: None,
    };
    check(None, Verdict::Create);
    check(Some(live(kind, None, json!({}))), Verdict::Foreign);
    check(Some(live(kind, Some("before"), json!({}))), Verdict::Wait);
    check(
        Some(live(
            kind,
            Some("me"),
            json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
        )),
        Verdict::Wait,
    );
    check(
        Some(live(kind, Some("me"), json!({}))),
        apply(Reason::Changed),
    );
    check(
        Some(live(kind, Some("me"), applied(&desired))),
        Verdict::Keep,
    );
    let mut drifted = applied(&desired);
    drifted["spec"]["type"] = json!("NodePort");
    check(Some(live(kind, Some("me"), drifted)), apply(Reason::Drift));
    let mut unmarked = applied(&desired);
    unmarked["metadata"]["annotations"] = json!({});
    check(
        Some(live(kind, Some("me"), unmarked)),
        apply(Reason::Changed),
    );
}

#[test]
fn a_step_of_the_deployment_is_bound_to_the_state_it_was_decided_on() {
    let kind = Kind::Deployment;
    let check = |desired: Value, live_spec: Value, version: Option<&str>| {
        let desired = Desired::new(&child(kind, desired));
        let live = live(kind, Some("me"), json!({ "spec": live_spec }));
        let expected = Verdict::Apply {
            reason: Reason::Changed,
            version: version.map(str::to_owned),
        };
        let verdict = decide(&desired, Some(&live), "me", None);
        assert_eq!(verdict, expected, "{desired:?}");
        assert_eq!(
            desired.body(&verdict)["metadata"].get("resourceVersion"),
            version.map(|v| json!(v)).as_ref()
        );
    };
    check(
        json!({ "replicas": 2, "paused": false }),
        json!({ "replicas": 2 }),
        None,
    );
    check(
        json!({ "replicas": 3, "paused": false }),
        json!({ "replicas": 2 }),
        Some("7"),
    );
    check(
        json!({ "replicas": 2, "paused": true }),
        json!({ "replicas": 2 }),
        Some("7"),
    );
    check(
        json!({ "minReadySeconds": 5 }),
        json!({ "replicas": 2, "paused": true }),
        None,
    );
}

#[test]
fn other_words_for_the_same_wish_are_no_drift_but_a_change_of_them_is() {
    let kind = Kind::Ingress;
    let desired = Desired::new(&child(kind, json!({ "host": "A.example" })));
    let stored = |host: &str| {
        let mut object = applied(&desired);
        object["spec"]["host"] = json!(host);
        live(kind, Some("me"), object)
    };
    let memory = settled(&desired, &stored("a.example"));
    assert!(memory.is_some());
    let check = |live: Live| decide(&desired, Some(&live), "me", memory.as_ref());
    assert_eq!(check(stored("a.example")), Verdict::Keep);
    assert_eq!(
        check(stored("b.example")),
        Verdict::Apply {
            reason: Reason::Drift,
            version: None
        }
    );
    assert_eq!(settled(&desired, &stored("A.example")), None);
}

#[test]
fn the_hash_is_of_the_wish_alone() {
    let one = Desired::new(&child(Kind::Service, json!({ "a": 1, "b": 2 })));
    let same = Desired::new(&child(Kind::Service, json!({ "b": 2, "a": 1 })));
    let other = Desired::new(&child(Kind::Service, json!({ "a": 1, "b": 3 })));
    assert_eq!(
        (
            one.hash == same.hash,
            one.hash == other.hash,
            one.hash.len()
        ),
        (true, false, HASH)
    );
}
