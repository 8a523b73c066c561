//! Bounds of everything: without them the API server takes a rule's cost for boundless.

use serde_json::{Map, Value};

use super::place::at;

pub(super) fn apply(root: &mut Value) {
    for (path, key, bound) in BOUNDS {
        at(root, path).insert((*key).to_owned(), (*bound).into());
    }
    for (path, pattern) in PATTERNS {
        at(root, path).insert("pattern".to_owned(), (*pattern).into());
    }
    bound(at(root, "spec"));
    for path in [
        "status.autoscaling.recommendations",
        "status.autoscaling.scaleEvents",
    ] {
        at(root, path).insert("maxItems".to_owned(), 64.into());
    }
}

/// What the table does not name is bounded too.
fn bound(schema: &mut Map<String, Value>) {
    let free = |key| !schema.contains_key(key);
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if free("maxLength") && free("enum") && free("format") => {
            schema.insert("maxLength".to_owned(), TEXT.into());
        }
        Some("array") if free("maxItems") => {
            schema.insert("maxItems".to_owned(), ITEMS.into());
        }
        Some("object") if !free("additionalProperties") && free("maxProperties") => {
            schema.insert("maxProperties".to_owned(), ITEMS.into());
        }
        _ => {}
    }
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => properties
                .values_mut()
                .filter_map(Value::as_object_mut)
                .for_each(bound),
            ("items" | "additionalProperties", Value::Object(of)) => bound(of),
            _ => {}
        }
    }
}

const TEXT: u64 = 1_024;
const ITEMS: u64 = 64;

const BOUNDS: &[(&str, &str, u64)] = &[
    ("spec.image.repository", "minLength", 1),
    ("spec.image.repository", "maxLength", 512),
    ("spec.image.tag", "maxLength", 128),
    ("spec.image.digest", "maxLength", 71),
    ("spec.image.pullSecrets[].name", "minLength", 1),
    ("spec.image.pullSecrets[].name", "maxLength", 253),
    ("spec.redis.url.value", "maxLength", 2_048),
    ("spec.redis.keyPrefix", "minLength", 1),
    ("spec.redis.keyPrefix", "maxLength", 128),
    ("spec.autoscaling.metrics", "maxItems", 16),
    ("spec.autoscaling.metrics[].name", "maxLength", 63),
    ("spec.autoscaling.metrics[].query", "minLength", 1),
    ("spec.autoscaling.metrics[].query", "maxLength", 4_096),
    ("spec.autoscaling.metrics[].freshness", "minLength", 1),
    ("spec.autoscaling.metrics[].freshness", "maxLength", 4_096),
    ("spec.autoscaling.behavior.scaleUp.policies", "maxItems", 16),
    (
        "spec.autoscaling.behavior.scaleDown.policies",
        "maxItems",
        16,
    ),
    ("spec.autoscaling.prometheus.address", "maxLength", 2_048),
    ("spec.autoscaling.prometheus.headers", "maxItems", 16),
    ("spec.autoscaling.prometheus.headers[].name", "minLength", 1),
    (
        "spec.autoscaling.prometheus.headers[].value",
        "maxLength",
        4_096,
    ),
    (
        "spec.autoscaling.prometheus.labels.namespace",
        "minLength",
        1,
    ),
    ("spec.autoscaling.prometheus.labels.pod", "minLength", 1),
    ("spec.cors.origins", "maxItems", 256),
    ("spec.limits.trustedProxies", "maxItems", 256),
    ("spec.upstreams[].name", "maxLength", 128),
    ("spec.upstreams[].url", "maxLength", 2_048),
    ("spec.schemas", "maxProperties", 256),
    ("spec.apiKeys[].name", "maxLength", 128),
    ("spec.namespaces", "maxItems", 64),
    ("spec.namespaces[].name", "maxLength", 128),
    ("spec.namespaces[].pattern", "maxLength", 1_024),
    ("spec.namespaces[].auth.jwt", "maxItems", 16),
    ("spec.namespaces[].auth.jwt[].jwks.url", "maxLength", 2_048),
    ("spec.namespaces[].auth.allow.when", "maxLength", 4_096),
    ("spec.namespaces[].events", "maxItems", 128),
    ("spec.namespaces[].events[].name", "maxLength", 128),
    ("spec.namespaces[].events[].when", "maxLength", 4_096),
    ("spec.namespaces[].events[].args", "maxItems", 16),
    ("spec.namespaces[].events[].publish", "maxItems", 16),
    ("spec.exposure.hosts[]", "maxLength", 253),
    ("spec.exposure.tls[].hosts[]", "maxLength", 253),
    ("spec.exposure.tls[].secretName", "maxLength", 253),
    ("spec.exposure.className", "maxLength", 253),
    ("spec.exposure.parentRefs", "maxItems", 16),
    ("spec.exposure.parentRefs[].name", "minLength", 1),
    ("spec.exposure.parentRefs[].name", "maxLength", 253),
    ("spec.exposure.parentRefs[].namespace", "maxLength", 63),
    ("spec.exposure.parentRefs[].sectionName", "maxLength", 253),
    ("spec.exposure.annotations{}", "maxLength", 16_384),
    ("spec.exposure.service.annotations{}", "maxLength", 16_384),
    ("spec.serviceAccount.name", "maxLength", 253),
    ("spec.serviceAccount.annotations{}", "maxLength", 16_384),
    ("spec.metadata.labels{}", "maxLength", 63),
    ("spec.metadata.annotations{}", "maxLength", 16_384),
];

const PATTERNS: &[(&str, &str)] = &[
    ("spec.image.tag", "^([A-Za-z0-9_][A-Za-z0-9._-]*)?$"),
    ("spec.image.digest", "^(sha256:[a-f0-9]{64})?$"),
];
