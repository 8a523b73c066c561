//! Where a text stands for attachments: objects `{"_placeholder":true,"num":n}`.

use smallvec::SmallVec;

use super::scan::{Scan, Span};
use super::text::{is_escaped, is_placeholder_key};

/// An object that a receiver replaces by an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// The object, braces included.
    pub span: Span,
    /// Which attachment; `None` if its number is missing or no integer from 0.
    pub num: Option<u32>,
}

/// All placeholders of a checked text, in the order of the text. One inside another is not reported:
/// receivers replace the outer one without a look inside.
///
/// As in `JSON.parse`, the last of equal keys counts. The text may also be several values with commas
/// between them.
pub fn placeholders(text: &str) -> Vec<Placeholder> {
    let mut walk = Walk::default();
    let Ok(mut scan) = Scan::new(text) else {
        return Vec::new();
    };
    while let Some(byte) = scan.peek() {
        let start = scan.at;
        scan.at += 1;
        match byte {
            b'{' => walk.open(Level::object(start)),
            b'[' => walk.open(Level::default()),
            b'}' | b']' => walk.close(scan.at),
            b':' => walk.expects_key = false,
            b',' => walk.expects_key = walk.in_object(),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                scan.at = start;
                if scan.value(0).is_err() {
                    return Vec::new();
                }
                walk.token(&text.as_bytes()[start..scan.at]);
            }
        }
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    levels: SmallVec<[Level; 8]>,
    expects_key: bool,
    found: Vec<Placeholder>,
}

#[derive(Clone, Copy, Default)]
struct Level {
    /// Where the object began; `None` in an array.
    object: Option<usize>,
    key: Key,
    marked: bool,
    num: Option<u32>,
}

#[derive(Clone, Copy, Default)]
enum Key {
    Mark,
    Num,
    #[default]
    Other,
}

impl Level {
    fn object(start: usize) -> Self {
        Self {
            object: Some(start),
            ..Self::default()
        }
    }
}

impl Walk {
    fn in_object(&self) -> bool {
        self.levels
            .last()
            .is_some_and(|level| level.object.is_some())
    }

    fn open(&mut self, level: Level) {
        self.assign(b"");
        self.levels.push(level);
        self.expects_key = self.in_object();
    }

    fn close(&mut self, end: usize) {
        self.expects_key = false;
        let Some(Level {
            object: Some(start),
            marked: true,
            num,
            ..
        }) = self.levels.pop()
        else {
            return;
        };
        while self
            .found
            .last()
            .is_some_and(|inner| inner.span.start as usize > start)
        {
            self.found.pop();
        }
        self.found.push(Placeholder {
            span: Span::new(start, end),
            num,
        });
    }

    fn token(&mut self, token: &[u8]) {
        match token {
            [b'"', inner @ .., b'"'] if self.expects_key => self.key(inner),
            _ => self.assign(token),
        }
    }

    fn key(&mut self, inner: &[u8]) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        level.key = match inner {
            _ if is_placeholder_key(inner) => Key::Mark,
            _ if is_escaped(inner, b"num") => Key::Num,
            _ => Key::Other,
        };
    }

    fn assign(&mut self, token: &[u8]) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match level.key {
            Key::Mark => level.marked = token == b"true",
            Key::Num => level.num = integer(token),
            Key::Other => {}
        }
    }
}

/// The integer that a number token stands for (`1.0` and `1e0` are 1), if it is one from 0.
fn integer(token: &[u8]) -> Option<u32> {
    let number: f64 = std::str::from_utf8(token).ok()?.parse().ok()?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, Option<u32>)]) {
        let found = placeholders(text);
        let found: Vec<_> = found
            .iter()
            .map(|it| (&text[it.span.range()], it.num))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn finds_them_in_any_nesting() {
        check(
            r#"[1,{"_placeholder":true,"num":0}]"#,
            &[(r#"{"_placeholder":true,"num":0}"#, Some(0))],
        );
        check(
            r#""a",[{"x" : { "num":1 , "_placeholder" : true } }],{"_\u0070laceholder":true,"n\u0075m":2}"#,
            &[
                (r#"{ "num":1 , "_placeholder" : true }"#, Some(1)),
                (r#"{"_\u0070laceholder":true,"n\u0075m":2}"#, Some(2)),
            ],
        );
    }

    #[test]
    fn only_true_marks_one_and_the_last_key_counts() {
        check(
            r#"[{"_placeholder":false,"num":0},{"_placeholder":1},{"_placeholder":"true"}]"#,
            &[],
        );
        check(
            r#"[{"_placeholder":{}},{"_placeholder":true,"_placeholder":[true]}]"#,
            &[],
        );
        check(
            r#"[{"_placeholder":true,"_placeholder":false,"num":0}]"#,
            &[],
        );
        check(
            r#"["_placeholder",true,{"a":"_placeholder","b":true}]"#,
            &[],
        );
        let text = r#"{"_placeholder":true,"num":0,"num":4}"#;
        check(text, &[(text, Some(4))]);
    }

    #[test]
    fn numbers() {
        for (num, expected) in [
            ("0", Some(0)),
            ("1.0", Some(1)),
            ("-0", Some(0)),
            ("-1", None),
            ("0.5", None),
            ("1e999", None),
            ("\"splice\"", None),
            ("[1]", None),
            ("null", None),
        ] {
            let text = format!(r#"{{"_placeholder":true,"num":{num}}}"#);
            check(&text, &[(&text, expected)]);
        }
        check(
            r#"{"_placeholder":true}"#,
            &[(r#"{"_placeholder":true}"#, None)],
        );
    }

    #[test]
    fn the_outer_of_two_hides_the_inner() {
        let text = r#"{"_placeholder":true,"num":0,"x":[{"_placeholder":true,"num":9}]}"#;
        check(text, &[(text, Some(0))]);
        let text = r#"[{"x":{"_placeholder":true,"num":9}},0]"#;
        check(text, &[(r#"{"_placeholder":true,"num":9}"#, Some(9))]);
    }
}
