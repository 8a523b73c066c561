//! Whether the API server already has what would be applied.

use serde_json::{Map, Value};

use super::quantity;
use crate::build::Kind;

/// Whether every field of `desired` stands in `live` with the same meaning. What others added is not looked at.
#[must_use]
pub fn is_subset(kind: Kind, desired: &Value, live: &Value) -> bool {
    Comparison { kind }.value("", desired, live)
}

/// Two ways to write one thing, and lists that others may add to, depend on the kind and on the name of the field.
struct Comparison {
    kind: Kind,
}

impl Comparison {
    fn value(&self, field: &str, desired: &Value, live: &Value) -> bool {
        match (desired, live) {
            (Value::Object(desired), Value::Object(live)) if QUANTITIES.contains(&field) => {
                desired.iter().all(|(key, one)| {
                    live.get(key)
                        .is_some_and(|other| quantity::are_equal(one, other))
                })
            }
            (Value::Object(desired), Value::Object(live)) => self.object(desired, live),
            (Value::Array(desired), Value::Array(live)) => self.list(field, desired, live),
            _ if QUANTITIES.contains(&field) => quantity::are_equal(desired, live),
            _ => desired == live,
        }
    }

    fn object(&self, desired: &Map<String, Value>, live: &Map<String, Value>) -> bool {
        desired.iter().all(|(field, one)| match live.get(field) {
            Some(other) => self.value(field, one, other),
            None => is_left_out(field, one),
        })
    }

    fn list(&self, field: &str, desired: &[Value], live: &[Value]) -> bool {
        if let Some(keys) = self.merged_by(field) {
            return desired.iter().all(|one| {
                let same = |other: &&Value| keys.iter().all(|key| one.get(key) == other.get(key));
                // Of keys with a default the desired item may say nothing.
                let loosely = |other: &&Value| {
                    keys.iter()
                        .all(|key| one.get(key).is_none() || one.get(key) == other.get(key))
                };
                let found = live.iter().find(same).or_else(|| live.iter().find(loosely));
                found.is_some_and(|other| self.value("", one, other))
            });
        }
        desired.len() == live.len()
            && desired
                .iter()
                .zip(live)
                .all(|(one, other)| self.value("", one, other))
    }

    /// The keys of the lists that the API server merges by key; every other list belongs to the applier as a whole.
    fn merged_by(&self, field: &str) -> Option<&'static [&'static str]> {
        Some(match (self.kind, field) {
            (_, "ownerReferences") => &["uid"],
            (
                Kind::Deployment,
                "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets",
            ) => &["name"],
            (Kind::Deployment, "volumeMounts") => &["mountPath"],
            (Kind::Deployment, "topologySpreadConstraints") => {
                &["topologyKey", "whenUnsatisfiable"]
            }
            (Kind::Deployment, "hostAliases") => &["ip"],
            (Kind::Deployment, "ports") => &["containerPort", "protocol"],
            (Kind::Service, "ports") => &["port", "protocol"],
            _ => return None,
        })
    }
}

/// What the API server stores by leaving it out.
fn is_left_out(field: &str, desired: &Value) -> bool {
    match desired {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(false) => LEFT_OUT_IF_FALSE.contains(&field),
        Value::Number(number) => field == "minReadySeconds" && number.as_i64() == Some(0),
        Value::String(text) => text.is_empty() && field == "value",
        Value::Bool(true) => false,
    }
}

/// Fields without a pointer in the API's types: their `false` is not written.
const LEFT_OUT_IF_FALSE: [&str; 9] = [
    "paused",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "publishNotReadyAddresses",
];

/// Fields that hold a quantity, or a map of them.
const QUANTITIES: [&str; 6] = [
    "limits",
    "requests",
    "overhead",
    "sizeLimit",
    "divisor",
    "storage",
];

#[cfg(test)]
mod tests;
