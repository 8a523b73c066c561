//! A message of which only a part is there.

use super::Violation;
use super::header::{Header, Kind};

/// How many frames a message may be cut into. They leave nothing behind but their bytes; the bound is
/// for those who send empty ones for ever.
const MAX_FRAGMENTS: u32 = 128 * 1024;

#[derive(Debug)]
pub(super) struct Partial {
    bytes: Vec<u8>,
    is_text: bool,
    /// How far the text is known to be UTF-8.
    valid: usize,
    fragments: u32,
    /// Bytes of the current frame that are still to come.
    missing: usize,
    /// The mask, turned to the next byte of the current frame.
    mask: [u8; 4],
    fin: bool,
}

impl Partial {
    pub(super) fn new(first: &Header) -> Self {
        Self {
            bytes: Vec::new(),
            is_text: first.kind == Kind::Text,
            valid: 0,
            fragments: 0,
            missing: 0,
            mask: first.mask,
            fin: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_text(&self) -> bool {
        self.is_text
    }

    /// Whether the payload of a frame is still to come.
    pub(super) fn in_frame(&self) -> bool {
        self.missing > 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.fin && self.missing == 0
    }

    /// The next frame, which the limit has room for.
    pub(super) fn begin(&mut self, header: &Header) -> Result<(), Violation> {
        self.fragments += 1;
        if self.fragments > MAX_FRAGMENTS {
            return Err(Violation::TOO_MANY_FRAGMENTS);
        }
        self.missing = header.len;
        self.mask = header.mask;
        self.fin = header.fin;
        Ok(())
    }

    /// Takes of the current frame what is there, still masked; how many bytes that was.
    pub(super) fn fill(&mut self, input: &mut [u8]) -> Result<usize, Violation> {
        let there = input.len().min(self.missing);
        let chunk = &mut input[..there];
        fastwebsockets::unmask(chunk, self.mask);
        self.mask.rotate_left(there % 4);
        self.append(chunk)?;
        Ok(there)
    }

    /// Takes unmasked bytes of the current frame.
    pub(super) fn append(&mut self, chunk: &[u8]) -> Result<(), Violation> {
        self.missing -= chunk.len();
        self.reserve(chunk.len());
        self.bytes.extend_from_slice(chunk);
        if self.is_text {
            self.check_utf8()
        } else {
            Ok(())
        }
    }

    /// Doubles as a vector does, but never beyond a last frame's end.
    fn reserve(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            let double = self.bytes.len().max(more);
            let left = if self.fin {
                more + self.missing
            } else {
                usize::MAX
            };
            self.bytes.reserve_exact(double.min(left).max(more));
        }
    }

    /// Looks at what is new. A character may be cut, unless the message ends here.
    fn check_utf8(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_some() || self.is_complete() => {
                return Err(Violation::UTF8);
            }
            Err(error) => self.valid += error.valid_up_to(),
        }
        Ok(())
    }
}
