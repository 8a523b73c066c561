//! Websocket frames as a server sends them: final, unmasked, one per message.
//!
//! The frame log holds these bytes. A websocket is sent them as they are; a polling session reads them
//! back with [`Frames`] when it builds a payload.

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// The end.
    Close = 8,
    /// A question of the websocket layer.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

/// The most bytes that [`header`] appends.
pub const MAX_HEADER: usize = 10;

/// The most bytes in a control frame.
const MAX_CONTROL: usize = 125;

/// Appends the header of a frame with `len` bytes of payload.
pub fn header(out: &mut Vec<u8>, opcode: Opcode, len: usize) {
    let first = 0x80 | opcode as u8;
    match len {
        0..=125 => out.extend_from_slice(&[first, len as u8]),
        126..=0xffff => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Appends a text frame whose payload is `parts` in a row.
pub fn text(out: &mut Vec<u8>, parts: &[&str]) {
    let len = parts.iter().map(|part| part.len()).sum();
    out.reserve(MAX_HEADER + len);
    header(out, Opcode::Text, len);
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a binary frame.
pub fn binary(out: &mut Vec<u8>, payload: &[u8]) {
    out.reserve(MAX_HEADER + payload.len());
    header(out, Opcode::Binary, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the answer to a ping of the websocket layer.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    header(out, Opcode::Pong, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a close frame; without a code the peer sees 1005.
pub fn close(out: &mut Vec<u8>, code: Option<u16>) {
    header(out, Opcode::Close, if code.is_some() { 2 } else { 0 });
    out.extend_from_slice(
        code.map(u16::to_be_bytes)
            .as_ref()
            .map_or(&[], |code| &code[..]),
    );
}

/// A frame in a row of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub opcode: Opcode,
    /// The payload.
    pub payload: &'a [u8],
    /// Header and payload.
    pub whole: &'a [u8],
}

/// The frames in bytes that this module made. It ends before the first that is cut or that is not ours.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Begins at the first byte, which must be that of a frame.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (opcode, head, len) = read_header(self.rest)?;
        let end = head.checked_add(len)?;
        let (whole, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(Frame {
            opcode,
            payload: &whole[head..],
            whole,
        })
    }
}

fn read_header(bytes: &[u8]) -> Option<(Opcode, usize, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let opcode = match first {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        _ => return None,
    };
    let (head, len) = match second {
        126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        0..=125 => (2, u64::from(second)),
        _ => return None,
    };
    Some((opcode, head, usize::try_from(len).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_size_are_read_back() {
        let sizes = [0, 1, 125, 126, 127, 0xffff, 0x10000, 70_000];
        let mut out = Vec::new();
        for size in sizes {
            text(&mut out, &["4", &"a".repeat(size)]);
            binary(&mut out, &vec![7; size]);
        }
        let mut frames = Frames::new(&out);
        for size in sizes {
            let text = frames.next().expect("a text frame");
            assert_eq!((text.opcode, text.payload.len()), (Opcode::Text, size + 1));
            let binary = frames.next().expect("a binary frame");
            assert_eq!(
                (binary.opcode, binary.payload.len()),
                (Opcode::Binary, size)
            );
            assert!(binary.whole.ends_with(binary.payload));
        }
        assert_eq!((frames.next(), frames.rest()), (None, &[][..]));
    }

    #[test]
    fn control_frames() {
        let mut out = Vec::new();
        pong(&mut out, b"hi");
        close(&mut out, None);
        close(&mut out, Some(1002));
        assert_eq!(out, [0x8a, 2, b'h', b'i', 0x88, 0, 0x88, 2, 0x03, 0xea]);
    }

    #[test]
    fn what_is_cut_or_foreign_ends_it() {
        let mut whole = Vec::new();
        text(&mut whole, &[&"a".repeat(300)]);
        for end in 0..whole.len() {
            assert_eq!(Frames::new(&whole[..end]).next(), None, "{end}");
        }
        for foreign in [
            &[0x01, 0][..],
            &[0xc1, 0],
            &[0x83, 0],
            &[0x81, 0x80, 0, 0, 0, 0],
        ] {
            assert_eq!(Frames::new(foreign).next(), None, "{foreign:?}");
        }
        assert_eq!(
            Frames::new(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1]).next(),
            None
        );
    }
}
