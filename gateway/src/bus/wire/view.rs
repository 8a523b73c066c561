//! One value of a message, in whichever notation the message came.

use std::borrow::Cow;

use super::value::unpack::{Reader, Token};
use super::{Data, MAX_DEPTH, WireError, cut, value};
use crate::socket::json;

/// What a peer may wrap around a value of [`MAX_DEPTH`].
const ENVELOPE_DEPTH: usize = 8;

/// The bytes of one value.
#[derive(Clone, Copy, Debug)]
pub(super) enum View<'a> {
    /// Cut from JSON, and not scanned yet.
    Json(&'a str),
    /// MessagePack, which was checked.
    Pack(&'a [u8]),
}

impl<'a> View<'a> {
    /// A message: JSON if it begins with a brace.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.first() != Some(&b'{') {
            return Self::pack(bytes);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| WireError::Malformed)?;
        Ok(Self::Json(text))
    }

    /// A message in MessagePack.
    pub(super) fn pack(bytes: &'a [u8]) -> Result<Self, WireError> {
        check(bytes, MAX_DEPTH + ENVELOPE_DEPTH)?;
        Ok(Self::Pack(bytes))
    }

    /// The members of these names, the last of equal ones; `None` for what is missing, null or undefined.
    pub(super) fn fields<const N: usize>(
        self,
        what: &'static str,
        names: [&str; N],
    ) -> Result<[Option<Self>; N], WireError> {
        let mut found = [None; N];
        let mut take = |key: &str, value: Self| {
            if let Some(at) = names.iter().position(|name| *name == key) {
                found[at] = (!value.is_null()).then_some(value);
            }
        };
        match self {
            Self::Json(text) if text.trim_ascii_start().starts_with('{') => {
                cut::members(text, |key, value| {
                    if let Some(key) = json::unquote(key) {
                        take(&key, Self::Json(value));
                    }
                })?;
            }
            Self::Json(_) => return Err(WireError::Field(what)),
            Self::Pack(bytes) => {
                let mut reader = Reader::new(bytes);
                let Token::Map(len) = reader.token()? else {
                    return Err(WireError::Field(what));
                };
                for _ in 0..len {
                    let key = Self::Pack(reader.value()?);
                    let value = Self::Pack(reader.value()?);
                    if let Some(key) = key.label() {
                        take(&key, value);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The elements of an array.
    pub(super) fn elements(self, what: &'static str) -> Result<Vec<Self>, WireError> {
        let mut found = Vec::new();
        match self {
            Self::Json(text) if text.trim_ascii_start().starts_with('[') => {
                cut::elements(text, |element| found.push(Self::Json(element)))?;
            }
            Self::Json(_) => return Err(WireError::Field(what)),
            Self::Pack(bytes) => {
                let mut reader = Reader::new(bytes);
                let Token::Array(len) = reader.token()? else {
                    return Err(WireError::Field(what));
                };
                for _ in 0..len {
                    found.push(Self::Pack(reader.value()?));
                }
            }
        }
        Ok(found)
    }

    /// A string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(text) if text.starts_with('"') => {
                json::value(text).ok()?;
                json::unquote(text)
            }
            Self::Json(_) => None,
            Self::Pack(bytes) => match Reader::new(bytes).token().ok()? {
                Token::Text(text) => Some(String::from_utf8_lossy(text)),
                _ => None,
            },
        }
    }

    /// A string, or the text of a number.
    pub(super) fn label(self) -> Option<Cow<'a, str>> {
        self.text().or_else(|| {
            let number = self.number().filter(|number| number.is_finite())?;
            Some(Cow::Owned(value::number_text(number)))
        })
    }

    /// A number.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Json(text) => match text.as_bytes().first()? {
                b'-' | b'0'..=b'9' => {
                    json::value(text).ok()?;
                    text.parse().ok()
                }
                _ => None,
            },
            Self::Pack(bytes) => match Reader::new(bytes).token().ok()? {
                Token::Uint(number) => Some(number as f64),
                Token::Int(number) => Some(number as f64),
                Token::Float(number) => Some(number),
                _ => None,
            },
        }
    }

    /// A number from 0; a fraction is cut off.
    pub(super) fn count(self) -> Option<u64> {
        let number = self.number()?;
        (0.0..=9_007_199_254_740_992.0)
            .contains(&number)
            .then_some(number as u64)
    }

    /// A boolean.
    pub(super) fn flag(self) -> Option<bool> {
        match self {
            Self::Json("true") => Some(true),
            Self::Json("false") => Some(false),
            Self::Json(_) => None,
            Self::Pack(bytes) => match bytes {
                [0xc2] => Some(false),
                [0xc3] => Some(true),
                _ => None,
            },
        }
    }

    /// Any value, its binary parts taken out.
    pub(super) fn data(self) -> Result<Data, WireError> {
        match self {
            Self::Json(text) => {
                json::value(text)?;
                Ok(Data::text(text))
            }
            Self::Pack(bytes) => value::from_msgpack(bytes),
        }
    }

    /// Any value as text, without attachments.
    pub(super) fn stringify(self) -> Result<Box<str>, WireError> {
        match self {
            Self::Json(text) => {
                json::value(text)?;
                Ok(text.into())
            }
            Self::Pack(bytes) => Ok(value::stringify(bytes)?.into()),
        }
    }

    fn is_null(self) -> bool {
        match self {
            Self::Json(text) => text == "null",
            Self::Pack(bytes) => matches!(bytes, [0xc0] | [0xd4, ..]),
        }
    }
}

/// Checks that bytes are one whole value of bounded depth.
fn check(bytes: &[u8], depth: usize) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    let mut left: Vec<usize> = vec![1];
    while let Some(values) = left.last_mut() {
        if *values == 0 {
            left.pop();
            continue;
        }
        *values -= 1;
        match reader.token()? {
            Token::Array(len) => left.push(len),
            Token::Map(len) => left.push(len.saturating_mul(2)),
            _ => continue,
        }
        if left.len() > depth + 1 {
            return Err(WireError::Depth);
        }
    }
    reader.end()
}
