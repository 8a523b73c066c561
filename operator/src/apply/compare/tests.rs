//! What counts as the same, and what is drift.

use serde_json::json;

use super::*;

#[test]
fn fields_of_others_are_no_drift_and_ours_are() {
    let check = |kind: Kind, desired: Value, live: Value, expected: bool| {
        assert_eq!(
            is_subset(kind, &desired, &live),
            expected,
            "{desired} in {live}"
        );
    };
    let deployment = |desired, live, expected| check(Kind::Deployment, desired, live, expected);
    deployment(
        json!({ "a": { "b": 1 } }),
        json!({ "a": { "b": 1, "c": 2 }, "d": 3 }),
        true,
    );
    deployment(
        json!({ "a": { "b": 1 } }),
        json!({ "a": { "b": 2 } }),
        false,
    );
    deployment(json!({ "a": 1 }), json!({}), false);
    // Another way to write it.
    deployment(
        json!({ "requests": { "cpu": "0.5" } }),
        json!({ "requests": { "cpu": "500m" } }),
        true,
    );
    deployment(
        json!({ "requests": { "cpu": "0.5" } }),
        json!({ "requests": { "cpu": "501m" } }),
        false,
    );
    deployment(
        json!({ "requests": { "cpu": "0.5" } }),
        json!({ "requests": {} }),
        false,
    );
    deployment(
        json!({ "emptyDir": { "sizeLimit": "1Gi" } }),
        json!({ "emptyDir": { "sizeLimit": "1024Mi" } }),
        true,
    );
    // Left out by the API server.
    for desired in [
        json!({ "paused": false }),
        json!({ "x": {} }),
        json!({ "x": [] }),
        json!({ "minReadySeconds": 0 }),
        json!({ "value": "" }),
    ] {
        deployment(desired, json!({}), true);
    }
    deployment(
        json!({ "automountServiceAccountToken": false }),
        json!({}),
        false,
    );
    deployment(json!({ "paused": false }), json!({ "paused": true }), false);
    deployment(json!({ "replicas": 0 }), json!({}), false);
    // A sidecar and its variables survive.
    deployment(
        json!({ "containers": [{ "name": "gateway", "image": "x", "env": [{ "name": "A", "value": "1" }] }] }),
        json!({ "containers": [{ "name": "proxy" }, { "name": "gateway", "image": "x", "env": [{ "name": "B" }, { "name": "A", "value": "1" }] }] }),
        true,
    );
    deployment(
        json!({ "containers": [{ "name": "gateway", "image": "x" }] }),
        json!({ "containers": [{ "name": "gateway", "image": "y" }] }),
        false,
    );
    deployment(
        json!({ "volumeMounts": [{ "name": "a", "mountPath": "/a" }, { "name": "a", "mountPath": "/b" }] }),
        json!({ "volumeMounts": [{ "name": "a", "mountPath": "/b" }, { "name": "a", "mountPath": "/a" }] }),
        true,
    );
    // A list that is ours as a whole.
    deployment(
        json!({ "command": ["a", "b"] }),
        json!({ "command": ["b", "a"] }),
        false,
    );
    deployment(
        json!({ "tolerations": [{ "key": "a" }] }),
        json!({ "tolerations": [{ "key": "a" }, { "key": "b" }] }),
        false,
    );
    check(
        Kind::NetworkPolicy,
        json!({ "ingress": [{ "ports": [{ "port": 1 }] }] }),
        json!({ "ingress": [{ "ports": [{ "port": 1, "protocol": "TCP" }] }] }),
        true,
    );
    check(
        Kind::NetworkPolicy,
        json!({ "ingress": [{ "ports": [{ "port": 1 }] }] }),
        json!({ "ingress": [{ "ports": [{ "port": 1 }, { "port": 2 }] }] }),
        false,
    );
    check(
        Kind::Service,
        json!({ "ports": [{ "port": 3001, "targetPort": "client" }] }),
        json!({ "ports": [{ "port": 3001, "protocol": "TCP", "targetPort": "client", "nodePort": 30001 }] }),
        true,
    );
}
