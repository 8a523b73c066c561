//! The client's half of RFC 6455, as far as an honest server makes it necessary.

use memchr::memmem;

/// One frame from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Message(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close,
}

/// The start of the input, read as a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// The frame and its length with its header.
    Whole(Frame<'a>, usize),
    Partial,
    /// Masked, compressed, fragmented or of an unknown kind: none of it is ever sent to us.
    Unreadable,
}

#[inline]
pub(crate) fn read(input: &[u8]) -> Reading<'_> {
    let &[kind, size, ref rest @ ..] = input else {
        return Reading::Partial;
    };
    let (header, len): (usize, usize) = match size {
        0..=125 => (2, usize::from(size)),
        126 => match rest.first_chunk() {
            Some(len) => (4, usize::from(u16::from_be_bytes(*len))),
            None => return Reading::Partial,
        },
        127 => match rest.first_chunk() {
            Some(len) => (
                10,
                usize::try_from(u64::from_be_bytes(*len)).unwrap_or(usize::MAX),
            ),
            None => return Reading::Partial,
        },
        _ => return Reading::Unreadable,
    };
    let end = header.saturating_add(len);
    let Some(body) = input.get(header..end) else {
        return Reading::Partial;
    };
    let frame = match kind {
        0x81 | 0x82 => Frame::Message(body),
        0x88 => Frame::Close,
        0x89 => Frame::Ping(body),
        0x8a => Frame::Pong,
        _ => return Reading::Unreadable,
    };
    Reading::Whole(frame, end)
}

/// Appends a text message.
pub(crate) fn write_text(body: &[u8], mask: u32, out: &mut Vec<u8>) {
    write(0x81, body, mask, out);
}

/// Appends the answer to a ping.
pub(crate) fn write_pong(body: &[u8], mask: u32, out: &mut Vec<u8>) {
    write(0x8a, body, mask, out);
}

fn write(kind: u8, body: &[u8], mask: u32, out: &mut Vec<u8>) {
    out.push(kind);
    match body.len() {
        len @ 0..=125 => out.push(0x80 + len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 + 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 + 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let key = mask.to_be_bytes();
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(body);
    for quad in out[start..].chunks_mut(4) {
        quad.iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
    }
}

/// Appends the opening request. The key is RFC 6455's own example: nothing here needs chance.
pub(crate) fn write_upgrade(host: &str, path: &str, out: &mut Vec<u8>) {
    for part in [
        "GET ",
        path,
        " HTTP/1.1\r\nHost: ",
        host,
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The server refused the upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// The length of the server's consent; `None` while it is incomplete.
pub(crate) fn read_upgrade(input: &[u8]) -> Result<Option<usize>, Refused> {
    let Some(end) = memmem::find(input, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &input[..end];
    let proof = memmem::find(head, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").is_some();
    if head.starts_with(b"HTTP/1.1 101 ") && proof {
        Ok(Some(end + 4))
    } else {
        Err(Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(kind, body, 0, &mut out);
        let mask = out.len() - body.len() - 4;
        out.drain(mask..mask + 4);
        out[1] &= 0x7f;
        out
    }

    #[test]
    fn every_length_form() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let body = vec![b'x'; len];
            let bytes = server_frame(0x81, &body);
            assert_eq!(
                read(&bytes),
                Reading::Whole(Frame::Message(&body), bytes.len())
            );
            for cut in [0, 1, 2, bytes.len() - 1] {
                assert!(
                    cut >= bytes.len() || read(&bytes[..cut]) == Reading::Partial,
                    "{len} {cut}"
                );
            }
        }
    }

    #[test]
    fn kinds() {
        for (kind, frame) in [
            (0x82, Frame::Message(b"a")),
            (0x88, Frame::Close),
            (0x89, Frame::Ping(b"a")),
            (0x8a, Frame::Pong),
        ] {
            assert_eq!(read(&server_frame(kind, b"a")), Reading::Whole(frame, 3));
        }
        for kind in [0x01, 0x80, 0xc1, 0x83] {
            assert_eq!(read(&server_frame(kind, b"a")), Reading::Unreadable);
        }
        assert_eq!(read(&[0x81, 0x80, 0, 0, 0, 0]), Reading::Unreadable);
        assert_eq!(
            read(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
            Reading::Partial
        );
    }

    #[test]
    fn masking_is_the_standards_example() {
        let mut out = Vec::new();
        write_text(b"Hello", 0x37fa_213d, &mut out);
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
    }

    #[test]
    fn upgrades() {
        let yes = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n0";
        assert_eq!(read_upgrade(yes), Ok(Some(yes.len() - 1)));
        assert_eq!(read_upgrade(&yes[..40]), Ok(None));
        assert_eq!(read_upgrade(b"HTTP/1.1 503 Busy\r\n\r\n"), Err(Refused));
        assert_eq!(read_upgrade(b"HTTP/1.1 101 Yes\r\n\r\n"), Err(Refused));
    }
}
