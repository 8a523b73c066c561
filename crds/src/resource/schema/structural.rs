//! From JSON Schema to what Kubernetes calls structural.

use serde_json::{Map, Value, json};

use super::rules;
use crate::units::{DURATION, DURATION_FORM, RATE, RATE_FORM};

/// Any JSON.
pub(super) fn anything() -> Value {
    json!({ PRESERVE: true })
}

/// Makes a schema structural, and all that it contains.
pub(super) fn rewrite(schema: &mut Value) {
    if *schema == Value::Bool(true) {
        *schema = anything();
    }
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
    for key in ["title", "examples", "$schema"] {
        object.remove(key);
    }
    choices(object);
    int_or_string(object);
    unsigned(object);
    units(object);
    one_of_keys(object);
    if object.contains_key(INT_OR_STRING) {
        // Otherwise kube allows `null`, which no field means.
        object.insert("nullable".to_owned(), Value::Bool(false));
    }
    children(object, rewrite);
}

/// Forbids keys that the schema does not know, and gives every value a type.
pub(super) fn strict(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.contains_key("properties") && !object.contains_key(PRESERVE) {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if object.contains_key(INT_OR_STRING) {
        object.insert("type".to_owned(), json!(["integer", "string"]));
    }
    children(object, strict);
}

fn children(object: &mut Map<String, Value>, each: fn(&mut Value)) {
    for (key, value) in object {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(each),
            ("items" | "additionalProperties", of) => each(of),
            _ => {}
        }
    }
}

/// An enum whose values have their own description: `oneOf` constants.
fn choices(object: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = object.remove("oneOf") else {
        return;
    };
    let mut values = Vec::new();
    let mut told = String::new();
    for form in &forms {
        let described = form.get("description").and_then(Value::as_str);
        let constant = form.get("const").into_iter();
        let several = form.get("enum").and_then(Value::as_array);
        for value in constant.chain(several.into_iter().flatten()) {
            if let (Some(text), Some(name)) = (described, value.as_str()) {
                told += &format!("\n{name}: {text}");
            }
            values.push(value.clone());
        }
    }
    let about = object.get("description").and_then(Value::as_str);
    let about = format!("{}{told}", about.unwrap_or_default());
    object.insert("description".to_owned(), about.into());
    object.insert("type".to_owned(), "string".into());
    object.insert("enum".to_owned(), values.into());
}

/// A number or a text, such as a size.
fn int_or_string(object: &mut Map<String, Value>) {
    if object.get("type").is_some_and(Value::is_array) {
        object.remove("type");
        object.insert(INT_OR_STRING.to_owned(), Value::Bool(true));
    }
}

/// Kubernetes knows no unsigned numbers.
fn unsigned(object: &mut Map<String, Value>) {
    if object
        .get("format")
        .is_some_and(|format| format == "uint32")
    {
        object.insert("format".to_owned(), "int64".into());
        object.entry("minimum").or_insert(0.into());
        object.entry("maximum").or_insert(u32::MAX.into());
    }
}

/// Units are told by a sentence, not by a regular expression.
fn units(object: &mut Map<String, Value>) {
    for (form, what) in [(DURATION_FORM, DURATION), (RATE_FORM, RATE)] {
        if object.get("pattern").is_some_and(|found| found == form) {
            object.remove("pattern");
            object.insert("maxLength".to_owned(), 16.into());
            rules::add(object, &rules::matches(form), &format!("must be {what}"));
        }
    }
}

/// Exactly one key of an object, told by a sentence that names the keys. Those keys have no
/// default: it would be a second key beside the one that somebody sets.
fn one_of_keys(object: &mut Map<String, Value>) {
    let one = Some(&Value::from(1));
    if object.get("minProperties") != one || object.get("maxProperties") != one {
        return;
    }
    let Some(Value::Object(properties)) = object.get_mut("properties") else {
        return;
    };
    for property in properties.values_mut() {
        property
            .as_object_mut()
            .map(|property| property.remove("default"));
    }
    // A rule does not see lists of anything: there the count alone has to do.
    if properties.values().any(|it| it.get("items").is_some()) {
        return;
    }
    let names: Vec<_> = properties.keys().cloned().collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let message = format!("set exactly one of {}", names.join(", "));
    rules::add(object, &rules::exactly_one(&names), &message);
    object.remove("minProperties");
    object.remove("maxProperties");
}

/// Whether keys beyond the schema are kept.
pub(super) const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
