//! `values.schema.json`: closed objects, types from the defaults, and what a table says besides.

use serde_json::{Map, Value, json};

use crate::values::Values;

/// What is known of a value beside the type of its default: its path, and the schema as JSON text.
pub(crate) type Rules = &'static [(&'static str, &'static str)];

const DURATION: &str = r#"{"type":"string","pattern":"^([0-9]+(h|m|s|ms))+$"}"#;
const AUTO: &str = r#"{"type":"string","enum":["Auto","Enabled","Disabled"]}"#;
const NAME: &str =
    r#"{"type":"string","maxLength":63,"pattern":"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"}"#;

const PORTS: &str =
    r#"{"type":"array","minItems":1,"items":{"type":"integer","minimum":1,"maximum":65535}}"#;
const OBJECTS: &str = r#"{"type":"array","items":{"type":["object","string"]}}"#;
const DIGEST: &str = r#"{"type":"string","pattern":"^(sha256:[0-9a-f]{64})?$"}"#;
const PULL_POLICY: &str = r#"{"type":"string","enum":["Always","IfNotPresent","Never"]}"#;

pub(crate) const OPERATOR: Rules = &[
    (
        "concurrency",
        r#"{"type":"integer","minimum":1,"maximum":256}"#,
    ),
    ("extraObjects", OBJECTS),
    ("fullnameOverride", NAME),
    (
        "gateway.maxDefaultImageRollouts",
        r#"{"type":"integer","minimum":1,"maximum":1000}"#,
    ),
    ("hostUsers", r#"{"type":["boolean","null"]}"#),
    ("image.digest", DIGEST),
    ("image.pullPolicy", PULL_POLICY),
    ("image.repository", r#"{"type":"string","minLength":1}"#),
    ("leaderElection.leaseDuration", DURATION),
    ("leaderElection.renewDeadline", DURATION),
    ("leaderElection.retryPeriod", DURATION),
    ("log.format", r#"{"type":"string","enum":["json","text"]}"#),
    ("metrics.dashboards.enabled", AUTO),
    (
        "metrics.dashboards.labels",
        r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
    ),
    ("metrics.podMonitor.enabled", AUTO),
    ("metrics.prometheusRule.enabled", AUTO),
    ("nameOverride", NAME),
    ("namespaceOverride", NAME),
    ("networkPolicy.egress.apiServer.ports", PORTS),
    ("networkPolicy.egress.prometheus.ports", PORTS),
    (
        "podDisruptionBudget.maxUnavailable",
        r#"{"type":["integer","string","null"],"minimum":0,"pattern":"^[0-9]{1,3}%$"}"#,
    ),
    (
        "podDisruptionBudget.minAvailable",
        r#"{"type":["integer","string"],"minimum":0,"pattern":"^[0-9]{1,3}%$"}"#,
    ),
    (
        "prometheusAddress",
        r#"{"type":"string","pattern":"^(https?://.+)?$"}"#,
    ),
    ("replicas", r#"{"type":"integer","minimum":0}"#),
    ("revisionHistoryLimit", r#"{"type":"integer","minimum":0}"#),
    (
        "runbookUrl",
        r#"{"type":"string","pattern":"^https?://[^?#\\s\"\\\\]+$"}"#,
    ),
    (
        "terminationGracePeriodSeconds",
        r#"{"type":"integer","minimum":10}"#,
    ),
    (
        "watchNamespaces",
        r#"{"type":"array","uniqueItems":true,"items":{"type":"string","maxLength":63,"pattern":"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}}"#,
    ),
];

pub(crate) const CLUSTER: Rules = &[
    ("devRedis.image.digest", DIGEST),
    ("devRedis.image.pullPolicy", PULL_POLICY),
    (
        "devRedis.image.repository",
        r#"{"type":"string","minLength":1}"#,
    ),
    (
        "devRedis.maxMemory",
        r#"{"type":"string","pattern":"^[1-9][0-9]*(b|k|kb|m|mb|g|gb)?$"}"#,
    ),
    ("extraObjects", OBJECTS),
    (
        "fullnameOverride",
        r#"{"type":"string","maxLength":46,"pattern":"^([a-z]([-a-z0-9]*[a-z0-9])?)?$"}"#,
    ),
    (
        "nameOverride",
        r#"{"type":"string","maxLength":44,"pattern":"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"}"#,
    ),
    ("namespaceOverride", NAME),
    ("spec", r#"{}"#),
    ("test.image.digest", DIGEST),
    ("test.image.pullPolicy", PULL_POLICY),
    (
        "test.image.repository",
        r#"{"type":"string","minLength":1}"#,
    ),
    ("test.timeout", DURATION),
    ("wait.enabled", AUTO),
    ("wait.image.digest", DIGEST),
    ("wait.image.pullPolicy", PULL_POLICY),
    (
        "wait.image.repository",
        r#"{"type":"string","minLength":1}"#,
    ),
    ("wait.timeout", DURATION),
];

/// What Kubernetes defines is not repeated here.
const OPEN: &[&str] = &[
    "podSecurityContext",
    "resources",
    "securityContext",
    "devRedis.resources",
    "test.resources",
    "wait.resources",
];

/// The schema of a field of a definition, as Helm takes it: closed, and without what only an API server knows.
pub(crate) fn closed(schema: &Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema.clone();
    };
    let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
    let mut out: Map<String, Value> = fields
        .iter()
        .filter(|(key, _)| {
            !key.starts_with("x-kubernetes-")
                && !["default", "format", "nullable"].contains(&&***key)
        })
        .map(|(key, value)| (key.clone(), parts(key, value)))
        .collect();
    if flag("x-kubernetes-int-or-string") {
        out.remove("anyOf");
        out.insert("type".into(), json!(["integer", "string"]));
    }
    let is_open =
        flag("x-kubernetes-preserve-unknown-fields") || out.contains_key("additionalProperties");
    if out.contains_key("properties") && !is_open {
        out.insert("additionalProperties".into(), json!(false));
    }
    Value::Object(out)
}

fn parts(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("properties", Value::Object(fields)) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), closed(field)))
                .collect(),
        ),
        ("items" | "additionalProperties", value) => closed(value),
        // Branches hold no types, only which fields go together: closing them would forbid the others.
        (_, value) => value.clone(),
    }
}

