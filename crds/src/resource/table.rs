//! The fields of the resource as tables for the docs.

use super::rules::PARTS;
use super::schema;
use crate::table::{Field, HEAD, each};

/// The fields of the spec, those of the rules document aside, which has its own page.
#[must_use]
pub fn spec() -> String {
    let mut rows = HEAD.to_owned();
    let root = schema::root();
    each(root, &root["properties"]["spec"], &mut |field| {
        rows += &field.row("", &field.meaning());
        !(PARTS.contains(&field.path) || is_elsewhere(field))
    });
    rows
}

/// The fields of the status.
#[must_use]
pub fn status() -> String {
    let mut rows = String::from("| field | kind | meaning |\n|---|---|---|\n");
    let root = schema::root();
    each(root, &root["properties"]["status"], &mut |field| {
        let (path, kind, meaning) = (field.path, field.kind(), field.meaning());
        rows += &format!("| `{path}` | {kind} | {meaning} |\n");
        !is_elsewhere(field)
    });
    rows
}

/// Whether Kubernetes itself describes what is below.
fn is_elsewhere(field: &Field<'_>) -> bool {
    let name = field.path.rsplit('.').next().unwrap_or_default();
    field.path.starts_with("networkPolicy.") || ["conditions", "secretKeyRef"].contains(&name)
}
