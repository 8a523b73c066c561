//! From a body to a document, or to the place of its fault.

use serde::Deserialize;
use serde_path_to_error::{Path, Segment};

use crate::api::problem::{Code, Problem};

/// Reads one JSON document.
pub(in crate::api) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        fault(pointer, error.inner())
    })?;
    deserializer.end().map_err(|error| unreadable(&error))?;
    Ok(document)
}

/// A body as text.
pub(in crate::api) fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body)
        .map_err(|error| Problem::new(Code::Invalid, format!("the body is not UTF-8: {error}")))
}

fn fault(pointer: String, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return unreadable(error);
    }
    let message = error.to_string();
    // Places count lines and columns of a text that the caller has seldom seen as such; the pointer says it better.
    let message = message.split(" at line ").next().unwrap_or(&message);
    match Unknown::read(message) {
        Some(unknown) => unknown.problem(&pointer),
        None => Problem::at(pointer, message),
    }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::new(Code::Invalid, format!("the body is not JSON: {error}"))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => push_key(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// A field that no document of the kind has, read from serde's sentence about it.
struct Unknown<'a> {
    field: &'a str,
    known: Vec<&'a str>,
}

impl<'a> Unknown<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let rest = message.strip_prefix("unknown field `")?;
        let (field, expected) = rest.rsplit_once("`, expected ")?;
        // A field may hold anything; the names behind it, which are ours, hold no backtick.
        let known = expected.split('`').skip(1).step_by(2).collect();
        Some(Self { field, known })
    }

    fn problem(&self, parent: &str) -> Problem {
        let mut pointer = parent.to_owned();
        let ends_with_field = {
            let mut tail = String::new();
            push_key(&mut tail, self.field);
            parent.ends_with(&tail)
        };
        if !ends_with_field {
            push_key(&mut pointer, self.field);
        }
        let detail = match nearest(self.field, &self.known) {
            Some(known) => format!("unknown field: the nearest known one is `{known}`"),
            None => "unknown field".to_owned(),
        };
        Problem::at(pointer, detail)
    }
}

/// The known word that needs the fewest edits.
pub(in crate::api) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: String = word.chars().take(64).collect();
    known
        .iter()
        .copied()
        .min_by_key(|known| edits(&word, known))
}

/// Levenshtein's distance, without regard to case, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::{Disconnect, Emit};

    fn check(body: &str, pointer: &str, detail: &str) {
        let problem = parse::<Emit<'_>>(body).unwrap_err();
        let fault = &problem.errors[0];
        assert_eq!(
            (&*fault.pointer, &*fault.detail),
            (pointer, detail),
            "{body}"
        );
    }

    #[test]
    fn faults_name_their_place() {
        check(r#"{"namespace":"/"}"#, "", "missing field `event`");
        let rooms = "invalid type: integer `1`, expected a string";
        check(
            r#"{"namespace":"/","event":"a","rooms":["a",1]}"#,
            "/rooms/1",
            rooms,
        );
        let near = "unknown field: the nearest known one is `namespace`";
        check(r#"{"nameSpaces":"/","event":"a"}"#, "/nameSpaces", near);
        let near = "unknown field: the nearest known one is `timeout`";
        check(
            r#"{"namespace":"/","event":"a","ack":{"timout":"1s"}}"#,
            "/ack/timout",
            near,
        );
        let twice = "duplicate field `event`";
        check(r#"{"namespace":"/","event":"a","event":"b"}"#, "", twice);
    }

    #[test]
    fn arguments_keep_their_bytes() {
        let emit: Emit<'_> =
            parse(r#"{"namespace":"/","event":"\u0061","args":[ 1e2 ,{"a" :1,"a":2}]}"#).unwrap();
        assert_eq!(emit.event.get(), r#""\u0061""#);
        let args: Vec<_> = emit.args.iter().map(|arg| arg.get()).collect();
        assert_eq!(args, ["1e2", r#"{"a" :1,"a":2}"#]);
    }

    #[test]
    fn what_is_no_json_is_said() {
        for body in ["", "{", "{} {}", "[1,]", "{\"namespace\":\"\u{1}\"}"] {
            let problem = parse::<Disconnect>(body).unwrap_err();
            assert_eq!(problem.code, Code::Invalid, "{body}");
            assert!(problem.errors.len() <= 1, "{body}");
        }
    }
}
