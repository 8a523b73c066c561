//! Lists whose items have a key: no key may stand twice.

use serde_json::Value;

use crate::fault::{self, Faults};

/// Notes every item of a list whose key an item before it has.
pub(super) fn check(schema: &Value, value: &Value, path: &str, faults: &mut Faults) {
    match value {
        Value::Array(items) => list(schema, items, path, faults),
        Value::Object(entries) => {
            for (name, child) in entries {
                let of = &schema["properties"][name];
                check(of, child, &fault::key(path, name), faults);
            }
        }
        _ => {}
    }
}

fn list(schema: &Value, items: &[Value], path: &str, faults: &mut Faults) {
    let of = &schema["items"];
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut seen: Vec<Vec<&Value>> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = fault::item(path, index);
        let key: Vec<&Value> = keys
            .iter()
            .map(|key| item.get(key).unwrap_or(&of["properties"][*key]["default"]))
            .collect();
        if !keys.is_empty() && seen.contains(&key) {
            let shown: Vec<_> = keys
                .iter()
                .zip(&key)
                .map(|(key, value)| format!("{key} {value}"))
                .collect();
            faults.add(&place, format!("{} stands twice", shown.join(", ")));
        }
        seen.push(key);
        check(of, item, &place, faults);
    }
}
