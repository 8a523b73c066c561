//! Rules of the API server (CEL), each with a sentence.

use serde_json::{Map, Value, json};

use super::place::at;
use table::{RULES, SHORT_DURATIONS};

mod table;

pub(super) fn apply(root: &mut Value) {
    for path in SHORT_DURATIONS {
        let duration = at(root, path);
        duration.remove("x-kubernetes-validations");
        add(duration, &matches(SHORT), &format!("must be {SHORT_WORDS}"));
    }
    for path in places(root, &["name", "key"]) {
        let reference = at(root, &path);
        for (field, form, message) in SECRET_KEY_REF {
            let field = reference
                .get_mut("properties")
                .and_then(|known| known.get_mut(*field))
                .and_then(Value::as_object_mut)
                .expect("a reference has a name and a key");
            field.insert("maxLength".to_owned(), 253.into());
            add(field, &matches(form), message);
        }
    }
    for (path, rule, message) in RULES {
        add(at(root, path), &expanded(rule), message);
    }
}

/// Adds a rule to a schema.
pub(super) fn add(schema: &mut Map<String, Value>, rule: &str, message: &str) {
    let rules = schema
        .entry("x-kubernetes-validations")
        .or_insert_with(|| json!([]));
    if let Value::Array(rules) = rules {
        rules.push(json!({ "rule": rule, "message": message }));
    }
}

/// That a text has a form.
pub(super) fn matches(form: &str) -> String {
    format!("self.matches('{}')", form.replace('\\', "\\\\"))
}

/// That exactly one of these keys is there.
pub(super) fn exactly_one(keys: &[&str]) -> String {
    let each: Vec<_> = keys
        .iter()
        .map(|key| format!("(has(self.{key}) ? 1 : 0)"))
        .collect();
    format!("{} == 1", each.join(" + "))
}

/// Writes out `short(x)`: that `x` is a duration which CEL can read.
fn expanded(rule: &str) -> String {
    let mut parts = rule.split("short(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (field, rest) = part.split_once(')').expect("the bracket is closed");
        out += &format!("{field}.matches('{SHORT}'){rest}");
    }
    out
}

/// The places of every object of the spec that has exactly these properties.
fn places(root: &Value, keys: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    search(&root["properties"]["spec"], "spec", keys, &mut found);
    found
}

fn search(schema: &Value, path: &str, keys: &[&str], found: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if properties.len() == keys.len() && keys.iter().all(|key| properties.contains_key(*key)) {
            found.push(path.to_owned());
        }
        for (name, child) in properties {
            search(child, &format!("{path}.{name}"), keys, found);
        }
    }
    if let Some(of) = schema.get("items") {
        search(of, &format!("{path}[]"), keys, found);
    }
}

/// Durations that CEL reads: it knows no days.
const SHORT: &str = "^(0s|[1-9][0-9]{0,6}(ms|s|m|h))$";
const SHORT_WORDS: &str = "a duration: one number and one unit (250ms, 25s, 2m, 12h), or 0s";

/// A reference becomes a path and a volume's name.
const SECRET_KEY_REF: &[(&str, &str, &str)] = &[
    (
        "name",
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "must be the name of a Secret: lower-case letters, digits, - and .",
    ),
    (
        "key",
        "^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        "must be a key of a Secret: letters, digits, -, _ and ., and no . in front",
    ),
];
