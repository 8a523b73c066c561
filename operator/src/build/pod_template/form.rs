//! The form of a value beside a schema of the Kubernetes API: every fault, with its place.
//!
//! It knows the part of JSON Schema that those schemas use, nothing more. An absent key may be written as `null`, as the API
//! server takes it.

use carillon_crds::fault::{self, Faults};
use carillon_crds::parse::nearest;
use serde_json::{Map, Number, Value};

/// All that is wrong with the form of `value`, which stands at `path`.
pub(super) fn faults(schema: &Value, value: &Value, path: &str) -> Faults {
    let mut form = Form {
        root: schema,
        faults: Faults::new(),
    };
    form.value(schema, value, path);
    form.faults
}

struct Form<'a> {
    root: &'a Value,
    faults: Faults,
}

impl Form<'_> {
    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let schema = resolve(self.root, schema);
        if let Some(message) = complaint(schema, value) {
            self.faults.add_value(path, value, message);
            return;
        }
        match value {
            Value::Array(items) => {
                let of = schema.get("items").unwrap_or(&Value::Null);
                for (index, item) in items.iter().enumerate() {
                    self.value(of, item, &fault::item(path, index));
                }
            }
            Value::Object(entries) => self.object(schema, entries, path),
            _ => {}
        }
    }

    fn object(&mut self, schema: &Value, entries: &Map<String, Value>, path: &str) {
        let known = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            let place = fault::key(path, name);
            match (known.and_then(|known| known.get(name)).or(other), known) {
                (Some(of), _) => self.value(of, value, &place),
                (None, Some(known)) => self.faults.add_value(place, value, unknown(name, known)),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if entries.get(name).is_none_or(Value::is_null) {
                self.faults
                    .add(fault::key(path, name), "required, but absent");
            }
        }
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    reference
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        .unwrap_or(schema)
}

/// What is wrong with the value itself, leaving aside what it contains.
fn complaint(schema: &Value, value: &Value) -> Option<String> {
    if schema.get("x-kubernetes-int-or-string").is_some() {
        let fits = value.is_number() || value.is_string();
        return (!fits).then(|| "expected a number or a text".to_owned());
    }
    let format = schema.get("format").and_then(Value::as_str);
    let (fits, expected) = match schema.get("type").and_then(Value::as_str)? {
        "string" if format == Some("date-time") => {
            let time = value.as_str().map(str::parse::<jiff::Timestamp>);
            let fits = time.is_some_and(|time| time.is_ok());
            (fits, "a time such as 2026-01-31T12:00:00Z")
        }
        "string" => (value.is_string(), "a text"),
        "integer" => match value {
            Value::Number(number) => return number_complaint(number, format),
            _ => (false, "a whole number"),
        },
        "number" => (value.is_number(), "a number"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        _ => (value.is_object(), "an object"),
    };
    (!fits).then(|| format!("expected {expected}"))
}

fn number_complaint(number: &Number, format: Option<&str>) -> Option<String> {
    let Some(whole) = number.as_i64() else {
        return Some("expected a whole number".to_owned());
    };
    let fits = format != Some("int32") || i32::try_from(whole).is_ok();
    (!fits).then(|| format!("allowed: {} to {}", i32::MIN, i32::MAX))
}

fn unknown(name: &str, known: &Map<String, Value>) -> String {
    let keys = || known.keys().map(String::as_str);
    match nearest(name, keys()) {
        Some(close) => {
            let all: Vec<_> = keys().collect();
            format!(
                "unknown key, the nearest known one is `{close}` (allowed: {})",
                all.join(", ")
            )
        }
        None => "unknown key".to_owned(),
    }
}
