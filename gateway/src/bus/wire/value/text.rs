//! MessagePack to JSON text.

use bytes::Bytes;
use smallvec::SmallVec;
use std::fmt::Write as _;

use super::super::WireError;
use super::unpack::{Reader, Token};
use super::{date, number};
use crate::socket::json;

/// The text of a whole value, and the binary parts that its placeholders stand for.
///
/// Where there are any, no map of the value itself may look like a placeholder: a receiver would put an attachment there.
pub(super) fn detached(bytes: &[u8], depth: usize) -> Result<(String, Vec<Bytes>), WireError> {
    let mut writer = Writer::new(bytes, depth, true);
    writer.whole()?;
    if writer.suspicious && !writer.attachments.is_empty() {
        return Err(WireError::Placeholder);
    }
    Ok((writer.out, writer.attachments))
}

/// The text of a whole value, binary parts written as a Buffer is.
pub(super) fn inline(bytes: &[u8], depth: usize) -> Result<String, WireError> {
    let mut writer = Writer::new(bytes, depth, false);
    writer.whole()?;
    Ok(writer.out)
}

struct Writer<'a> {
    reader: Reader<'a>,
    out: String,
    levels: SmallVec<[Level; 16]>,
    depth: usize,
    detach: bool,
    attachments: Vec<Bytes>,
    suspicious: bool,
}

/// An array or map that is not closed.
struct Level {
    left: usize,
    map: bool,
    empty: bool,
}

impl<'a> Writer<'a> {
    fn new(bytes: &'a [u8], depth: usize, detach: bool) -> Self {
        Self {
            reader: Reader::new(bytes),
            out: String::with_capacity(bytes.len()),
            levels: SmallVec::new(),
            depth,
            detach,
            attachments: Vec::new(),
            suspicious: false,
        }
    }

    fn whole(&mut self) -> Result<(), WireError> {
        let token = self.reader.token()?;
        self.value(token)?;
        while let Some(level) = self.levels.last_mut() {
            if level.left == 0 {
                self.out.push(if level.map { '}' } else { ']' });
                self.levels.pop();
                continue;
            }
            level.left -= 1;
            if level.map {
                self.member()?;
            } else {
                let comma = !std::mem::take(&mut level.empty);
                self.out.push_str(if comma { "," } else { "" });
                let token = self.reader.token()?;
                self.value(token)?;
            }
        }
        self.reader.end()
    }

    /// A key and its value, unless that is `undefined`.
    fn member(&mut self) -> Result<(), WireError> {
        let before = self.out.len();
        let key = self.reader.token()?;
        let empty = self.levels.last().is_some_and(|level| level.empty);
        self.out.push_str(if empty { "" } else { "," });
        self.key(key)?;
        self.out.push(':');
        let value = self.reader.token()?;
        if value == Token::Undefined {
            self.out.truncate(before);
            return Ok(());
        }
        if let Some(level) = self.levels.last_mut() {
            level.empty = false;
        }
        self.value(value)
    }

    fn key(&mut self, key: Token<'a>) -> Result<(), WireError> {
        let number = match key {
            Token::Text(text) => {
                self.suspicious |= text == b"_placeholder";
                self.text(text);
                return Ok(());
            }
            Token::Uint(number) => number as f64,
            Token::Int(number) => number as f64,
            Token::Float(number) if number.is_finite() => number,
            _ => return Err(WireError::Malformed),
        };
        self.out.push('"');
        number::write(&mut self.out, number);
        self.out.push('"');
        Ok(())
    }

    fn value(&mut self, token: Token<'a>) -> Result<(), WireError> {
        match token {
            Token::Nil | Token::Undefined => self.out.push_str("null"),
            Token::Bool(true) => self.out.push_str("true"),
            Token::Bool(false) => self.out.push_str("false"),
            Token::Uint(value) => number::write(&mut self.out, value as f64),
            Token::Int(value) => number::write(&mut self.out, value as f64),
            Token::Float(value) => number::write(&mut self.out, value),
            Token::Text(text) => self.text(text),
            Token::Bin(bytes) => self.bin(bytes)?,
            Token::Date(millis) => date::write(&mut self.out, millis),
            Token::Array(len) => self.open(len, false)?,
            Token::Map(len) => self.open(len, true)?,
        }
        Ok(())
    }

    fn open(&mut self, left: usize, map: bool) -> Result<(), WireError> {
        if self.levels.len() == self.depth {
            return Err(WireError::Depth);
        }
        self.out.push(if map { '{' } else { '[' });
        self.levels.push(Level {
            left,
            map,
            empty: true,
        });
        Ok(())
    }

    fn text(&mut self, text: &[u8]) {
        json::quote(&mut self.out, &String::from_utf8_lossy(text));
    }

    fn bin(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let levels = if self.detach { 1 } else { 2 };
        if self.levels.len() + levels > self.depth {
            return Err(WireError::Depth);
        }
        if self.detach {
            let num = self.attachments.len();
            let _ = write!(self.out, "{{\"_placeholder\":true,\"num\":{num}}}");
            self.attachments.push(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        self.out.push_str("{\"type\":\"Buffer\",\"data\":[");
        for (at, byte) in bytes.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(self.out, "{comma}{byte}");
        }
        self.out.push_str("]}");
        Ok(())
    }
}
