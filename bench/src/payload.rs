//! Payloads that prove themselves: who sent which message when, then text that follows from it.
//!
//! 8 hex digits of publisher, 8 of sequence, 16 of time, then filler cut from one fixed text at an
//! offset that publisher and sequence decide. Every byte is plain in JSON, so a payload arrives as
//! it was written whatever the server does with strings.

/// What a payload says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u32,
    pub(crate) sequence: u32,
    /// [`crate::clock::now`] of sending, or when sending was due.
    pub(crate) time: u64,
}

/// Writes and checks payloads of one length.
pub(crate) struct PayloadFormat {
    len: usize,
    text: Vec<u8>,
}

/// The shortest payload.
pub(crate) const HEAD: usize = 32;

impl PayloadFormat {
    /// `len` is at least [`HEAD`].
    pub(crate) fn new(len: usize) -> Self {
        let len = len.max(HEAD);
        let mut noise = 0x9e37_79b9_u32;
        let letter = |_| {
            noise = noise.wrapping_mul(0x0001_9660d).wrapping_add(0x3c6e_f35f);
            LETTERS[(noise >> 26) as usize]
        };
        Self {
            len,
            text: (0..len - HEAD + OFFSETS).map(letter).collect(),
        }
    }

    /// Appends one payload.
    pub(crate) fn write(&self, stamp: Stamp, out: &mut Vec<u8>) {
        push_hex(u64::from(stamp.publisher), 8, out);
        push_hex(u64::from(stamp.sequence), 8, out);
        push_hex(stamp.time, 16, out);
        out.extend_from_slice(self.filler(stamp.publisher, stamp.sequence));
    }

    /// The stamp, if every byte is what was sent.
    #[inline]
    pub(crate) fn check(&self, payload: &[u8]) -> Option<Stamp> {
        if payload.len() != self.len {
            return None;
        }
        let (head, filler) = payload.split_at(HEAD);
        let names = read_hex(&head[..16])?;
        let (publisher, sequence) = ((names >> 32) as u32, names as u32);
        let time = read_hex(&head[16..])?;
        (filler == self.filler(publisher, sequence)).then_some(Stamp {
            publisher,
            sequence,
            time,
        })
    }

    #[inline]
    fn filler(&self, publisher: u32, sequence: u32) -> &[u8] {
        let offset = publisher.wrapping_mul(17).wrapping_add(sequence) as usize % OFFSETS;
        &self.text[offset..offset + self.len - HEAD]
    }
}

const LETTERS: &[u8; 64] = b"0123456789-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// A prime, so that publishers in step do not share their offsets.
const OFFSETS: usize = 509;

fn push_hex(value: u64, digits: u32, out: &mut Vec<u8>) {
    let digit = |place: u32| b"0123456789abcdef"[(value >> (4 * place)) as usize % 16];
    out.extend((0..digits).rev().map(digit));
}

#[inline]
fn read_hex(digits: &[u8]) -> Option<u64> {
    let mut value = 0;
    let mut unknown = 0;
    for digit in digits {
        let nibble = NIBBLES[usize::from(*digit)];
        unknown |= nibble;
        value = value << 4 | u64::from(nibble & 15);
    }
    (unknown < 16).then_some(value)
}

/// The value of a lower-case hex digit, 255 for any other byte.
static NIBBLES: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        publisher: 12,
        sequence: 0xfeed_0001,
        time: 0x0123_4567_89ab_cdef,
    };

    #[test]
    fn what_is_written_is_read() {
        for len in [HEAD, HEAD + 1, 128, 1024] {
            let format = PayloadFormat::new(len);
            let mut payload = Vec::new();
            format.write(STAMP, &mut payload);
            assert_eq!(payload.len(), len);
            assert_eq!(format.check(&payload), Some(STAMP));
        }
    }

    #[test]
    fn a_change_of_any_byte_or_of_the_length_shows() {
        let format = PayloadFormat::new(128);
        let mut payload = Vec::new();
        format.write(STAMP, &mut payload);
        for at in 0..payload.len() {
            let mut changed = payload.clone();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_ne!(format.check(&changed), Some(STAMP), "byte {at}");
        }
        assert_eq!(format.check(&payload[1..]), None);
        payload.push(b'0');
        assert_eq!(format.check(&payload), None);
        assert_eq!(format.check(b"nonsense"), None);
    }

    #[test]
    fn filler_differs_between_neighbours() {
        let format = PayloadFormat::new(128);
        assert_ne!(format.filler(0, 1), format.filler(0, 2));
        assert_ne!(format.filler(1, 1), format.filler(2, 1));
    }
}
