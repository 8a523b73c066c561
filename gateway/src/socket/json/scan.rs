//! The one-pass scanner.

use std::ops::Range;

use smallvec::SmallVec;

use super::text::is_placeholder_key;

/// How deep arrays and objects may nest, the outermost one counted.
pub const MAX_DEPTH: usize = 512;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `JSON.parse` would throw.
    #[error("invalid JSON")]
    Syntax,
    /// More than [`MAX_DEPTH`] arrays and objects within one another.
    #[error("nested too deeply")]
    Depth,
}

/// A part of a text, by byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Offsets within a text that `Scan::new` took, so they fit.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The offsets for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The elements of a checked array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Array {
    /// Where each element stands in the text that was scanned.
    pub elements: SmallVec<[Span; 4]>,
    /// Some object in it has the key `_placeholder`, however it is escaped.
    pub suspicious: bool,
}

/// Checks a whole text that must be one array.
pub fn array(text: &str) -> Result<Array, Fault> {
    let mut scan = Scan::new(text)?;
    let mut elements = SmallVec::new();
    scan.space();
    scan.expect(b'[')?;
    scan.space();
    if !scan.take(b']') {
        loop {
            let start = scan.at;
            scan.value(1)?;
            elements.push(Span::new(start, scan.at));
            scan.space();
            if scan.take(b']') {
                break;
            }
            scan.expect(b',')?;
            scan.space();
        }
    }
    scan.end()?;
    Ok(Array {
        elements,
        suspicious: scan.suspicious,
    })
}

/// Checks a whole text that must be one object.
pub fn object(text: &str) -> Result<(), Fault> {
    let mut scan = Scan::new(text)?;
    scan.space();
    if scan.peek() != Some(b'{') {
        return Err(Fault::Syntax);
    }
    scan.value(0)?;
    scan.end()
}

/// Checks a whole text that may be any value.
pub fn value(text: &str) -> Result<(), Fault> {
    let mut scan = Scan::new(text)?;
    scan.space();
    scan.value(0)?;
    scan.end()
}

/// A position in a text, with what was seen before it.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    suspicious: bool,
}

impl<'a> Scan<'a> {
    /// Refuses texts of 4 GiB and more, whose offsets a [`Span`] could not hold.
    pub(super) fn new(text: &'a str) -> Result<Self, Fault> {
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::Syntax);
        }
        Ok(Self {
            bytes: text.as_bytes(),
            at: 0,
            suspicious: false,
        })
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }

    /// One value that begins here, inside `outer` arrays and objects.
    #[inline]
    pub(super) fn value(&mut self, outer: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{' | b'[') => self.nested(outer),
            _ => self.scalar(),
        }
    }

    #[inline]
    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Fault::Syntax),
        }
    }

    /// An array or object and all that is in it.
    fn nested(&mut self, outer: usize) -> Result<(), Fault> {
        let mut open = Open::inside(outer);
        loop {
            match self.peek() {
                Some(b'[') => {
                    self.descend(&mut open, false)?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                Some(b'{') => {
                    self.descend(&mut open, true)?;
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                _ => {
                    self.scalar()?;
                    self.space();
                }
            }
            while self.take(open.closer()) {
                if open.pop() {
                    return Ok(());
                }
                self.space();
            }
            self.expect(b',')?;
            self.space();
            if open.in_object {
                self.key()?;
            }
        }
    }

    #[inline]
    fn descend(&mut self, open: &mut Open, object: bool) -> Result<(), Fault> {
        open.push(object)?;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// A key with its colon, up to where the value begins.
    #[inline]
    fn key(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.string()?;
        self.suspicious |= is_placeholder_key(&self.bytes[start + 1..self.at - 1]);
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(Fault::Syntax),
            }
        }
    }

    /// Goes to the next byte that is a quote, a backslash or a control character, eight at a time.
    #[inline]
    fn plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
        const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & TOPS;
        while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*chunk);
            let quote = below(word ^ (ONES * u64::from(b'"')), 1);
            let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
            let found = below(word, 0x20) | quote | backslash;
            if found != 0 {
                // A borrow runs upwards only, so the lowest mark is never a false one.
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while let Some(0x20..=0x21 | 0x23..=0x5b | 0x5d..) = self.peek() {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = &self.bytes[self.at + 1..];
        match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if rest.len() > 4 && rest[1..5].iter().all(u8::is_ascii_hexdigit) => {
                self.at += 6;
            }
            _ => return Err(Fault::Syntax),
        }
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), Fault> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            Err(Fault::Syntax)
        } else {
            Ok(())
        }
    }
}

/// Which of the open arrays and objects are objects, one bit each.
struct Open {
    objects: [u64; MAX_DEPTH / 64],
    outer: usize,
    depth: usize,
    in_object: bool,
}

impl Open {
    fn inside(outer: usize) -> Self {
        Self {
            objects: [0; MAX_DEPTH / 64],
            outer,
            depth: outer,
            in_object: false,
        }
    }

    #[inline]
    fn push(&mut self, object: bool) -> Result<(), Fault> {
        let word = self.objects.get_mut(self.depth / 64).ok_or(Fault::Depth)?;
        let bit = 1 << (self.depth % 64);
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        self.in_object = object;
        Ok(())
    }

    #[inline]
    fn closer(&self) -> u8 {
        if self.in_object { b'}' } else { b']' }
    }

    /// Closes the innermost one; true if it was the outermost.
    #[inline]
    fn pop(&mut self) -> bool {
        self.depth -= 1;
        if self.depth == self.outer {
            return true;
        }
        let below = self.depth - 1;
        self.in_object = (self.objects[below / 64] >> (below % 64)) & 1 == 1;
        false
    }
}

#[cfg(test)]
mod tests;
