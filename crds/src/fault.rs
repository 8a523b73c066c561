//! What is wrong with a document: every fault at once, each with its place.

use std::fmt;

use serde_json::Value;

/// One thing that is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The place, such as `namespaces[2].events[0].join[0]`; empty for the whole document.
    pub path: String,
    /// The value found there as JSON, shortened; absent where there is none to show.
    pub value: Option<String>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// All faults of a document: first those of its form, then those of its meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// No faults yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A single fault that concerns the whole document.
    #[must_use]
    pub fn document(message: impl Into<String>) -> Self {
        let mut faults = Self::new();
        faults.add("", message);
        faults
    }

    /// Notes a fault without a value.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(Fault {
            path: path.into(),
            value: None,
            message: message.into(),
        });
    }

    /// Notes a fault and shows the value.
    pub fn add_value(
        &mut self,
        path: impl Into<String>,
        value: &Value,
        message: impl Into<String>,
    ) {
        self.push(Fault {
            path: path.into(),
            value: Some(shown(value)),
            message: message.into(),
        });
    }

    /// Notes a fault; beyond [`MOST`] only the fact that there are more is kept.
    pub fn push(&mut self, fault: Fault) {
        if self.0.len() < MOST {
            self.0.push(fault);
        } else if self.0.len() == MOST {
            self.0.push(Fault {
                path: String::new(),
                value: None,
                message: format!("more than {MOST} faults: the rest is not listed"),
            });
        }
    }

    /// Notes a fault unless a coarser check already found one at the same place, above or below.
    pub(crate) fn push_unless_known(&mut self, fault: Fault, known: usize) {
        let covered =
            |old: &Fault| within(&fault.path, &old.path) || within(&old.path, &fault.path);
        if !self.0[..known.min(self.0.len())].iter().any(covered) {
            self.push(fault);
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many faults there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each fault in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// `value` if nothing is wrong.
    ///
    /// # Errors
    /// These faults, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "(document)"
        } else {
            &self.path
        };
        match &self.value {
            Some(value) => write!(f, "{path}: {value}: {}", self.message),
            None => write!(f, "{path}: {}", self.message),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// `path` extended by a key of an object.
#[must_use]
pub fn key(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-$".contains(&b));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{}]", shown(&Value::from(key))),
    }
}

/// `path` extended by a place in a list.
#[must_use]
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Whether `inner` is `outer` or a place inside it.
pub(crate) fn within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A value as JSON, short enough for a line.
fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > SHOWN {
        text.truncate(text.floor_char_boundary(SHOWN));
        text.push('…');
    }
    text
}

/// More faults than this are not listed: a hostile document must not make a long answer.
pub const MOST: usize = 1_000;
const SHOWN: usize = 80;
