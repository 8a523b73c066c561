//! What the types cannot say: list keys, defaults of whole objects, what may hold anything.

use serde_json::{Map, Value, json};

use super::{place::at, structural};
use crate::document::{Cors, Engine, Limits};
use crate::resource::crd::EPOCH;

pub(super) fn apply(root: &mut Value) {
    for (path, keys) in LIST_MAPS {
        let list = at(root, path);
        list.insert("x-kubernetes-list-type".to_owned(), "map".into());
        list.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
    }
    for path in ANYTHING {
        at(root, path).insert(structural::PRESERVE.to_owned(), true.into());
        at(root, path).remove("additionalProperties");
    }
    // Presence has no settings.
    at(root, "spec.namespaces[].presence").remove("additionalProperties");
    // As a whole: managed fields of every key of every event would be larger than the object.
    let event = at(root, "spec.namespaces[].events[]");
    event.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
    without_defaults(event);
    for (path, text) in DESCRIPTIONS {
        at(root, path).insert("description".to_owned(), (*text).into());
    }
    defaults(root);
    kubernetes_types(root);
}

/// A transition rule compares only what is there, so whole objects have a default.
fn defaults(root: &mut Value) {
    for (path, default) in [
        ("spec.engine", json!(Engine::default())),
        ("spec.cors", json!(Cors::default())),
        ("spec.limits", json!(Limits::default())),
        (
            "status",
            json!({ "conditions": [{
                "type": "Ready",
                "status": "Unknown",
                "reason": "Pending",
                "message": "Waiting for the operator",
                "lastTransitionTime": EPOCH,
            }] }),
        ),
    ] {
        at(root, path).insert("default".to_owned(), without_null(default));
    }
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_null(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

/// Thousands of events, each with every default written out, would be too large to store.
fn without_defaults(schema: &mut Map<String, Value>) {
    schema.remove("default");
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => properties
                .values_mut()
                .filter_map(Value::as_object_mut)
                .for_each(without_defaults),
            ("items", Value::Object(of)) => without_defaults(of),
            _ => {}
        }
    }
}

/// Types of Kubernetes, whose own schema is looser than what is meant here.
fn kubernetes_types(root: &mut Value) {
    for path in QUANTITIES {
        let quantity = at(root, path);
        quantity.remove("x-kubernetes-int-or-string");
        quantity.remove("nullable");
        quantity.insert("type".to_owned(), "string".into());
        quantity.insert("maxLength".to_owned(), 32.into());
    }
    for (path, minimum, pattern) in [
        ("spec.rollout.maxSurge", 1, "^[1-9][0-9]{0,2}%$"),
        ("spec.disruption.maxUnavailable", 0, "^(100|[1-9]?[0-9])%$"),
    ] {
        let number = at(root, path);
        number.insert("minimum".to_owned(), minimum.into());
        number.insert("maximum".to_owned(), 10_000.into());
        number.insert("pattern".to_owned(), pattern.into());
    }
    let status = at(root, "status.conditions[].status");
    status.insert("enum".to_owned(), json!(["True", "False", "Unknown"]));
}

/// Lists whose items have a key: each item can be owned and merged by itself.
const LIST_MAPS: &[(&str, &[&str])] = &[
    ("spec.image.pullSecrets", &["name"]),
    ("spec.autoscaling.metrics", &["type", "name"]),
    ("spec.autoscaling.prometheus.headers", &["name"]),
    ("spec.upstreams", &["name"]),
    ("spec.apiKeys", &["name"]),
    ("spec.namespaces", &["name", "pattern"]),
    ("spec.namespaces[].events", &["name"]),
    (
        "spec.exposure.parentRefs",
        &["name", "namespace", "sectionName"],
    ),
    ("status.autoscaling.metrics", &["type", "name"]),
    ("status.conditions", &["type"]),
];

/// What the parsers check instead of the schema.
const ANYTHING: &[&str] = &["spec.podTemplate"];

const QUANTITIES: &[&str] = &[
    "spec.autoscaling.metrics[].averageValue",
    "spec.autoscaling.metrics[].value",
    "spec.autoscaling.behavior.scaleUp.tolerance",
    "spec.autoscaling.behavior.scaleDown.tolerance",
];

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("spec", "What the fleet should be."),
    ("status", "What is observed of it."),
];
