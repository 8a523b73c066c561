//! The fields of the resource as tables for the docs.

use serde_json::Value;

use super::rules::PARTS;
use super::schema;

/// The fields of the spec, those of the rules document aside, which has its own page.
#[must_use]
pub fn spec() -> String {
    let mut rows = String::from("| field | kind | default | meaning |\n|---|---|---|---|\n");
    row(&schema::root()["properties"]["spec"], "", &mut rows);
    rows
}

/// The fields of the status.
#[must_use]
pub fn status() -> String {
    let mut rows = String::from("| field | kind | meaning |\n|---|---|---|\n");
    let status = &schema::root()["properties"]["status"];
    each(status, "", &mut |path, of| {
        rows += &format!("| `{path}` | {} | {} |\n", kind(of), meaning(of));
    });
    rows
}

fn row(spec: &Value, path: &str, rows: &mut String) {
    each(spec, path, &mut |path, of| {
        *rows += &format!(
            "| `{path}` | {} | {} | {} |\n",
            kind(of),
            default(of),
            meaning(of)
        );
    });
}

/// Each field in turn, down to what another page or Kubernetes itself describes.
fn each(schema: &Value, path: &str, see: &mut dyn FnMut(&str, &Value)) {
    let known = schema.get("properties").and_then(Value::as_object);
    for (name, of) in known.into_iter().flatten() {
        let place = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        see(&place, of);
        let elsewhere = (path.is_empty() && PARTS.contains(&name.as_str()))
            || path == "networkPolicy"
            || name == "conditions"
            || name == "secretKeyRef";
        if !elsewhere {
            each(of, &place, see);
            if let Some(item) = of.get("items") {
                each(item, &format!("{place}[]"), see);
            }
        }
    }
}

fn kind(of: &Value) -> &str {
    of.get("type")
        .and_then(Value::as_str)
        .unwrap_or("number or text")
}

fn default(of: &Value) -> String {
    let object = of.get("properties").is_some();
    match of.get("default") {
        Some(default) if !object => format!("`{default}`"),
        _ => String::new(),
    }
}

fn meaning(of: &Value) -> String {
    let text = of.get("description").and_then(Value::as_str);
    let lines: Vec<_> = text.into_iter().flat_map(str::lines).collect();
    lines.join("<br>").replace('|', "\\|")
}
