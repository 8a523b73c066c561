//! The resource as the API server has it.
#![cfg(all(feature = "kube", feature = "compile"))]

use carillon_crds::resource::{RealtimeCluster, check, crd, table};
use carillon_tests::gateway::workspace;
use carillon_tests::generated::{check_file, check_part};
use serde::Deserialize;
use serde_json::{Value, json};

#[test]
fn the_committed_definition_is_the_types() {
    let yaml = crd::yaml();
    assert!(yaml.len() < 200 * 1024, "{} bytes", yaml.len());
    check_file("crds/realtimecluster.yaml", &yaml);
}

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
    #[serde(default, rename = "server")]
    _server: Option<String>,
}

fn object(name: &str, mut spec: Value) -> Value {
    match spec.get("namespaces") {
        None => spec["namespaces"] = json!([{ "name": "/" }]),
        Some(Value::Null) => {
            spec.as_object_mut().expect("a spec").remove("namespaces");
        }
        Some(_) => {}
    }
    json!({ "apiVersion": "carillon.dev/v1alpha1", "kind": "RealtimeCluster", "metadata": { "name": name }, "spec": spec })
}

/// Sorted, so that the order in which an engine evaluates rules does not matter.
fn sorted(mut told: Vec<String>) -> Vec<String> {
    told.sort();
    told
}

