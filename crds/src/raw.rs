//! Reading raw JSON text without decoding it: arguments stay as they were sent.
//!
//! The text has been validated before; on anything else these functions find nothing, or
//! something useless, but they never panic and never recurse.

use std::borrow::Cow;

/// The value at `path` inside `text`, as raw text. Of a key that stands twice the last counts.
#[must_use]
pub fn lookup<'a>(text: &'a str, path: &[Box<str>]) -> Option<&'a str> {
    path.iter()
        .try_fold(text.trim_matches(SPACE), |value, key| child(value, key))
}

/// The text of a JSON string; nothing if it is none, or holds half of a surrogate pair.
#[must_use]
pub fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// `text` as a JSON string, appended to `out`.
pub fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// The attachment that a whole value stands for, if it is the placeholder of one.
#[must_use]
pub fn placeholder(raw: &str) -> Option<usize> {
    if !raw.starts_with('{') || child(raw, "_placeholder") != Some("true") {
        return None;
    }
    child(raw, "num")?.parse().ok()
}

/// Copies `raw` to `out`; each attachment it stands for is noted in `used`, and its
/// placeholder rewritten to the place there.
pub fn renumber(raw: &str, out: &mut String, used: &mut Vec<usize>) {
    let mut open: Vec<Open> = Vec::new();
    let mut scan = Scan { text: raw, at: 0 };
    while let Some(token) = scan.token() {
        let key = token.starts_with('"') && open.last().is_some_and(|frame| frame.key_next);
        match (token, open.last_mut()) {
            ("{" | "[", _) => {
                let object = token == "{";
                open.push(Open {
                    start: out.len(),
                    used: used.len(),
                    object,
                    key_next: object,
                    marked: false,
                    number: None,
                });
            }
            ("}" | "]", _) => {
                if let Some(frame) = open.pop()
                    && let (true, Some(number)) = (frame.marked, frame.number)
                {
                    out.truncate(frame.start);
                    used.truncate(frame.used);
                    out.push_str(&format!("{{\"_placeholder\":true,\"num\":{}}}", used.len()));
                    used.push(number);
                    continue;
                }
            }
            (",", Some(frame)) => frame.key_next = frame.object,
            (_, Some(frame)) if key => {
                frame.key_next = false;
                frame.note(token, scan.value_ahead());
            }
            _ => {}
        }
        out.push_str(token);
    }
}

/// An object or list that is being copied.
struct Open {
    start: usize,
    used: usize,
    object: bool,
    key_next: bool,
    marked: bool,
    number: Option<usize>,
}

impl Open {
    fn note(&mut self, key: &str, value: Option<&str>) {
        match unquote(key).as_deref() {
            Some("_placeholder") => self.marked = value == Some("true"),
            Some("num") => self.number = value.and_then(|value| value.parse().ok()),
            _ => {}
        }
    }
}

fn child<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut scan = Scan { text, at: 0 };
    match scan.token()? {
        "{" => scan.member(key),
        "[" => scan.element(index(key)?),
        _ => None,
    }
}

/// A place in a list: digits without a leading zero.
fn index(key: &str) -> Option<usize> {
    let plain = key == "0" || (!key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| key.parse().ok()).flatten()
}

