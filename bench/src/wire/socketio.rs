//! Socket.IO v5 over Engine.IO v4.

use super::{Change, Message, push_number, split_number};

pub(super) fn publish(room: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"42/bench,["pub","r"#);
    push_number(room, out);
    out.extend_from_slice(br#"",""#);
}

/// Ack id 0 is the join's.
pub(super) fn echo(sequence: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"42/bench,");
    push_number(sequence.wrapping_add(1), out);
    out.extend_from_slice(br#"["echo",""#);
}

/// Ack id 0 is the first join's.
pub(super) fn change(change: Change, sequence: u32, room: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"42/bench,");
    push_number(sequence.wrapping_add(1), out);
    out.extend_from_slice(match change {
        Change::Join => br#"["join","r"#,
        Change::Leave => br#"["leave","r"#,
    });
    push_number(room, out);
    out.extend_from_slice(br#""]"#);
}

#[inline]
pub(super) fn read(message: &[u8]) -> Message<'_> {
    let known = match message {
        b"2" => Some(Message::Heartbeat),
        [b'4', b'2', rest @ ..] => delivery(rest),
        [b'4', b'3', rest @ ..] => answer(rest),
        [b'4', b'0', rest @ ..] => rest
            .starts_with(br#"/bench,{"sid":""#)
            .then_some(Message::Connected),
        [b'0', rest @ ..] => opened(rest),
        _ => None,
    };
    known.unwrap_or(Message::Unknown)
}

#[inline]
fn delivery(rest: &[u8]) -> Option<Message<'_>> {
    let payload = rest.strip_prefix(br#"/bench,["msg",""#)?;
    payload.strip_suffix(br#""]"#).map(Message::Delivery)
}

#[inline]
fn answer(rest: &[u8]) -> Option<Message<'_>> {
    let (id, args) = split_number(rest.strip_prefix(b"/bench,")?)?;
    if id == 0 {
        return (args == b"[]").then_some(Message::Joined);
    }
    if args == b"[]" {
        return Some(Message::Done(id - 1));
    }
    let payload = args.strip_prefix(br#"[""#)?.strip_suffix(br#""]"#)?;
    Some(Message::Echo(id - 1, payload))
}

fn opened(rest: &[u8]) -> Option<Message<'_>> {
    let text = std::str::from_utf8(rest).ok()?;
    let (_, from_sid) = text.split_once(r#""sid":""#)?;
    let (sid, _) = from_sid.split_once('"')?;
    Some(Message::Opened(sid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        for (text, expected) in [
            (
                r#"0{"sid":"abc","upgrades":[],"pingInterval":25000}"#,
                Message::Opened("abc"),
            ),
            (r#"40/bench,{"sid":"x"}"#, Message::Connected),
            ("43/bench,0[]", Message::Joined),
            ("43/bench,8[]", Message::Done(7)),
            (r#"43/bench,12["payload"]"#, Message::Echo(11, b"payload")),
            (
                r#"42/bench,["msg","payload"]"#,
                Message::Delivery(b"payload"),
            ),
            ("2", Message::Heartbeat),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn changes() {
        let mut out = Vec::new();
        change(Change::Join, 7, 12, &mut out);
        assert_eq!(out, br#"42/bench,8["join","r12"]"#);
        out.clear();
        change(Change::Leave, 0, 3, &mut out);
        assert_eq!(out, br#"42/bench,1["leave","r3"]"#);
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in [
            "",
            "3",
            "41/bench,",
            r#"44/bench,{"message":"no"}"#,
            r#"42/bench,["other","payload"]"#,
            r#"42/bench,["msg","payload""#,
            r#"42/other,["msg","payload"]"#,
            r#"42/bench,["error",{"code":"invalid"}]"#,
            r#"43/bench,0[{"error":{"code":"invalid"}}]"#,
            r#"43/bench,1[{"error":{"code":"invalid"}}]"#,
            "43/bench,[]",
            "0{}",
        ] {
            assert_eq!(read(text.as_bytes()), Message::Unknown, "{text}");
        }
    }
}
