//! The header of a client's frame.

use super::Violation;

/// The most bytes in a header.
pub(super) const MAX: usize = 14;

/// The most bytes in a control frame.
const MAX_CONTROL: u64 = 125;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) fin: bool,
    pub(super) mask: [u8; 4],
    /// Bytes of payload.
    pub(super) len: usize,
    /// Bytes of the header.
    pub(super) size: usize,
}

impl Header {
    /// The header at the front, once all of it is there. What its first two bytes show to be wrong is
    /// refused without waiting for more.
    #[inline]
    pub(super) fn read(input: &[u8]) -> Result<Option<Self>, Violation> {
        let Some((&[first, second], rest)) = input.split_first_chunk() else {
            return Ok(None);
        };
        let fin = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(Violation::protocol("reserved bits"));
        }
        let kind = kind(first & 0x0f)?;
        if second & 0x80 == 0 {
            return Err(Violation::protocol("frame without mask"));
        }
        let short = second & 0x7f;
        if matches!(kind, Kind::Close | Kind::Ping | Kind::Pong)
            && (!fin || u64::from(short) > MAX_CONTROL)
        {
            return Err(Violation::protocol("long or fragmented control frame"));
        }
        let Some((len, rest)) = length(short, rest)? else {
            return Ok(None);
        };
        let Some(mask) = rest.first_chunk() else {
            return Ok(None);
        };
        let size = input.len() - rest.len() + mask.len();
        Ok(Some(Self {
            kind,
            fin,
            mask: *mask,
            len,
            size,
        }))
    }
}

#[inline]
fn kind(opcode: u8) -> Result<Kind, Violation> {
    Ok(match opcode {
        0 => Kind::Continuation,
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 => Kind::Ping,
        10 => Kind::Pong,
        _ => return Err(Violation::protocol("reserved opcode")),
    })
}

/// The length and what follows it.
#[inline]
fn length(short: u8, rest: &[u8]) -> Result<Option<(usize, &[u8])>, Violation> {
    let (len, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    if len >> 63 != 0 {
        return Err(Violation::protocol("length over 63 bits"));
    }
    let len = usize::try_from(len).map_err(|_| Violation::TOO_LARGE)?;
    Ok(Some((len, rest)))
}