#[test]
fn the_table_of_refusals_holds() {
    let text =
        std::fs::read_to_string(workspace().join("crds/tests/resource.yaml")).expect("cases");
    let cases: Vec<Case> = serde_yaml::from_str(&text).expect("the table");
    let mut wrong = String::new();
    for case in cases {
        let name = case.object.as_deref().unwrap_or("game");
        let old = case.old.map(|spec| object(name, spec));
        let new = object(name, case.spec);
        let told = check::admission(&new, old.as_ref());
        let told = sorted(
            told.iter()
                .map(|fault| format!("{}: {}", fault.path, fault.message))
                .map(|line| {
                    line.split(" (allowed: ")
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect(),
        );
        let refused = case.refused.iter();
        let expected = sorted(
            refused
                .map(|it| format!("{}: {}", it.path, it.message))
                .collect(),
        );
        if told != expected {
            wrong += &format!(
                "\n{}\n  told     {told:#?}\n  expected {expected:#?}",
                case.name
            );
        }
        if expected.is_empty() {
            serde_json::from_value::<RealtimeCluster>(new).expect("an accepted object is one");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn every(schema: &Value, path: &str, see: &mut dyn FnMut(&str, &Value)) {
    see(path, schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, child) in properties.into_iter().flatten() {
        every(child, &format!("{path}.{name}"), see);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(child) = schema.get(key).filter(|child| child.is_object()) {
            every(child, &format!("{path}{mark}"), see);
        }
    }
}

/// The schema as it is installed.
fn installed() -> Value {
    let definition: Value = serde_yaml::from_str(&crd::yaml()).expect("YAML");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn every_property_is_described_and_structural() {
    let mut wrong = Vec::new();
    every(&installed(), "", &mut |path, schema| {
        let described =
            path.is_empty() || path.ends_with(['}', ']']) || schema.get("description").is_some();
        let typed = [
            "type",
            "x-kubernetes-int-or-string",
            "x-kubernetes-preserve-unknown-fields",
        ];
        let junctor = ["anyOf", "oneOf", "allOf", "not", "$ref"];
        let null = schema.get("nullable").is_some()
            || schema
                .get("default")
                .is_some_and(|it| it.to_string().contains("null"));
        if !described
            || null
            || !typed.iter().any(|key| schema.get(key).is_some())
            || junctor.iter().any(|key| schema.get(key).is_some())
        {
            wrong.push(path.to_owned());
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_these_places_hold_anything() {
    let mut found = Vec::new();
    every(&installed(), "", &mut |path, schema| {
        if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
            found.push(path.to_owned());
        }
    });
    let event = ".spec.namespaces[].events[]";
    let mut expected = vec![
        format!("{event}.args[]"),
        format!("{event}.publish[].args[]"),
        format!("{event}.ack.values[]"),
        format!("{event}.once.repeat.args[]"),
        ".spec.namespaces[].welcome[].args[]".to_owned(),
        ".spec.podTemplate".to_owned(),
        ".spec.schemas{}".to_owned(),
    ];
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// Every rule has a sentence that says what to do, and no size is open, so that no rule is too
/// expensive for the API server.
#[test]
fn every_rule_has_a_sentence_and_every_size_a_bound() {
    let mut wrong = Vec::new();
    every(
        &installed()["properties"]["spec"],
        "spec",
        &mut |path, schema| {
            let rules = schema
                .get("x-kubernetes-validations")
                .and_then(Value::as_array);
            let silent = |rule: &Value| rule["message"].as_str().is_none_or(str::is_empty);
            if rules.is_some_and(|rules| rules.iter().any(silent)) {
                wrong.push(format!("{path}: a rule without a sentence"));
            }
            let open = |bound: &str| schema.get(bound).is_none();
            let closed = match schema.get("type").and_then(Value::as_str) {
                Some("string") => !open("maxLength") || !open("enum") || !open("format"),
                Some("array") => !open("maxItems"),
                Some("object") => open("additionalProperties") || !open("maxProperties"),
                _ => true,
            };
            if !closed {
                wrong.push(format!("{path}: without a bound"));
            }
        },
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// kubectl shows what an object would be: all defaults of the contract stand in the schema.
#[test]
fn defaults_are_visible() {
    let defaults = |path: &str| {
        let mut found = Value::Null;
        every(&installed(), "", &mut |at, schema| {
            if at == path {
                found = schema["default"].clone();
            }
        });
        found
    };
    for (path, expected) in [
        (
            ".spec.redis",
            json!({ "mode": "memory", "keyPrefix": "socket.io" }),
        ),
        (
            ".spec.drain",
            json!({ "reconnectsPerSecond": 200, "hold": "5s", "timeout": "9m" }),
        ),
        (
            ".spec.rollout",
            json!({ "maxSurge": 1, "minReadySeconds": 5, "progressDeadline": "15m" }),
        ),
        (".spec.disruption", json!({ "maxUnavailable": 1 })),
        (
            ".spec.monitoring",
            json!({ "podMonitor": "Auto", "prometheusRule": "Auto", "dashboards": "Auto" }),
        ),
        (".spec.image.repository", json!("carillon/gateway")),
        (".spec.autoscaling.interval", json!("15s")),
        (".spec.autoscaling.mode", json!("Auto")),
        (".spec.autoscaling.prometheus.timeout", json!("5s")),
        (".spec.autoscaling.prometheus.maxAge", json!("2m")),
        (".spec.autoscaling.metrics[].name", json!("")),
        (".spec.engine.pingInterval", json!("25s")),
        (".spec.namespaces[].name", json!("")),
        (".spec.namespaces[].pattern", json!("")),
        (".spec.paused", json!(false)),
        (".spec.replicas", Value::Null),
        (
            ".status",
            json!({ "conditions": [{ "type": "Ready", "status": "Unknown", "reason": "Pending", "message": "Waiting for the operator", "lastTransitionTime": "1970-01-01T00:00:00Z" }] }),
        ),
    ] {
        assert_eq!(defaults(path), expected, "{path}");
    }
}

#[test]
fn columns_and_subresources() {
    let definition: Value = serde_yaml::from_str(&crd::yaml()).expect("YAML");
    let version = &definition["spec"]["versions"][0];
    let columns = version["additionalPrinterColumns"]
        .as_array()
        .expect("columns");
    let shown: Vec<_> = columns
        .iter()
        .map(|it| {
            let wide = if it["priority"] == 1 { " (wide)" } else { "" };
            format!(
                "{}{wide} {}",
                it["name"].as_str().unwrap_or_default(),
                it["jsonPath"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Ready .status.summary.ready",
            "Connections .status.connections",
            "Scaling .status.summary.scaling",
            "Rules .status.summary.rules",
            "Status .status.conditions[?(@.type==\"Ready\")].reason",
            "Age .metadata.creationTimestamp",
            "Image (wide) .status.summary.image",
            "Namespaces (wide) .status.summary.namespaces",
        ]
    );
    assert_eq!(
        version["subresources"],
        json!({
            "status": {},
            "scale": { "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector" },
        })
    );
    assert_eq!(definition["spec"]["names"]["shortNames"], json!(["rtc"]));
}

#[test]
fn the_docs_hold_the_table() {
    check_part("docs/resource.md", "spec", &table::spec());
    check_part("docs/resource.md", "status", &table::status());
}