/// Steps over JSON text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// A bracket, comma, colon, string or other scalar; space between tokens is left out.
    fn token(&mut self) -> Option<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let start = self.at + rest.iter().position(|b| !is_space(*b))?;
        let rest = &self.text.as_bytes()[start..];
        let length = match rest[0] {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest
                .iter()
                .position(|b| ends_scalar(*b))
                .unwrap_or(rest.len()),
        };
        self.at = start + length;
        self.text.get(start..self.at)
    }

    /// The whole value that follows.
    fn value(&mut self) -> Option<&'a str> {
        let first = self.token()?;
        let start = self.at - first.len();
        let mut depth = opens(first);
        while depth > 0 {
            let token = self.token()?;
            depth = depth + opens(token) - usize::from(matches!(token, "}" | "]"));
        }
        self.text.get(start..self.at)
    }

    /// The value after a key's colon, without stepping over it. Only scalars are of interest.
    fn value_ahead(&self) -> Option<&'a str> {
        let mut ahead = Scan {
            text: self.text,
            at: self.at,
        };
        (ahead.token()? == ":").then(|| ahead.token()).flatten()
    }

    fn member(&mut self, wanted: &str) -> Option<&'a str> {
        let mut found = None;
        loop {
            let key = self.token()?;
            if !key.starts_with('"') {
                return found;
            }
            self.token().filter(|colon| *colon == ":")?;
            let value = self.value()?;
            if unquote(key).is_some_and(|key| key == wanted) {
                found = Some(value);
            }
            if self.token()? != "," {
                return found;
            }
        }
    }

    fn element(&mut self, wanted: usize) -> Option<&'a str> {
        for _ in 0..wanted {
            self.value()?;
            self.token().filter(|comma| *comma == ",")?;
        }
        self.value().filter(|value| *value != "]")
    }
}

fn opens(token: &str) -> usize {
    usize::from(matches!(token, "{" | "["))
}

/// The length of the string that `rest` begins with, quotes included.
fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

fn ends_scalar(byte: u8) -> bool {
    is_space(byte) || b"{}[],:\"".contains(&byte)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, path, expected) in [
            (r#"{"a":{"b":1}}"#, "a.b", Some("1")),
            (r#" { "a" : [ 1 , {"b": "x"} ] } "#, "a.1.b", Some("\"x\"")),
            (r#"{"a":1,"a":2}"#, "a", Some("2")),
            (r#"{"\u0061":1}"#, "a", Some("1")),
            (r#"{"a":"}\"{"}"#, "a", Some(r#""}\"{""#)),
            ("[1,2]", "2", None),
            ("[1,2]", "01", None),
            ("[]", "0", None),
            ("{}", "a", None),
            ("7", "a", None),
            ("\"abc\"", "0", None),
            (r#"{"a":[{},[]],"b":null}"#, "b", Some("null")),
            (r#"{"a""#, "a", None),
            (r#"{"a":["#, "a", None),
            ("", "a", None),
        ] {
            let path: Vec<Box<str>> = path.split('.').map(Into::into).collect();
            assert_eq!(lookup(text, &path), expected, "{text}");
        }
    }

    #[test]
    fn placeholders_follow_the_attachments() {
        for (raw, expected, attachments) in [
            (
                r#"{"_placeholder":true,"num":3}"#,
                r#"{"_placeholder":true,"num":0}"#,
                vec![3],
            ),
            (
                r#"[{"num":1,"_\u0070laceholder":true},{"a":{"_placeholder":true,"num":0}}]"#,
                r#"[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]"#,
                vec![1, 0],
            ),
            (
                r#"{"_placeholder":false,"num":3}"#,
                r#"{"_placeholder":false,"num":3}"#,
                vec![],
            ),
            (
                r#"["_placeholder",true,"num",1]"#,
                r#"["_placeholder",true,"num",1]"#,
                vec![],
            ),
            (
                r#"{"_placeholder":true,"x":{"_placeholder":true,"num":7},"num":2}"#,
                r#"{"_placeholder":true,"num":0}"#,
                vec![2],
            ),
        ] {
            let (mut out, mut used) = (String::new(), Vec::new());
            renumber(raw, &mut out, &mut used);
            assert_eq!((out.as_str(), used), (expected, attachments), "{raw}");
        }
    }

    #[test]
    fn strings() {
        assert_eq!(unquote(r#""a\u00e9\n""#).as_deref(), Some("aé\n"));
        assert_eq!(unquote(r#""\ud800""#), None);
        assert_eq!(unquote("1"), None);
        let mut out = String::new();
        quote("a\"b\u{1}", &mut out);
        assert_eq!(out, r#""a\"b\u0001""#);
    }
}
