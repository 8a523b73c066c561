//! Centrifugo's bidirectional protocol in JSON.

use super::{Message, push_number, split_number};

/// Requests 1 and 2 are `connect` and `subscribe`.
const FIRST: u32 = 3;

pub(super) fn publish(sequence: u32, room: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"id":"#);
    push_number(sequence.wrapping_add(FIRST), out);
    out.extend_from_slice(br#","publish":{"channel":"r"#);
    push_number(room, out);
    out.extend_from_slice(br#"","data":""#);
}

pub(super) fn echo(sequence: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"id":"#);
    push_number(sequence.wrapping_add(FIRST), out);
    out.extend_from_slice(br#","rpc":{"method":"echo","data":""#);
}

#[inline]
pub(super) fn read(message: &[u8]) -> Message<'_> {
    let known = match message {
        b"{}" => Some(Message::Heartbeat),
        [b'{', b'"', b'p', ..] => push(message),
        _ => reply(message),
    };
    known.unwrap_or(Message::Unknown)
}

#[inline]
fn push(message: &[u8]) -> Option<Message<'_>> {
    let channel = message.strip_prefix(br#"{"push":{"channel":"r"#)?;
    let (_, rest) = split_number(channel)?;
    let payload = rest.strip_prefix(br#"","pub":{"data":""#)?;
    payload.strip_suffix(br#""}}}"#).map(Message::Delivery)
}

#[inline]
fn reply(message: &[u8]) -> Option<Message<'_>> {
    let (id, result) = split_number(message.strip_prefix(br#"{"id":"#)?)?;
    match (id, result) {
        (1, _) => result
            .starts_with(br#","connect":{"#)
            .then_some(Message::Connected),
        (2, br#","subscribe":{}}"#) => Some(Message::Joined),
        (_, br#","publish":{}}"#) => Some(Message::Receipt),
        (FIRST.., _) => {
            let payload = result
                .strip_prefix(br#","rpc":{"data":""#)?
                .strip_suffix(br#""}}"#)?;
            Some(Message::Echo(id - FIRST, payload))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        for (text, expected) in [
            (
                r#"{"id":1,"connect":{"client":"x","version":"","ping":25,"pong":true}}"#,
                Message::Connected,
            ),
            (r#"{"id":2,"subscribe":{}}"#, Message::Joined),
            (r#"{"id":3,"publish":{}}"#, Message::Receipt),
            (
                r#"{"id":14,"rpc":{"data":"payload"}}"#,
                Message::Echo(11, b"payload"),
            ),
            (
                r#"{"push":{"channel":"r12","pub":{"data":"payload"}}}"#,
                Message::Delivery(b"payload"),
            ),
            ("{}", Message::Heartbeat),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in [
            "",
            "[]",
            r#"{"id":1,"error":{"code":100,"message":"internal server error"}}"#,
            r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#,
            r#"{"push":{"channel":"r1","join":{}}}"#,
            r#"{"push":{"channel":"r1","pub":{"data":"payload"#,
            r#"{"push":{"disconnect":{"code":3000}}}"#,
            r#"{"id":"#,
        ] {
            assert_eq!(read(text.as_bytes()), Message::Unknown, "{text}");
        }
    }
}
