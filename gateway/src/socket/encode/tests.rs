use proptest::prelude::*;

use super::super::frame::{Frames, Opcode};
use super::super::packet::{Packet, decode};
use super::*;

/// What the frames carry, texts as they are, binary in `<…>`.
fn shown(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let mut out = Vec::new();
    encode(&mut out);
    let mut frames = Frames::new(&out);
    let shown = frames
        .by_ref()
        .map(|frame| match frame.opcode {
            Opcode::Text => String::from_utf8(frame.payload.to_vec()).expect("text is UTF-8"),
            _ => format!("<{:?}>", frame.payload),
        })
        .collect();
    assert_eq!(frames.rest(), b"");
    shown
}

#[test]
fn packets() {
    let bytes = [Bytes::from_static(&[1, 2]), Bytes::new()];
    for (frames, expected) in [
        (
            shown(|out| event(out, "/", None, "\"a\"", "", &[])),
            &["42[\"a\"]"][..],
        ),
        (
            shown(|out| event(out, "/chat", Some(0), "\"a\"", "1, 2", &[])),
            &["42/chat,0[\"a\",1, 2]"],
        ),
        (
            shown(|out| event(out, "/chat", Some(12), "7", "{}", &bytes)),
            &["452-/chat,12[7,{}]", "<[1, 2]>", "<[]>"],
        ),
        (
            shown(|out| ack(out, "/", u64::MAX, "", &[])),
            &["4318446744073709551615[]"],
        ),
        (
            shown(|out| ack(out, "/x", 3, "1", &bytes[..1])),
            &["461-/x,3[1]", "<[1, 2]>"],
        ),
        (
            shown(|out| connect(out, "/", "S", None)),
            &["40{\"sid\":\"S\"}"],
        ),
        (
            shown(|out| connect(out, "/x", "S", Some("P"))),
            &["40/x,{\"sid\":\"S\",\"pid\":\"P\"}"],
        ),
        (
            shown(|out| connect_error(out, "/nope", "Invalid namespace", None)),
            &["44/nope,{\"message\":\"Invalid namespace\"}"],
        ),
        (
            shown(|out| connect_error(out, "/", "a\"b", Some("{\"x\":1}"))),
            &["44{\"message\":\"a\\\"b\",\"data\":{\"x\":1}}"],
        ),
        (shown(|out| disconnect(out, "/")), &["41"]),
        (shown(|out| disconnect(out, "/x")), &["41/x,"]),
    ] {
        assert_eq!(frames, expected);
    }
}

proptest! {
    #[test]
    fn decode_gives_back_what_encode_took(
        nsp in "/[a-z?=é./-]{0,20}",
        id in proptest::option::of(0..=super::super::packet::MAX_ACK_ID),
        name in ".{0,20}",
        args in proptest::collection::vec(any::<f32>().prop_filter("JSON", |n| n.is_finite()), 0..5),
        texts in proptest::collection::vec(any::<String>(), 0..5),
        attachments in 0..=super::super::packet::MAX_ATTACHMENTS,
    ) {
        let mut raw_name = String::new();
        json::quote(&mut raw_name, &name);
        let mut parts: Vec<String> = args.iter().map(|number| format!("{number:?}")).collect();
        parts.extend(texts.iter().map(|text| serde_json::to_string(text).expect("a string is JSON")));
        let args = parts.join(",");
        let bytes = vec![Bytes::from_static(b"x"); attachments];
        let frames = shown(|out| event(out, &nsp, id, &raw_name, &args, &bytes));
        prop_assert_eq!(frames.len(), 1 + attachments);
        match decode(&frames[0][1..]) {
            Ok(Packet::Event(event)) => {
                prop_assert_eq!(event.nsp, nsp);
                prop_assert_eq!(event.id, id);
                prop_assert_eq!(event.name, name);
                prop_assert_eq!(event.raw_name, raw_name);
                prop_assert_eq!(event.args.text(), args);
                prop_assert_eq!(event.args.iter().collect::<Vec<_>>(), parts);
                prop_assert_eq!(event.attachments, attachments);
            }
            other => prop_assert!(
                ["connect", "connect_error", "disconnect", "disconnecting"].contains(&name.as_str()),
                "{:?}", other
            ),
        }
    }
}
