//! The normal form of a document, its hash, and the effective document.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::parse::schema::{self, resolve};
use crate::parse::text;

/// The normal form: keys equal to their default left out, keys sorted.
#[must_use]
pub fn value(document: &Document) -> Value {
    let root = schema::document();
    let mut value = normal(root, root, effective(document));
    value.sort_all_objects();
    value
}

/// The normal form as compact JSON.
#[must_use]
pub fn json(document: &Document) -> String {
    value(document).to_string()
}

/// The rules hash: SHA-256 of the normal form, in hex.
#[must_use]
pub fn hash(document: &Document) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(json(document));
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _infallible = write!(hex, "{byte:02x}");
            hex
        })
}

/// The effective document: every default written out.
#[must_use]
pub fn effective(document: &Document) -> Value {
    let root = schema::document();
    let value = serde_json::to_value(document).expect("a document has string keys only");
    without_absent(root, root, value)
}

/// The effective document as YAML, as `carillon-gateway rules` prints it.
#[must_use]
pub fn effective_yaml(document: &Document) -> String {
    text::write_yaml(&effective(document))
}

/// Leaves out the `null`s that stand for an absent key, and none that the user wrote.
fn without_absent(root: &Value, schema: &Value, value: Value) -> Value {
    children(
        root,
        schema,
        value,
        &|_, child| !child.is_null(),
        &without_absent,
    )
}

fn normal(root: &Value, schema: &Value, value: Value) -> Value {
    let keep = |of: &Value, child: &Value| match of.get("default") {
        Some(default) => *child != normal(root, of, default.clone()),
        None => true,
    };
    children(root, schema, value, &keep, &normal)
}

/// Rebuilds a value: `each` child in turn, and of an object's known keys those to `keep`.
fn children(
    root: &Value,
    schema: &Value,
    value: Value,
    keep: &dyn Fn(&Value, &Value) -> bool,
    each: &dyn Fn(&Value, &Value, Value) -> Value,
) -> Value {
    let schema = resolve(root, schema);
    match (value, schema.get("items"), schema.get("properties")) {
        (Value::Array(items), Some(of), _) => {
            items.into_iter().map(|item| each(root, of, item)).collect()
        }
        (Value::Object(entries), _, Some(known)) => entries
            .into_iter()
            .filter_map(|(key, child)| {
                let of = known.get(&key).unwrap_or(&Value::Null);
                let child = each(root, of, child);
                keep(of, &child).then_some((key, child))
            })
            .collect::<Map<_, _>>()
            .into(),
        (value, _, _) => value,
    }
}
