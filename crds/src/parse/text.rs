//! The edge: YAML or JSON text to a JSON value. The only place that knows the YAML crate.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{MAX_CANONICAL_BYTES, MAX_TEXT_BYTES};
use crate::fault::{self, Faults};

/// Reads one document; what can be told by place (a key that stands twice) comes as faults.
///
/// # Errors
/// If the text is no document, or too large.
pub fn read(input: &str) -> Result<(Value, Faults), Faults> {
    readable(input)?;
    let most = MAX_CANONICAL_BYTES;
    match as_json(input, most) {
        Some(Ok(read)) => Ok(read),
        Some(Err(_)) | None => read_yaml(serde_yaml::Deserializer::from_str(input), most),
    }
}

/// Reads a file of Kubernetes objects: documents of YAML between `---`, or one of JSON. Empty
/// documents are left out; the number of each counts them.
///
/// # Errors
/// If the text is too large or nested too deeply.
pub fn objects(input: &str) -> Result<Vec<(usize, Result<(Value, Faults), Faults>)>, Faults> {
    readable(input)?;
    if let Some(Ok(read)) = as_json(input, MAX_TEXT_BYTES) {
        return Ok(vec![(1, Ok(read))]);
    }
    let mut found = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(input).enumerate() {
        let read = read_yaml(document, MAX_TEXT_BYTES);
        let empty = read.as_ref().is_err_and(|faults| *faults == nothing());
        let broken = read.is_err() && !empty;
        if !empty {
            found.push((index + 1, read));
        }
        // What follows a broken document is guesswork.
        if broken {
            break;
        }
    }
    Ok(found)
}

fn readable(input: &str) -> Result<(), Faults> {
    if input.len() > MAX_TEXT_BYTES {
        return Err(too_large());
    }
    if nests_too_deeply(input) {
        return Err(Faults::document("nested too deeply"));
    }
    Ok(())
}

fn as_json(input: &str, most: usize) -> Option<Result<(Value, Faults), Faults>> {
    let json = input.trim_start().starts_with('{');
    json.then(|| read_json(input, most))
}

fn nothing() -> Faults {
    Faults::document("the document is empty")
}

/// Writes a value as YAML.
#[must_use]
pub fn write_yaml(value: &Value) -> String {
    serde_yaml::to_string(value).expect("a JSON value has a YAML form")
}

/// The answer to what is too large to be a document.
pub(super) fn too_large() -> Faults {
    Faults::document(format!(
        "too large: a document is at most {} KiB of canonical JSON (and {} KiB of text)",
        MAX_CANONICAL_BYTES / 1024,
        MAX_TEXT_BYTES / 1024
    ))
}

/// The YAML scanner takes time by the square of the depth, so it must not see what is deep. What
/// looks like a bracket in a text or comment is counted too; no real document has so many.
fn nests_too_deeply(input: &str) -> bool {
    let mut depth = 0_usize;
    let brackets = input.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    });
    let dashes = |line: &str| {
        let marks = line.bytes().filter(|byte| !byte.is_ascii_whitespace());
        marks
            .take_while(|byte| matches!(byte, b'-' | b'?' | b':'))
            .count()
    };
    brackets || input.lines().any(|line| dashes(line) > DEEPEST)
}

fn read_json(input: &str, most: usize) -> Result<(Value, Faults), Faults> {
    let notes = Notes::new(most);
    let mut deserializer = serde_json::Deserializer::from_str(input);
    let read = notes.root().deserialize(&mut deserializer);
    let ended = read.and_then(|value| deserializer.end().map(|()| value));
    notes.finish(ended.map_err(|error| error.to_string()))
}

fn read_yaml(input: serde_yaml::Deserializer<'_>, most: usize) -> Result<(Value, Faults), Faults> {
    let notes = Notes::new(most);
    let read = notes.root().deserialize(input);
    notes.finish(read.map_err(|error| error.to_string()))
}

/// What the reading of a whole text has in common.
struct Notes {
    /// So many bytes are allowed.
    most: usize,
    faults: RefCell<Faults>,
    /// At least the bytes of canonical JSON seen so far: aliases may multiply a small text.
    bytes: Cell<usize>,
}

impl Notes {
    fn new(most: usize) -> Self {
        Self {
            most,
            faults: RefCell::default(),
            bytes: Cell::default(),
        }
    }

    fn root(&self) -> Place<'_> {
        Place {
            notes: self,
            path: String::new(),
        }
    }

    fn spend<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.bytes.set(self.bytes.get().saturating_add(bytes + 1));
        if self.bytes.get() > self.most + 1 {
            return Err(E::custom("the document is too large"));
        }
        Ok(())
    }

    fn finish(self, read: Result<Value, String>) -> Result<(Value, Faults), Faults> {
        if self.bytes.get() > self.most + 1 {
            return Err(too_large());
        }
        match read {
            Ok(Value::Null) => Err(nothing()),
            Ok(value) => Ok((value, self.faults.into_inner())),
            Err(error) => Err(Faults::document(format!("neither YAML nor JSON: {error}"))),
        }
    }
}

/// Reads the value at one place.
struct Place<'a> {
    notes: &'a Notes,
    path: String,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can represent")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.notes.spend(4).map(|()| value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.notes.spend(1).map(|()| value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.notes.spend(1).map(|()| value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.notes.spend(1)?;
        if !value.is_finite() {
            let message = "not a number of JSON";
            self.notes.faults.borrow_mut().add(self.path, message);
        }
        Ok(Value::from(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.notes.spend(value.len() + 2).map(|()| value.into())
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.notes.spend(4).map(|()| Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.notes.spend(1)?;
        let mut list = Vec::new();
        loop {
            let path = fault::item(&self.path, list.len());
            match items.next_element_seed(Place {
                notes: self.notes,
                path,
            })? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.notes.spend(1)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.notes.spend(key.len() + 3)?;
            let path = fault::key(&self.path, &key);
            let value = entries.next_value_seed(Place {
                notes: self.notes,
                path: path.clone(),
            })?;
            if map.contains_key(&key) {
                self.notes
                    .faults
                    .borrow_mut()
                    .add(path, "the key stands twice");
            } else {
                map.insert(key, value);
            }
        }
        Ok(Value::Object(map))
    }
}

const DEEPEST: usize = 512;
