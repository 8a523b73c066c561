//! The moment at which a websocket that lands here takes over: the client's `5`. What comes before goes to the owner as it
//! is, so that the probe, its deadline and its poll are the owner's.

use std::io;

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::pipe::write;

/// What ended the watching.
pub(super) enum Seen {
    /// The client has said `5`: the frame, and what came behind it.
    Switch {
        /// As it came.
        frame: Vec<u8>,
        /// The beginning of what is for the session.
        behind: Vec<u8>,
    },
    /// Something that is not looked at: the bytes that the owner does not have yet.
    Other(Vec<u8>),
}

/// What the bytes begin with.
#[derive(Debug, PartialEq, Eq)]
enum Begin {
    /// A frame that has not come to its end.
    Part,
    /// A whole small frame of so many bytes.
    Frame(usize),
    /// The text `5`.
    Five,
    /// No small frame.
    Else,
}

/// FIN and text, masked and one byte; a mask; the byte.
const FIVE_BYTES: usize = 7;
const READ: usize = 512;

/// Passes on what the client sends until it switches.
pub(super) async fn watch(
    from: &OwnedReadHalf,
    to: &OwnedWriteHalf,
    ahead: Vec<u8>,
) -> io::Result<Seen> {
    let mut bytes = ahead;
    loop {
        match begin(&bytes) {
            Begin::Frame(len) => {
                write(to, &bytes[..len]).await?;
                bytes.drain(..len);
                continue;
            }
            Begin::Five => {
                let behind = bytes.split_off(FIVE_BYTES);
                let frame = bytes;
                return Ok(Seen::Switch { frame, behind });
            }
            Begin::Else => return Ok(Seen::Other(bytes)),
            Begin::Part => {}
        }
        from.readable().await?;
        let mut chunk = [0; READ];
        match from.try_read(&mut chunk) {
            Ok(0) => return Ok(Seen::Other(bytes)),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn begin(bytes: &[u8]) -> Begin {
    let &[first, second, ref rest @ ..] = bytes else {
        return Begin::Part;
    };
    let len = usize::from(second & 0x7f);
    let is_small = first & 0x80 != 0 && second & 0x80 != 0 && len < 126;
    if !is_small {
        return Begin::Else;
    }
    match rest {
        [mask, _, _, _, byte, ..] if (first, len) == (0x81, 1) && byte ^ mask == b'5' => {
            Begin::Five
        }
        rest if rest.len() < 4 + len => Begin::Part,
        _ => Begin::Frame(2 + 4 + len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 1, 2, 3];
        let len = 0x80 | u8::try_from(payload.len()).expect("a small frame");
        let payload = payload.iter().zip(mask.iter().cycle());
        let mut frame = vec![first, len];
        frame.extend(mask);
        frame.extend(payload.map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn only_a_whole_five_switches() {
        let check = |bytes: &[u8], expected: Begin| assert_eq!(begin(bytes), expected, "{bytes:?}");
        let five = masked(0x81, b"5");
        (0..five.len()).for_each(|end| check(&five[..end], Begin::Part));
        check(&five, Begin::Five);
        check(&[five.clone(), masked(0x81, b"4x")].concat(), Begin::Five);
        check(&masked(0x81, b"2probe"), Begin::Frame(12));
        check(&masked(0x82, b"5"), Begin::Frame(7));
        check(&masked(0x89, b""), Begin::Frame(6));
        check(&masked(0x01, b"5"), Begin::Else);
        check(&[0x81, 1, b'5'], Begin::Else);
        check(&[0x81, 0xfe, 0, 200], Begin::Else);
    }
}
