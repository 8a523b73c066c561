//! What the types know but this version does not do: refused, never ignored.

use serde_json::Value;

use super::Checks;
use crate::document::{Document, Secret};
use crate::fault;
use crate::normal;

/// Places by path; `[]` is each item of a list, and a last `=true` means that `false` is fine.
const LATER: &[&str] = &[
    "engine.allowEIO3=true",
    "upstreams[]",
    "namespaces[].auth",
    "namespaces[].unlisted.upstream",
    "namespaces[].disconnect",
    "namespaces[].limits.perUser",
    "namespaces[].history.read[].when",
    "namespaces[].presence",
    "namespaces[].events[].allow",
    "namespaces[].events[].when",
    "namespaces[].events[].once",
    "namespaces[].events[].upstream",
];

/// What every such place is told.
pub(super) const NOT_YET: &str = "not supported by this version";

/// Whether this field is refused, whatever it holds or one of its values.
pub(super) fn is_later(field: &str) -> bool {
    let places = LATER.iter().map(|place| place.trim_end_matches("=true"));
    places
        .map(|place| place.trim_end_matches("[]"))
        .any(|place| place == field)
}

pub(super) fn check(document: &Document, checks: &mut Checks) {
    let value = normal::effective(document);
    for place in LATER {
        let (path, only) = place
            .strip_suffix("=true")
            .map_or((*place, None), |path| (path, Some(true)));
        visit(&value, path, String::new(), &mut |path, found| {
            if only.is_none_or(|only| found.as_bool() == Some(only)) {
                checks.sentence(path, NOT_YET);
            }
        });
    }
    for (index, key) in document.api_keys.iter().enumerate() {
        let path = fault::key(&fault::item("apiKeys", index), "secret");
        mounted_only(&key.secret, &path, checks);
    }
}

/// A gateway reads no Kubernetes Secret itself.
fn mounted_only(secret: &Secret, path: &str, checks: &mut Checks) {
    if secret.secret_key_ref.is_some() {
        checks.sentence(
            fault::key(path, "secretKeyRef"),
            "a gateway reads secrets from { env } or { file } only; secretKeyRef belongs into a RealtimeCluster, whose operator mounts the Secret as a file",
        );
    }
}

fn visit(value: &Value, path: &str, place: String, found: &mut dyn FnMut(String, &Value)) {
    let Some((step, rest)) = path
        .split_once('.')
        .or(Some((path, "")))
        .filter(|_| !path.is_empty())
    else {
        return found(place, value);
    };
    let name = step.trim_end_matches("[]");
    let Some(child) = value.get(name) else { return };
    let place = fault::key(&place, name);
    match child {
        Value::Array(items) if step.ends_with("[]") => {
            for (index, item) in items.iter().enumerate() {
                visit(item, rest, fault::item(&place, index), found);
            }
        }
        child => visit(child, rest, place, found),
    }
}
