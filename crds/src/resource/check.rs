//! What is wrong with an object in a file: what the API server would say, and what the operator
//! would, told at once and without a cluster.

use kube::core::cel::{ErrorKind, Validator};
use serde_json::{Map, Value};

use super::rules::PARTS;
use super::schema;
use crate::compile;
use crate::fault::{self, Fault, Faults};
use crate::names::{self, kubernetes};
use crate::parse::{self, walk};

mod twice;

/// Every fault of an object, the `podTemplate` aside.
#[must_use]
pub fn object(object: &Value) -> Faults {
    let mut faults = Faults::new();
    for fault in kind(object).into_iter().chain(rules(&object["spec"])) {
        faults.push(fault);
    }
    let known = faults.len();
    for fault in admission(object, None) {
        if fault.path == "spec" {
            faults.push(fault);
        } else {
            faults.push_unless_known(fault, known);
        }
    }
    faults
}

/// What the API server would refuse: by the schema, or by its rules, on an update those about
/// the change too.
#[must_use]
pub fn admission(object: &Value, old: Option<&Value>) -> Faults {
    let mut faults = Faults::new();
    let repaired = walk::walk(schema::strict(), own(object), &mut faults);
    twice::check(schema::root(), &repaired, "", &mut faults);
    let form = faults.clone();
    let new = with_name(repaired, object);
    let old = old.map(|old| with_name(own(old), old));
    let refused = Validator::new().validate(schema::root(), &new, old.as_ref());
    for error in refused
        .err()
        .into_iter()
        .flat_map(|errors| errors.into_vec())
    {
        let path = match error.field_path.as_str() {
            "" => "metadata.name".to_owned(),
            path => path.to_owned(),
        };
        if form.iter().any(|fault| explains(fault, &path, &error.rule)) {
            continue;
        }
        let message = match error.kind {
            ErrorKind::ValidationFailure => error.message,
            _ => format!("{} ({})", error.message, error.rule),
        };
        faults.add(path, message);
    }
    faults
}

/// Whether a rule at a place may have failed because of a fault of form: one around it, or one
/// inside in a field that it reads.
fn explains(fault: &Fault, path: &str, rule: &str) -> bool {
    if fault::within(path, &fault.path) {
        return true;
    }
    let inside = fault::within(&fault.path, path).then(|| &fault.path[path.len()..]);
    inside.is_some_and(|rest| {
        let field = rest.trim_start_matches('.');
        let field = &field[..field.find(['.', '[']).unwrap_or(field.len())];
        rule.contains(&format!("self.{field}"))
    })
}

/// Whether it is an object of this kind at all.
fn kind(object: &Value) -> Faults {
    let mut faults = Faults::new();
    let version = format!("{}/{}", names::GROUP, names::VERSION);
    for (key, expected) in [("apiVersion", version.as_str()), ("kind", kubernetes::KIND)] {
        match object.get(key) {
            Some(found) if found == expected => {}
            Some(found) => faults.add_value(key, found, format!("allowed: \"{expected}\"")),
            None => faults.add(key, "required, but absent"),
        }
    }
    match object.pointer("/metadata/name") {
        Some(Value::String(_)) => {}
        Some(name) => faults.add_value("metadata.name", name, "expected a text"),
        None => faults.add("metadata.name", "required, but absent"),
    }
    faults
}

/// What the gateway's own parser says of the rules.
fn rules(spec: &Value) -> Faults {
    let Some(spec) = spec.as_object() else {
        return Faults::new();
    };
    let parts = spec.iter().filter(|(key, _)| PARTS.contains(&key.as_str()));
    let written: Map<_, _> = parts
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let told = parse::value(Value::Object(written)).and_then(|parsed| {
        let parse::Parsed { document, faults } = parsed;
        compile::checked(super::rules::mounted(document), faults)
    });
    let mut faults = Faults::new();
    for mut fault in told.err().into_iter().flatten() {
        fault.path = match fault.path.as_str() {
            "" => "spec".to_owned(),
            path => format!("spec.{path}"),
        };
        faults.push(fault);
    }
    faults
}

/// The part of an object that its schema describes.
fn own(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(entries) = object.as_object_mut() {
        for key in ["apiVersion", "kind", "metadata"] {
            entries.remove(key);
        }
    }
    object
}

/// Rules of the root see the name, and nothing else of the metadata.
fn with_name(own: Value, object: &Value) -> Value {
    let mut own = own;
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    own["metadata"] = serde_json::json!({ "name": name.unwrap_or("unnamed") });
    own
}
