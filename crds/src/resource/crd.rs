//! The CustomResourceDefinition as it is installed.

use kube::CustomResourceExt;
use serde_json::Value;

use super::RealtimeCluster;
use crate::parse::text;

/// The definition as YAML.
#[must_use]
pub fn yaml() -> String {
    let value = serde_json::to_value(RealtimeCluster::crd()).expect("a definition is plain JSON");
    let plain = text::write_yaml(&whole(value));
    // Some readers of YAML take a bare time for more than a text.
    let quoted = plain.replace(EPOCH, &format!("'{EPOCH}'"));
    format!("{HEAD}{quoted}")
}

/// Whole numbers without a fraction, and no `nullable: false`: the API server stores it so, and
/// tools that compare a file with it would see a difference for ever.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            match float.filter(|float| float.fract() == 0.0 && float.abs() < EXACT) {
                Some(float) => Value::from(float as i64),
                None => Value::Number(number),
            }
        }
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(entries) => Value::Object(
            entries
                .into_iter()
                .filter(|(key, value)| key != "nullable" || *value != Value::Bool(false))
                .map(|(key, value)| (key, whole(value)))
                .collect(),
        ),
        other => other,
    }
}

const HEAD: &str = "# Made by `make docs` from the types; changes are lost.\n";
/// When a condition that nobody has set yet was last set.
pub(super) const EPOCH: &str = "1970-01-01T00:00:00Z";
/// Every whole number below this is exact as a float.
const EXACT: f64 = 9_007_199_254_740_992.0;
