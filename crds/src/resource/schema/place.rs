//! Places in a schema: `spec.namespaces[].events[].name`; `[]` is each item, `{}` each value.

use serde_json::{Map, Value};

/// The schema at a place.
///
/// # Panics
/// If there is none: a table names a field that the types do not have.
pub(super) fn at<'a>(root: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    let mut here = root;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]").trim_end_matches("{}");
        here = child(here, "properties", path);
        here = child(here, name, path);
        let mut rest = &step[name.len()..];
        while let Some(after) = rest.strip_prefix("[]") {
            here = child(here, "items", path);
            rest = after;
        }
        if rest == "{}" {
            here = child(here, "additionalProperties", path);
        }
    }
    here.as_object_mut().expect("a schema is an object")
}

fn child<'a>(schema: &'a mut Value, key: &str, path: &str) -> &'a mut Value {
    match schema.get_mut(key) {
        Some(child) => child,
        None => panic!("no schema has {path}: {key} is missing"),
    }
}
