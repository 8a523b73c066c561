//! YAML with a comment above every field.

use serde_json::{Map, Value};

/// An object and what its schema says of each field.
pub(super) fn object(schema: &Value, object: &Value) -> String {
    let mut out = String::new();
    if let Value::Object(entries) = object {
        fields(schema, entries, 0, true, &mut out);
    }
    out
}

/// The fields of an object, and in comments those that it does not have.
fn fields(
    schema: &Value,
    entries: &Map<String, Value>,
    indent: usize,
    told: bool,
    out: &mut String,
) {
    let known = schema.get("properties").and_then(Value::as_object);
    for (name, value) in entries {
        let of = known
            .and_then(|known| known.get(name))
            .unwrap_or(&Value::Null);
        if told {
            comment(of, indent, out);
        }
        field(of, name, value, indent, told, out);
    }
    let absent = known
        .into_iter()
        .flatten()
        .filter(|(name, _)| told && indent > 0 && !entries.contains_key(*name));
    for (name, of) in absent {
        let mut lines = String::new();
        outline(of, name, 0, &mut lines);
        for line in lines.lines() {
            *out += &format!("{}# {line}\n", " ".repeat(indent));
        }
    }
}

/// A field without a value, and all that it may contain.
fn outline(of: &Value, name: &str, indent: usize, out: &mut String) {
    comment(of, indent, out);
    let kind = of.get("type").and_then(Value::as_str).unwrap_or("value");
    *out += &format!("{}{name}: ({kind})\n", " ".repeat(indent));
    let item = of.get("items").unwrap_or(of);
    let known = item.get("properties").and_then(Value::as_object);
    for (name, of) in known.into_iter().flatten() {
        outline(of, name, indent + 2, out);
    }
}

fn field(of: &Value, name: &str, value: &Value, indent: usize, told: bool, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) if of.get("properties").is_some() && !entries.is_empty() => {
            *out += &format!("{pad}{name}:\n");
            fields(of, entries, indent + 2, told, out);
        }
        Value::Array(items) if of.pointer("/items/properties").is_some() && !items.is_empty() => {
            *out += &format!("{pad}{name}:\n");
            for (index, item) in items.iter().enumerate() {
                list_item(&of["items"], item, indent, told && index == 0, out);
            }
        }
        // JSON is YAML.
        plain => *out += &format!("{pad}{name}: {plain}\n"),
    }
}

/// One item: its first field stands behind a dash, below that field's comment.
fn list_item(of: &Value, item: &Value, indent: usize, told: bool, out: &mut String) {
    let mut inner = String::new();
    if let Value::Object(entries) = item {
        fields(of, entries, indent + 2, told, &mut inner);
    }
    let mut dash = true;
    for line in inner.lines() {
        if dash && !line.trim_start().starts_with('#') {
            *out += &format!("{}- {}\n", " ".repeat(indent), line.trim_start());
            dash = false;
        } else {
            *out += &format!("{line}\n");
        }
    }
}

fn comment(schema: &Value, indent: usize, out: &mut String) {
    let text = schema.get("description").and_then(Value::as_str);
    for paragraph in text.into_iter().flat_map(str::lines) {
        let mut line = format!("{}#", " ".repeat(indent));
        for word in paragraph.split_whitespace() {
            if line.len() + word.len() >= WIDTH {
                *out += &format!("{line}\n");
                line = format!("{}#  ", " ".repeat(indent));
            }
            line += &format!(" {word}");
        }
        *out += &format!("{line}\n");
    }
}

const WIDTH: usize = 110;