pub(crate) fn of(values: &Values, rules: Rules, spec: Option<&Value>) -> String {
    for (path, _) in rules {
        assert!(
            values.keys.iter().any(|(key, _)| key == path),
            "{path} is no value"
        );
    }
    let mut schema = object(values, rules, "", &values.defaults);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    if let Some(spec) = spec {
        let about = schema["properties"]["spec"]["description"].take();
        schema["properties"]["spec"] = closed(spec);
        schema["properties"]["spec"]["description"] = about;
    }
    // What a chart above this one gives to all of its parts.
    schema["properties"]["global"] = json!({ "type": "object" });
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

fn object(values: &Values, rules: Rules, path: &str, defaults: &Value) -> Value {
    let mut properties = Map::new();
    for (key, default) in defaults.as_object().unwrap() {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        let mut schema = one(values, rules, &path, default);
        let about = values.keys.iter().find(|(key, _)| *key == path);
        if let Some((_, about)) = about.filter(|(_, about)| !about.is_empty()) {
            schema["description"] = json!(about);
        }
        properties.insert(key.clone(), schema);
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn one(values: &Values, rules: Rules, path: &str, default: &Value) -> Value {
    if let Some((_, schema)) = rules.iter().find(|(key, _)| *key == path) {
        return serde_json::from_str(schema).unwrap();
    }
    match default {
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(_) => json!({ "type": "array" }),
        Value::Object(map) if map.is_empty() || OPEN.contains(&path) => json!({ "type": "object" }),
        Value::Object(_) => object(values, rules, path, default),
        Value::Null => panic!("{path}: the table has to say what it is"),
    }
}
