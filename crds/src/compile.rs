//! From a document to the rule book: every check of meaning, and all that can be prepared.

use serde::Serialize;
use serde_json::Value;

use crate::document::Document;
use crate::fault::{Fault, Faults};
use crate::parse::{self, Parsed};

pub use arguments::{Argument, Arguments};
pub use origins::Origins;
pub use rulebook::{
    Ack, ApiKey, Emit, Event, EventName, History, Kept, Namespace, Payload, Publish, Rulebook,
    Scope,
};

mod arguments;
mod development;
mod event;
mod later;
mod namespace;
mod origins;
mod rulebook;
mod schemas;
pub mod table;
mod templates;
mod top;

/// Reads a document, checks everything about it, and compiles it.
///
/// # Errors
/// Every fault of form and meaning at once.
pub fn load(input: &str) -> Result<Rulebook, Faults> {
    let Parsed { document, faults } = parse::lenient(input)?;
    finish(document, faults)
}

/// Checks and compiles a document that has been read already.
///
/// # Errors
/// Every fault of its meaning at once.
pub fn compile(document: Document) -> Result<Rulebook, Faults> {
    finish(document, Faults::new())
}

/// Checks and compiles a document whose form has these faults.
///
/// # Errors
/// Every fault of form and meaning at once.
pub fn checked(document: Document, form: Faults) -> Result<Rulebook, Faults> {
    finish(document, form)
}

/// The rule book of development mode: no document, every namespace, everybody may join and
/// publish, local origins only.
#[must_use]
pub fn development() -> Rulebook {
    development::rulebook()
}

fn finish(document: Document, faults: Faults) -> Result<Rulebook, Faults> {
    let mut checks = Checks {
        known: faults.len(),
        faults,
    };
    later::check(&document, &mut checks);
    let rulebook = top::compile(document, &mut checks);
    checks.faults.or(rulebook)
}

/// The faults of meaning that have been found so far.
struct Checks {
    faults: Faults,
    /// So many of them were found by the check of form: what they cover is not told twice.
    known: usize,
}

impl Checks {
    fn fault(
        &mut self,
        path: impl Into<String>,
        value: impl Serialize,
        message: impl Into<String>,
    ) {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        let mut shown = Faults::new();
        shown.add_value(path, &value, message);
        shown
            .into_iter()
            .for_each(|fault| self.faults.push_unless_known(fault, self.known));
    }

    fn sentence(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let fault = Fault {
            path: path.into(),
            value: None,
            message: message.into(),
        };
        self.faults.push_unless_known(fault, self.known);
    }

    /// Every name after the first that is the same is a fault.
    fn unique<'a>(&mut self, what: &str, names: impl Iterator<Item = (String, &'a str)>) {
        let mut seen = std::collections::HashSet::new();
        for (path, name) in names {
            if !seen.insert(name) {
                self.fault(path, name, format!("{what} stands twice"));
            }
        }
    }
}
