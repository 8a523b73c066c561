//! From the text of a document to its types, with every fault at once.
//!
//! The schema that is generated from the types is the table that the walk reads, so that
//! the editor's schema and the parser cannot differ.

use serde_json::Value;

use crate::document::Document;
use crate::fault::Faults;

pub mod schema;
pub mod text;

mod nearest;
pub(crate) mod walk;

#[cfg(feature = "compile")]
pub use nearest::nearest;

/// A document whose form has been checked.
#[derive(Debug)]
pub struct Parsed {
    /// The document; a faulty place holds a stand-in, so that checks of the rest can go on.
    pub document: Document,
    /// What is wrong with its form.
    pub faults: Faults,
}

/// Reads a document as far as its form allows.
///
/// # Errors
/// If the text cannot be read as YAML or JSON at all, or is too large.
pub fn lenient(input: &str) -> Result<Parsed, Faults> {
    let (value, faults) = text::read(input)?;
    checked(value, faults)
}

/// Reads a document that has been read as JSON already, as far as its form allows.
///
/// # Errors
/// If it is too large.
pub fn value(value: Value) -> Result<Parsed, Faults> {
    checked(value, Faults::new())
}

fn checked(value: Value, mut faults: Faults) -> Result<Parsed, Faults> {
    if value.to_string().len() > MAX_CANONICAL_BYTES {
        return Err(text::too_large());
    }
    let repaired = walk::walk(schema::document(), value, &mut faults);
    match serde_json::from_value(repaired) {
        Ok(document) => Ok(Parsed { document, faults }),
        Err(error) if faults.is_empty() => Err(Faults::document(error.to_string())),
        Err(_) => Err(faults),
    }
}

/// Reads a document and checks its form; `compile::load` checks its meaning too.
///
/// # Errors
/// Every fault of the document's form.
pub fn document(input: &str) -> Result<Document, Faults> {
    let Parsed { document, faults } = lenient(input)?;
    faults.or(document)
}

/// A document is at most so many bytes of canonical JSON.
pub const MAX_CANONICAL_BYTES: usize = 256 * 1024;
/// Its text, with comments and indentation, is at most so many bytes.
pub const MAX_TEXT_BYTES: usize = 1024 * 1024;
