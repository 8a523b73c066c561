//! Cutting a JSON text into its members and elements without a look into them.
//!
//! The scanner of [`json`](crate::socket::json) counts the depth of a whole text. What a peer wraps around a value would
//! count too, so an envelope is cut here, loosely, and each part that is used is scanned by itself.

use super::WireError;

/// Calls with the key, quotes included, and the value of each member of an object.
pub(super) fn members<'a>(
    text: &'a str,
    mut each: impl FnMut(&'a str, &'a str),
) -> Result<(), WireError> {
    let mut cut = Cut { text, at: 0 };
    cut.expect(b'{')?;
    if !cut.closes(b'}') {
        loop {
            let key = cut.value()?;
            cut.expect(b':')?;
            let value = cut.value()?;
            each(key, value);
            if cut.closes(b'}') {
                break;
            }
            cut.expect(b',')?;
        }
    }
    cut.end()
}

/// Calls with each element of an array.
pub(super) fn elements<'a>(text: &'a str, mut each: impl FnMut(&'a str)) -> Result<(), WireError> {
    let mut cut = Cut { text, at: 0 };
    cut.expect(b'[')?;
    if !cut.closes(b']') {
        loop {
            each(cut.value()?);
            if cut.closes(b']') {
                break;
            }
            cut.expect(b',')?;
        }
    }
    cut.end()
}

/// The first element of an array, if it has one.
pub(super) fn first(text: &str) -> Option<&str> {
    let mut cut = Cut { text, at: 0 };
    cut.expect(b'[').ok()?;
    cut.value().ok()
}

/// One past the quote that ends the string which begins at `start`.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let rest = bytes.get(at..)?;
        let found = memchr::memchr2(b'"', b'\\', rest)?;
        at += found + 1;
        match rest[found] {
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
}

/// One past the word or number that begins at `start`.
pub(super) fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let len = rest.iter().position(|byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"'
        )
    });
    start + len.unwrap_or(rest.len())
}

struct Cut<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cut<'a> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn closes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), WireError> {
        if self.closes(byte) {
            Ok(())
        } else {
            Err(WireError::Malformed)
        }
    }

    fn end(&mut self) -> Result<(), WireError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(WireError::Malformed),
        }
    }

    fn value(&mut self) -> Result<&'a str, WireError> {
        let first = self.peek();
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let end = match first {
            Some(b'"') => string_end(bytes, start),
            Some(b'{' | b'[') => nested_end(bytes, start),
            _ => Some(scalar_end(bytes, start)).filter(|end| *end > start),
        };
        self.at = end.ok_or(WireError::Malformed)?;
        self.text.get(start..self.at).ok_or(WireError::Malformed)
    }
}

fn nested_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_arrays_come_apart() {
        let mut seen = Vec::new();
        let text = r#" { "a" : [1,{"x":"]}"}] ,"b\"":-1.5e3 , "c":"\\" } "#;
        members(text, |key, value| seen.push((key, value))).expect("an object");
        assert_eq!(
            seen,
            [
                ("\"a\"", r#"[1,{"x":"]}"}]"#),
                ("\"b\\\"\"", "-1.5e3"),
                ("\"c\"", "\"\\\\\""),
            ]
        );
        let mut seen = Vec::new();
        elements(r#"[ "é" ,[],null]"#, |value| seen.push(value)).expect("an array");
        assert_eq!(seen, ["\"é\"", "[]", "null"]);
        assert_eq!(
            (first("[ 1,2]"), first("[]"), first("1")),
            (Some("1"), None, None)
        );
        assert_eq!(
            (members("{ }", |_, _| ()), elements("[ ]", |_| ())),
            (Ok(()), Ok(()))
        );
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{}x",
            "[]",
            "{\"a\":\"\\",
            "{\"a\":[}",
            "{:}",
            "{,}",
        ] {
            assert_eq!(
                members(text, |_, _| ()),
                Err(WireError::Malformed),
                "{text}"
            );
        }
        for text in [
            "", "[", "[1", "[1,", "[1,]", "[1 2]", "[]x", "{}", "[\"", "[[", "[,]",
        ] {
            assert_eq!(elements(text, |_| ()), Err(WireError::Malformed), "{text}");
        }
    }
}
