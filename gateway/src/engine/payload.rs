//! The body of a poll or a POST: packets with a separator between them, bytes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::packet::{self, Malformed, Packet};

/// What stands between packets. JSON never has it unescaped.
pub const SEPARATOR: u8 = 0x1e;

/// Appends a packet, its type included.
pub fn push_text(out: &mut Vec<u8>, packet: &[u8]) {
    separate(out);
    out.extend_from_slice(packet);
}

/// Appends a binary message.
pub fn push_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    separate(out);
    out.push(b'b');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(
        written,
        Ok(out.len() - start),
        "four characters for every three bytes begun"
    );
}

/// The bytes that [`push_text`] will append for a packet of this size, or more by one.
pub fn text_size(packet: usize) -> usize {
    packet + 1
}

/// The bytes that [`push_binary`] will append for a message of this size, or more by one.
pub fn binary_size(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 + 2
}

fn separate(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(SEPARATOR);
    }
}

/// The packets of a body; it ends after the first that is malformed. An empty body is one malformed packet.
pub fn packets(body: &str) -> impl Iterator<Item = Result<Packet<'_>, Malformed>> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let body = rest.take()?;
        let (text, after) = match memchr::memchr(SEPARATOR, body.as_bytes()) {
            Some(at) => (&body[..at], Some(&body[at + 1..])),
            None => (body, None),
        };
        let packet = packet::decode(text);
        rest = after.filter(|_| packet.is_ok());
        Some(packet)
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies() {
        let all = |body| packets(body).collect::<Vec<_>>();
        assert_eq!(
            all("4a\u{1e}bAQ==\u{1e}4\u{1e}3"),
            [
                Ok(Packet::Message("a")),
                Ok(Packet::Binary(Cow::Borrowed(&[1]))),
                Ok(Packet::Message("")),
                Ok(Packet::Pong("")),
            ]
        );
        assert_eq!(all(""), [Err(Malformed)]);
        assert_eq!(all("abc\u{1e}4a"), [Err(Malformed)]);
        assert_eq!(all("4a\u{1e}"), [Ok(Packet::Message("a")), Err(Malformed)]);
        assert_eq!(all("\u{1e}4a"), [Err(Malformed)]);
    }

    #[derive(Clone, Debug)]
    enum Message {
        Text(String),
        Binary(Vec<u8>),
    }

    fn message() -> impl Strategy<Value = Message> {
        let binary = proptest::collection::vec(any::<u8>(), 0..50).prop_map(Message::Binary);
        prop_oneof!["[^\u{1e}]{0,30}".prop_map(Message::Text), binary]
    }

    proptest! {
        #[test]
        fn decode_gives_back_what_encode_took(messages in proptest::collection::vec(message(), 1..10)) {
            let (mut body, mut bound) = (Vec::new(), 0);
            for message in &messages {
                match message {
                    Message::Text(text) => {
                        push_text(&mut body, format!("4{text}").as_bytes());
                        bound += text_size(text.len() + 1);
                    }
                    Message::Binary(bytes) => {
                        push_binary(&mut body, bytes);
                        bound += binary_size(bytes.len());
                    }
                }
            }
            prop_assert!(body.len() <= bound);
            let body = String::from_utf8(body).expect("a body is text");
            let expected: Vec<_> = messages.iter().map(|message| Ok(match message {
                Message::Text(text) => Packet::Message(text),
                Message::Binary(bytes) => Packet::Binary(Cow::Borrowed(bytes)),
            })).collect();
            prop_assert_eq!(packets(&body).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn nothing_panics(body in "[0-9b\u{1e}é]{0,30}", any in any::<String>()) {
            packets(&body).for_each(drop);
            packets(&any).for_each(drop);
        }
    }
}
