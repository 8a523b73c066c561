//! The declared arguments of an event.

use std::fmt;
use std::sync::Arc;

use jsonschema::{ValidationError, Validator};
use serde::Deserialize;
use serde_json::Value;

use super::Checks;
use super::schemas::Schemas;
use crate::fault;
use crate::raw;
use crate::units::Size;

/// The declared arguments of an event.
#[derive(Debug)]
pub struct Arguments {
    list: Vec<Argument>,
    /// Whether more may follow.
    rest: bool,
}

/// A declared argument.
pub enum Argument {
    /// A JSON value of one type, which its first character tells.
    Kind(Kind),
    /// A JSON value that a schema describes.
    Schema(Arc<Validator>),
    /// A binary attachment.
    Binary {
        /// At most so many bytes.
        max_bytes: usize,
    },
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// A list.
    Array,
    /// `null`.
    Null,
}

impl Arguments {
    /// Exactly these.
    #[must_use]
    pub const fn new(list: Vec<Argument>, rest: bool) -> Self {
        Self { list, rest }
    }

    /// How many there are at least.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether none is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Checks `count` arguments, which are raw JSON text; `attachments` holds the size of each
    /// one that they stand for.
    ///
    /// # Errors
    /// What is wrong, with a JSON pointer for each fault. No value is repeated there.
    pub fn check<'a>(
        &self,
        count: usize,
        args: impl Fn(usize) -> Option<&'a str>,
        attachments: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<(), String> {
        let declared = self.list.len();
        if count < declared || (count > declared && !self.rest) {
            let least = if self.rest { "at least " } else { "" };
            return Err(format!("expected {least}{declared} arguments, got {count}"));
        }
        let mut faults = Vec::new();
        for (index, argument) in self.list.iter().enumerate() {
            let raw = args(index).unwrap_or_default();
            argument.check(index, raw, attachments, &mut faults);
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("; "))
        }
    }

    pub(super) fn compile(
        list: &[Value],
        rest: bool,
        path: &str,
        schemas: &mut Schemas<'_>,
        checks: &mut Checks,
    ) -> Self {
        let places = list.iter().enumerate();
        let list = places
            .map(|(index, value)| {
                let path = fault::item(path, index);
                match value.get("binary") {
                    Some(_) => Argument::binary(value, &path, checks),
                    None => Argument::schema(value, &path, schemas, checks),
                }
            })
            .collect();
        Self { list, rest }
    }
}

impl Argument {
    fn check(
        &self,
        index: usize,
        raw: &str,
        attachments: &dyn Fn(usize) -> Option<usize>,
        faults: &mut Vec<String>,
    ) {
        // Only a call with attachments can have placeholders of them: spare the others the scan.
        let attachment = attachments(0)
            .and_then(|_| raw::placeholder(raw))
            .and_then(attachments);
        match (self, attachment) {
            (Self::Binary { max_bytes }, Some(size)) if size <= *max_bytes => {}
            (Self::Binary { max_bytes }, Some(size)) => {
                faults.push(format!(
                    "/{index}: {size} bytes, at most {max_bytes} are allowed"
                ));
            }
            (Self::Binary { .. }, None) => faults.push(format!("/{index}: expected binary data")),
            (Self::Kind(Kind::Any), _) => {}
            (_, Some(_)) => faults.push(format!("/{index}: binary data where none is declared")),
            (Self::Kind(kind), None) if kind.is_of(raw) => {}
            (Self::Kind(kind), None) => faults.push(format!("/{index}: expected {kind}")),
            (Self::Schema(validator), None) => check_schema(index, raw, validator, faults),
        }
    }

    fn schema(value: &Value, path: &str, schemas: &mut Schemas<'_>, checks: &mut Checks) -> Self {
        let validator = schemas.validator(value, path, checks);
        match (Kind::of_schema(value), validator) {
            (Some(kind), _) => Self::Kind(kind),
            (None, Some(validator)) => Self::Schema(validator),
            (None, None) => Self::Kind(Kind::Any),
        }
    }

    fn binary(value: &Value, path: &str, checks: &mut Checks) -> Self {
        let known = |key: &String| key == "binary" || key == "maxBytes";
        let keys = value
            .as_object()
            .is_some_and(|entries| entries.keys().all(known));
        if !keys || value.get("binary") != Some(&Value::Bool(true)) {
            checks.fault(
                path,
                value,
                "expected { binary: true } or { binary: true, maxBytes: <size> }",
            );
        }
        let max_bytes = match value
            .get("maxBytes")
            .map(|size| Size::deserialize(size).ok())
        {
            None => usize::MAX,
            Some(Some(size)) => usize::try_from(size.bytes()).unwrap_or(usize::MAX),
            Some(None) => {
                let path = fault::key(path, "maxBytes");
                checks.fault(
                    path,
                    value.get("maxBytes"),
                    "expected a size: a number of bytes, or one number and one unit (64KiB, 1MB)",
                );
                usize::MAX
            }
        };
        Self::Binary { max_bytes }
    }
}

fn check_schema(index: usize, raw: &str, validator: &Validator, faults: &mut Vec<String>) {
    let Some(value) = parse(raw) else {
        faults.push(format!("/{index}: a value that cannot be represented (a number out of range, or half a surrogate pair)"));
        return;
    };
    if validator.is_valid(&value) {
        return;
    }
    let room = MOST_FAULTS.saturating_sub(faults.len());
    let told = |error: ValidationError<'_>| {
        format!("/{index}{}: {}", error.instance_path(), error.masked())
    };
    if raw.len() <= EVERY_FAULT_BYTES {
        faults.extend(validator.iter_errors(&value).take(room).map(told));
    } else {
        faults.extend(validator.validate(&value).err().map(told));
    }
}

/// The depth of what clients send is bounded where packets are decoded, not here.
fn parse(raw: &str) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).ok()?;
    deserializer.end().ok().map(|()| value)
}

impl Kind {
    /// The type, if a schema asks for nothing else.
    fn of_schema(schema: &Value) -> Option<Self> {
        match schema {
            Value::Bool(true) => Some(Self::Any),
            Value::Object(keywords) if keywords.is_empty() => Some(Self::Any),
            Value::Object(keywords) if keywords.len() == 1 => {
                match keywords.get("type")?.as_str()? {
                    "string" => Some(Self::String),
                    "number" => Some(Self::Number),
                    "boolean" => Some(Self::Boolean),
                    "object" => Some(Self::Object),
                    "array" => Some(Self::Array),
                    "null" => Some(Self::Null),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn is_of(self, raw: &str) -> bool {
        let first = raw.as_bytes().first().copied().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::String => first == b'"',
            Self::Number => first == b'-' || first.is_ascii_digit(),
            Self::Boolean => first == b't' || first == b'f',
            Self::Object => first == b'{',
            Self::Array => first == b'[',
            Self::Null => first == b'n',
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "a value",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Null => "null",
        })
    }
}

impl fmt::Debug for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "Kind({kind:?})"),
            Self::Schema(_) => f.write_str("Schema"),
            Self::Binary { max_bytes } => write!(f, "Binary({max_bytes})"),
        }
    }
}

/// A refusal names at most so many faults.
const MOST_FAULTS: usize = 8;
/// All faults are gathered before the first is told, and a large value may have very many.
const EVERY_FAULT_BYTES: usize = 16 * 1024;
