//! One pass over a valid JSON text that shows each object when it closes. It does not recurse.

use std::{borrow::Cow, ops::Range};

use super::BinaryError;

/// What an object looks like from outside.
#[derive(Debug)]
pub(super) struct Object<'a> {
    /// Where it opens.
    pub(super) start: usize,
    /// Just behind its closing brace.
    pub(super) end: usize,
    /// The value of its only member, where that is a text.
    pub(super) only_text: Option<Cow<'a, str>>,
    /// Whether `_placeholder` is true in it.
    pub(super) is_placeholder: bool,
    /// Its `num`, where that is a whole number.
    pub(super) num: Option<usize>,
    first_key: Option<(Range<usize>, Cow<'a, str>)>,
    members: usize,
}

impl<'a> Object<'a> {
    /// The only key, if it starts with `$`, and the place of its JSON text.
    pub(super) fn only_dollar_key(&self) -> Option<(Range<usize>, &str)> {
        let (at, key) = self.first_key.as_ref()?;
        (self.members == 1 && key.starts_with('$')).then(|| (at.clone(), &**key))
    }

    fn member(&mut self, at: Range<usize>, key: Cow<'a, str>, value: &'a str) {
        self.members += 1;
        match &*key {
            "_placeholder" => self.is_placeholder = value.starts_with("true"),
            "num" => self.num = leading_number(value),
            _ => {}
        }
        if self.members == 1 {
            let ahead = value.starts_with('"') && key == "$b64";
            self.only_text = ahead.then(|| unquoted(string_at(value, 0)));
            self.first_key = Some((at, key));
        }
    }
}

/// A place in a JSON text.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Option<Object<'a>>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
        }
    }

    /// Calls `see` with each object as it closes: inner ones before outer ones.
    pub(super) fn objects(
        mut self,
        mut see: impl FnMut(&Object<'_>) -> Result<(), BinaryError>,
    ) -> Result<(), BinaryError> {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => self.enter(*byte == b'{')?,
                b'}' | b']' => {
                    self.at += 1;
                    if let Some(mut object) = self.open.pop().flatten() {
                        object.end = self.at;
                        see(&object)?;
                    }
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn enter(&mut self, is_object: bool) -> Result<(), BinaryError> {
        if self.open.len() == MAX_DEPTH {
            return Err(BinaryError::TooDeep);
        }
        self.open.push(is_object.then_some(Object {
            start: self.at,
            end: self.at,
            only_text: None,
            is_placeholder: false,
            num: None,
            first_key: None,
            members: 0,
        }));
        self.at += 1;
        Ok(())
    }

    /// Passes a string; one that a colon follows is a key.
    fn string(&mut self) {
        let token = string_at(self.text, self.at);
        let at = self.at..self.at + token.len();
        self.at = at.end;
        if let Some(Some(object)) = self.open.last_mut()
            && let Some(value) = self.text[self.at..].trim_start().strip_prefix(':')
        {
            object.member(at, unquoted(token), value.trim_start());
        }
    }
}

/// The string token that starts at `at`, quotes included.
fn string_at(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while let Some(step) = memchr::memchr2(b'"', b'\\', &bytes[end.min(bytes.len())..]) {
        end += step;
        if bytes[end] == b'"' {
            return &text[at..=end];
        }
        end += 2;
    }
    &text[at..]
}

/// What a string token says; a lone surrogate says nothing that is looked for.
fn unquoted(token: &str) -> Cow<'_, str> {
    if token.contains('\\') {
        Cow::Owned(serde_json::from_str(token).unwrap_or_default())
    } else {
        Cow::Borrowed(token.trim_matches('"'))
    }
}

fn leading_number(value: &str) -> Option<usize> {
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    value[..end].parse().ok()
}

/// As deep as anything that is accepted may be nested.
pub(super) const MAX_DEPTH: usize = 512;
