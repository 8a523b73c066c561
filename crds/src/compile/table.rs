//! The fields of a document as tables for the docs.

use super::later::{NOT_YET, is_later};
use crate::parse::schema;
use crate::table::{HEAD, each};

/// Lists that have a table of their own.
const PARTS: [&str; 2] = ["namespaces", "namespaces[].events"];

/// The top level.
#[must_use]
pub fn top() -> String {
    rows("")
}

/// An item of `namespaces`.
#[must_use]
pub fn namespace() -> String {
    rows("namespaces[].")
}

/// An item of a namespace's `events`.
#[must_use]
pub fn event() -> String {
    rows("namespaces[].events[].")
}

/// What is below this place, parts that have a table of their own aside.
fn rows(place: &str) -> String {
    let mut rows = HEAD.to_owned();
    each(schema::document(), schema::document(), &mut |field| {
        let is_here = field.path.starts_with(place);
        let is_later = is_later(field.path);
        if is_here && is_later {
            rows += &field.row(place, &format!("{} *{NOT_YET}*", field.meaning()));
        } else if is_here {
            rows += &field.row(place, &field.meaning());
        }
        !is_later && (!PARTS.contains(&field.path) || place.len() > field.path.len())
    });
    rows
}
