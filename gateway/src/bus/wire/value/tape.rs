//! JSON text to MessagePack, by way of a tape: the heads of that format say how many values follow.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::cut::{scalar_end, string_end};
use super::super::{DataRef, WireError};
use super::{pack, wtf8::content};
use crate::socket::json;

/// Integers up to here are exact, and sent as such.
const EXACT: i64 = 1 << 53;

/// Appends a checked text.
pub(super) fn write(out: &mut Vec<u8>, data: DataRef<'_>) -> Result<(), WireError> {
    let DataRef { json, attachments } = data;
    let tape = Tape::of(json)?;
    let mut places = Places::of(data);
    out.reserve(json.len() + attachments.iter().map(Bytes::len).sum::<usize>());
    let mut at = 0;
    while let Some(item) = tape.items.get(at) {
        at += 1;
        match item.kind {
            Kind::Array => pack::array(out, item.count as usize),
            Kind::Object => match places.at(item.start) {
                Some(num) => {
                    let bytes = num.and_then(|num| attachments.get(num as usize));
                    pack::bin(out, bytes.ok_or(WireError::Placeholder)?);
                    at = item.next as usize;
                }
                None => pack::map(out, item.count as usize),
            },
            Kind::Hidden => at = tape.after_value(at),
            Kind::Key | Kind::Scalar => scalar(out, tape.text(item)),
        }
    }
    Ok(())
}

/// The placeholders of a text that has attachments.
struct Places(std::iter::Peekable<std::vec::IntoIter<json::Placeholder>>);

impl Places {
    fn of(data: DataRef<'_>) -> Self {
        let found = if data.attachments.is_empty() {
            Vec::new()
        } else {
            json::placeholders(data.json)
        };
        Self(found.into_iter().peekable())
    }

    /// The number in the one that begins there.
    fn at(&mut self, start: u32) -> Option<Option<u32>> {
        while self.0.next_if(|place| place.span.start < start).is_some() {}
        let found = self.0.next_if(|place| place.span.start == start)?;
        Some(found.num)
    }
}

fn scalar(out: &mut Vec<u8>, token: &str) {
    match token.as_bytes() {
        [b'"', ..] => pack::text(out, &content(token)),
        b"null" => pack::nil(out),
        b"true" => pack::boolean(out, true),
        b"false" => pack::boolean(out, false),
        _ => match token.parse() {
            Ok(whole) if (-EXACT..=EXACT).contains(&whole) => pack::int(out, whole),
            _ => pack::float(out, token.parse().unwrap_or(f64::NAN)),
        },
    }
}

/// The values of a checked text, in its order.
struct Tape<'a> {
    json: &'a str,
    items: Vec<Item>,
}

#[derive(Clone, Copy)]
struct Item {
    start: u32,
    end: u32,
    /// The index of what comes after all that is inside.
    next: u32,
    /// The elements or members.
    count: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    Key,
    /// The key of a member that is not sent.
    Hidden,
    Array,
    Object,
}

impl<'a> Tape<'a> {
    fn of(json: &'a str) -> Result<Self, WireError> {
        let bytes = json.as_bytes();
        let items = Vec::with_capacity(bytes.len() / 8 + 1);
        let mut tape = Self { json, items };
        let mut open: SmallVec<[usize; 16]> = SmallVec::new();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let start = at;
            at += 1;
            let kind = match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => continue,
                b']' | b'}' => {
                    let index = open.pop().ok_or(WireError::Malformed)?;
                    tape.close(index, at);
                    continue;
                }
                b'[' => Kind::Array,
                b'{' => Kind::Object,
                b'"' => {
                    at = string_end(bytes, start).ok_or(WireError::Malformed)?;
                    tape.string_kind(&open, at)
                }
                _ => {
                    at = scalar_end(bytes, start);
                    Kind::Scalar
                }
            };
            tape.push(&open, kind, start, at);
            if matches!(kind, Kind::Array | Kind::Object) {
                open.push(tape.items.len() - 1);
            }
        }
        Ok(tape)
    }

    /// A string of an object is a key if a colon follows.
    fn string_kind(&self, open: &[usize], end: usize) -> Kind {
        let in_object = open
            .last()
            .is_some_and(|outer| self.items[*outer].kind == Kind::Object);
        let rest = self.json.as_bytes()[end..].trim_ascii_start();
        if in_object && rest.first() == Some(&b':') {
            Kind::Key
        } else {
            Kind::Scalar
        }
    }

    fn push(&mut self, open: &[usize], kind: Kind, start: usize, end: usize) {
        if let Some(outer) = open.last() {
            let outer = &mut self.items[*outer];
            outer.count += u32::from(kind == Kind::Key || outer.kind == Kind::Array);
        }
        // The scanner took the text, so offsets fit.
        self.items.push(Item {
            start: start as u32,
            end: end as u32,
            next: self.items.len() as u32 + 1,
            count: 0,
            kind,
        });
    }

    fn close(&mut self, index: usize, end: usize) {
        let next = self.items.len() as u32;
        let item = &mut self.items[index];
        item.end = end as u32;
        item.next = next;
        if item.kind == Kind::Object && item.count > 0 {
            self.hide(index);
        }
    }

    /// Hides all but the last of members with equal keys, and `__proto__`.
    fn hide(&mut self, object: usize) {
        let mut keys: SmallVec<[(Cow<'a, [u8]>, usize); 8]> = SmallVec::new();
        let mut at = object + 1;
        while at < self.items.len() {
            keys.push((content(self.text(&self.items[at])), at));
            at = self.after_value(at + 1);
        }
        keys.sort_unstable();
        for (at, (key, item)) in keys.iter().enumerate() {
            let again = keys.get(at + 1).is_some_and(|(next, _)| next == key);
            if again || key.as_ref() == b"__proto__" {
                self.items[*item].kind = Kind::Hidden;
                self.items[object].count -= 1;
            }
        }
    }

    fn after_value(&self, at: usize) -> usize {
        let item = self.items.get(at);
        item.map_or(self.items.len(), |item| item.next as usize)
    }

    fn text(&self, item: &Item) -> &'a str {
        &self.json[item.start as usize..item.end as usize]
    }
}
