//! What merges, and what is told as a conflict.

use serde_json::{Value, json};

use super::*;

fn ours() -> PodTemplateSpec {
    serde_json::from_value(json!({
        "metadata": { "labels": { "carillon.dev/cluster": "game" }, "annotations": { "carillon.dev/restartedAt": "now" } },
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 555,
            "securityContext": { "runAsNonRoot": true },
            "containers": [{
                "name": "gateway",
                "image": "carillon/gateway:1",
                "env": [{ "name": "CARILLON_RULES", "value": "/etc/carillon/rules/rules.json" }],
                "ports": [{ "name": "client", "containerPort": 3001 }],
                "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
            }],
            "topologySpreadConstraints": [{ "topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway" }],
            "volumes": [{ "name": "tmp", "emptyDir": {} }],
        },
    }))
    .expect("a template")
}

/// The merged template and the conflicts.
fn merged(theirs: Value) -> (Value, String) {
    let theirs = serde_json::from_value(theirs).expect("a template");
    let (template, conflicts) = merge(ours(), theirs);
    let lines: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
    (
        serde_json::to_value(template).expect("JSON"),
        lines.join("\n"),
    )
}

fn container(fields: Value) -> Value {
    let mut container = json!({ "name": "gateway" });
    if let (Some(container), Value::Object(fields)) = (container.as_object_mut(), fields) {
        container.extend(fields);
    }
    json!({ "spec": { "containers": [container] } })
}

#[test]
fn lists_of_named_things_merge_by_name() {
    for (theirs, place, expected) in [
        (
            json!({ "metadata": { "labels": { "team": "a" } } }),
            "/metadata/labels",
            json!({ "carillon.dev/cluster": "game", "team": "a" }),
        ),
        (
            json!({ "spec": { "priorityClassName": "high" } }),
            "/spec/priorityClassName",
            json!("high"),
        ),
        (
            json!({ "spec": { "securityContext": { "fsGroup": 5 } } }),
            "/spec/securityContext",
            json!({ "fsGroup": 5, "runAsNonRoot": true }),
        ),
        (
            json!({ "spec": { "containers": [{ "name": "side", "image": "x" }] } }),
            "/spec/containers/1",
            json!({ "name": "side", "image": "x" }),
        ),
        (
            json!({ "spec": { "volumes": [{ "name": "mine", "emptyDir": {} }] } }),
            "/spec/volumes/1/name",
            json!("mine"),
        ),
        (
            json!({ "spec": { "topologySpreadConstraints": [{ "topologyKey": "kubernetes.io/hostname", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule" }] } }),
            "/spec/topologySpreadConstraints",
            json!([{ "topologyKey": "kubernetes.io/hostname", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule" }]),
        ),
        (
            container(json!({ "resources": { "requests": { "cpu": "1" } } })),
            "/spec/containers/0/resources/requests/cpu",
            json!("1"),
        ),
        (
            container(json!({ "env": [{ "name": "CARILLON_LOG", "value": "debug" }] })),
            "/spec/containers/0/env/1/value",
            json!("debug"),
        ),
        (
            container(json!({ "volumeMounts": [{ "name": "mine", "mountPath": "/mine" }] })),
            "/spec/containers/0/volumeMounts/1/name",
            json!("mine"),
        ),
    ] {
        let (template, conflicts) = merged(theirs);
        assert_eq!(template.pointer(place), Some(&expected), "{place}");
        assert_eq!(conflicts, "");
    }
}

#[test]
fn what_is_ours_stays_and_is_told() {
    for (theirs, expected) in [
        (
            json!({ "metadata": { "labels": { "carillon.dev/cluster": "other" } } }),
            "metadata.labels[carillon.dev/cluster]: the operator sets this",
        ),
        (
            json!({ "metadata": { "annotations": { "carillon.dev/restartedAt": "then" } } }),
            "metadata.annotations[carillon.dev/restartedAt]: the operator sets this",
        ),
        (
            json!({ "metadata": { "name": "mine" } }),
            "metadata: the operator sets this, by spec.metadata",
        ),
        (
            json!({ "spec": { "terminationGracePeriodSeconds": 5 } }),
            "spec.terminationGracePeriodSeconds: the operator sets this, by spec.drain",
        ),
        (
            json!({ "spec": { "enableServiceLinks": true } }),
            "spec.enableServiceLinks: the operator sets this",
        ),
        (
            json!({ "spec": { "automountServiceAccountToken": true } }),
            "spec.automountServiceAccountToken: the operator sets this",
        ),
        (
            json!({ "spec": { "volumes": [{ "name": "tmp", "hostPath": { "path": "/" } }] } }),
            "spec.volumes[tmp]: the operator sets this",
        ),
        (
            json!({ "spec": { "volumes": [{ "name": "secret-x", "emptyDir": {} }] } }),
            "spec.volumes[secret-x]: the operator sets this",
        ),
        (
            container(json!({ "image": "other" })),
            "spec.containers[gateway].image: the operator sets this, by spec.image",
        ),
        (
            container(json!({ "imagePullPolicy": "Never" })),
            "spec.containers[gateway].imagePullPolicy: the operator sets this, by spec.image.pullPolicy",
        ),
        (
            container(json!({ "command": ["sh"] })),
            "spec.containers[gateway].command: the operator sets this",
        ),
        (
            container(json!({ "args": ["--dev"] })),
            "spec.containers[gateway].args: the operator sets this",
        ),
        (
            container(json!({ "ports": [{ "containerPort": 80 }] })),
            "spec.containers[gateway].ports: the operator sets this",
        ),
        (
            container(json!({ "livenessProbe": { "periodSeconds": 1 } })),
            "spec.containers[gateway].livenessProbe: the operator sets this",
        ),
        (
            container(json!({ "env": [{ "name": "REDIS_URL", "value": "redis://x" }] })),
            "spec.containers[gateway].env[REDIS_URL]: the operator sets this, by spec.redis",
        ),
        (
            container(json!({ "volumeMounts": [{ "name": "mine", "mountPath": "/tmp/" }] })),
            "spec.containers[gateway].volumeMounts[/tmp/]: the operator sets this",
        ),
    ] {
        let (template, conflicts) = merged(theirs.clone());
        assert_eq!(conflicts, format!("spec.podTemplate.{expected}"));
        let unchanged = serde_json::to_value(ours()).expect("JSON");
        assert_eq!(template, unchanged, "{theirs}");
    }
}

#[test]
fn to_say_the_same_is_no_conflict() {
    let (template, conflicts) = merged(serde_json::to_value(ours()).expect("JSON"));
    assert_eq!(conflicts, "");
    assert_eq!(template, serde_json::to_value(ours()).expect("JSON"));
}
