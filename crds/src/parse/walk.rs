//! The walk over a value beside the schema: every fault of form, and a repaired value.
//!
//! It knows the part of JSON Schema that our own types generate, nothing more.

use regex::Regex;
use serde_json::{Map, Value};

use super::nearest::nearest;
use super::schema::resolve;
use crate::fault::{self, Fault, Faults};

/// Checks `value` against `schema`. Faulty places come back as stand-ins of the right type.
pub(crate) fn walk(schema: &Value, value: Value, faults: &mut Faults) -> Value {
    let mut walk = Walk {
        root: schema,
        faults,
        hidden: false,
    };
    walk.value(schema, value, "")
}

struct Walk<'a> {
    root: &'a Value,
    faults: &'a mut Faults,
    /// Inside a secret: what stands there may be the secret itself, and is never shown.
    hidden: bool,
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Value, value: Value, path: &str) -> Value {
        let schema = resolve(self.root, schema);
        let outer = self.hidden;
        self.hidden |= schema.get("writeOnly").is_some();
        let checked = match self.complaint(schema, &value) {
            Some(message) => {
                self.fault(path, &value, message);
                stand_in(self.root, schema)
            }
            None => match value {
                Value::Array(items) => self.list(schema, items, path),
                Value::Object(entries) => self.object(schema, entries, path),
                scalar => scalar,
            },
        };
        self.hidden = outer;
        checked
    }

    fn list(&mut self, schema: &'a Value, items: Vec<Value>, path: &str) -> Value {
        let Some(of) = schema.get("items") else {
            return Value::Array(items);
        };
        let places = items.into_iter().enumerate();
        places
            .map(|(i, item)| self.value(of, item, &fault::item(path, i)))
            .collect()
    }

    fn object(&mut self, schema: &'a Value, entries: Map<String, Value>, path: &str) -> Value {
        let known = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        let mut checked = Map::new();
        for (name, value) in entries {
            let place = fault::key(path, &name);
            match known.and_then(|known| known.get(&name)).or(other) {
                Some(Value::Bool(false)) => {
                    let message = unknown(&name, known);
                    self.fault(&place, &value, message);
                }
                Some(of) => {
                    let value = self.value(of, value, &place);
                    checked.insert(name, value);
                }
                None => {
                    checked.insert(name, value);
                }
            }
        }
        for name in strings(schema.get("required")) {
            if !checked.contains_key(name) {
                self.faults
                    .add(fault::key(path, name), "required, but absent");
                let of = known
                    .and_then(|known| known.get(name))
                    .unwrap_or(&Value::Null);
                checked.insert(name.to_owned(), stand_in(self.root, of));
            }
        }
        Value::Object(checked)
    }

    /// What is wrong with the value itself, leaving aside what it contains.
    fn complaint(&self, schema: &Value, value: &Value) -> Option<String> {
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_of(name, value)) {
            let names: Vec<_> = types.iter().map(|name| named(name)).collect();
            return Some(format!(
                "expected {}",
                described(schema).unwrap_or(names.join(" or "))
            ));
        }
        let allowed = choices(schema);
        if !allowed.is_empty() && !allowed.contains(&value) {
            let list: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            return Some(format!("allowed: {}", list.join(", ")));
        }
        match value {
            Value::String(text) => text_complaint(schema, text),
            Value::Number(number) if types.contains(&"integer") => number_complaint(schema, number),
            Value::Array(items) => {
                count_complaint(schema, items.len(), "minItems", "maxItems", "item")
            }
            Value::Object(entries) => {
                let keys = schema.get("properties").and_then(Value::as_object);
                let names: Vec<_> = keys
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| key.as_str())
                    .collect();
                count_complaint(
                    schema,
                    entries.len(),
                    "minProperties",
                    "maxProperties",
                    "key",
                )
                .map(|message| format!("{message}, of: {}", names.join(", ")))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    fn fault(&mut self, path: &str, value: &Value, message: String) {
        if self.hidden {
            let value = Some("(not shown)".to_owned());
            self.faults.push(Fault {
                path: path.to_owned(),
                value,
                message,
            });
        } else {
            self.faults.add_value(path, value, message);
        }
    }
}

fn unknown(name: &str, known: Option<&Map<String, Value>>) -> String {
    let keys = || known.into_iter().flatten().map(|(key, _)| key.as_str());
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

fn text_complaint(schema: &Value, text: &str) -> Option<String> {
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let matches = Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        if !matches {
            let form =
                described(schema).unwrap_or_else(|| format!("a text that matches {pattern}"));
            return Some(format!("expected {form}"));
        }
    }
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    if (text.len() as u64) < bound("minLength").unwrap_or(0) {
        return Some("expected a text that is not empty".to_owned());
    }
    let most = bound("maxLength").filter(|most| text.chars().count() as u64 > *most)?;
    Some(format!("expected a text of at most {most} characters"))
}

fn number_complaint(schema: &Value, number: &serde_json::Number) -> Option<String> {
    let least = schema.get("minimum").and_then(Value::as_u64).unwrap_or(0);
    let most = schema
        .get("maximum")
        .and_then(Value::as_u64)
        .unwrap_or(u64::from(u32::MAX));
    let fits = number.as_u64().is_some_and(|n| (least..=most).contains(&n));
    (!fits).then(|| format!("allowed: {least} to {most}"))
}

fn count_complaint(
    schema: &Value,
    count: usize,
    least: &str,
    most: &str,
    what: &str,
) -> Option<String> {
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    let (least, most) = (bound(least), bound(most));
    let count = count as u64;
    if least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most) {
        return None;
    }
    Some(match (least, most) {
        (Some(least), Some(most)) if least == most => format!("expected exactly {least} {what}"),
        (Some(least), _) if count < least => format!("expected at least {least} {what}"),
        (_, most) => format!("expected at most {} {what}s", most.unwrap_or(count)),
    })
}

/// A value of the right type for a place whose own value is faulty or absent.
fn stand_in(root: &Value, schema: &Value) -> Value {
    let schema = resolve(root, schema);
    if let Some(example) = schema
        .pointer("/examples/0")
        .or_else(|| schema.get("default"))
    {
        return example.clone();
    }
    if let Some(first) = choices(schema).first() {
        return (*first).clone();
    }
    match types(schema).last().copied() {
        Some("string") => Value::from(""),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(Value::from(0)),
        Some("boolean") => Value::Bool(false),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => {
            let properties = schema.get("properties");
            let of = |name| {
                properties
                    .and_then(|known| known.get(name))
                    .unwrap_or(&Value::Null)
            };
            strings(schema.get("required"))
                .map(|name| (name.to_owned(), stand_in(root, of(name))))
                .collect::<Map<_, _>>()
                .into()
        }
        _ => Value::Null,
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        several => strings(several).collect(),
    }
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The only values allowed: an `enum`, or one constant for each form.
fn choices(schema: &Value) -> Vec<&Value> {
    let list = |key| {
        schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let constants = list("oneOf").flat_map(|form| {
        let several = form
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        form.get("const").into_iter().chain(several)
    });
    list("enum").chain(constants).collect()
}

/// The units describe their own form; a field's description tells its meaning instead.
fn described(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    text.starts_with("a ").then(|| text.to_owned())
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    }
}

fn named(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "nothing",
    }
}
