use proptest::prelude::*;

use super::*;

fn ok(text: &str) -> Packet<'_> {
    decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn event(text: &str) -> Event<'_> {
    match ok(text) {
        Packet::Event(event) => event,
        other => panic!("{text}: {other:?}"),
    }
}

fn ack(text: &str) -> Ack<'_> {
    match ok(text) {
        Packet::Ack(ack) => ack,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn connect_and_disconnect() {
    for (text, nsp, auth) in [
        ("0", "/", None),
        ("0{}", "/", Some("{}")),
        ("0/admin", "/admin", None),
        ("0/admin,", "/admin", None),
        (
            "0/admin,{\"token\":[1]} ",
            "/admin",
            Some("{\"token\":[1]} "),
        ),
        ("0/admin?a=1,", "/admin?a=1", None),
        ("01", "/", None),
        ("0/é,7{}", "/é", Some("{}")),
    ] {
        assert_eq!(decode(text), Ok(Packet::Connect { nsp, auth }), "{text}");
    }
    assert_eq!(decode("1"), Ok(Packet::Disconnect { nsp: "/" }));
    assert_eq!(decode("1/admin,"), Ok(Packet::Disconnect { nsp: "/admin" }));
    assert_eq!(
        decode("4{\"message\":\"x\"}"),
        Ok(Packet::ConnectError { nsp: "/" })
    );
}

#[test]
fn events_keep_their_bytes() {
    let text = r#"2/chat,12["a\u0062" , {"x":1.0,"x":12345678901234567890} ,"\ud800",1e999 ]"#;
    let event = event(text);
    assert_eq!(
        (event.nsp, event.id, event.name.as_ref()),
        ("/chat", Some(12), "ab")
    );
    assert_eq!(event.raw_name, r#""a\u0062""#);
    assert_eq!(
        event.args.text(),
        r#"{"x":1.0,"x":12345678901234567890} ,"\ud800",1e999"#
    );
    assert_eq!(event.args.len(), 3);
    assert_eq!(event.args.get(1), Some(r#""\ud800""#));
    assert_eq!(event.args.get(3), None);
    assert_eq!(event.args.iter().last(), Some("1e999"));
    assert_eq!(event.attachments, 0);
}

#[test]
fn events_without_arguments() {
    let event = event("2[\"a\"]");
    assert_eq!(
        (event.args.text(), event.args.len(), event.args.is_empty()),
        ("", 0, true)
    );
}

#[test]
fn numbers_are_names() {
    let event = event("2[1,2]");
    assert_eq!(
        (event.name.as_ref(), event.raw_name, event.args.text()),
        ("1", "1", "2")
    );
}

#[test]
fn what_node_leaves_open() {
    assert_eq!(decode("2"), Ok(Packet::Blank { nsp: "/" }));
    assert_eq!(decode("27"), Ok(Packet::Blank { nsp: "/" }));
    assert_eq!(decode("2/a,"), Ok(Packet::Blank { nsp: "/a" }));
    assert_eq!(ack("3[]").id, None);
    assert_eq!((ack("31").id, ack("31").args.len()), (Some(1), 0));
    assert_eq!(ack("312345[]").id, Some(12345));
    for text in [
        "2[\"\",1]",
        "2[\"connection\"]",
        "2[\"error\"]",
        "2[\"a\",{\"__proto__\":{\"x\":1}}]",
    ] {
        event(text);
    }
}

#[test]
fn ack_ids() {
    assert_eq!(event("2007[\"ack\"]").id, Some(7));
    assert_eq!(event("29007199254740992[\"ack\"]").id, Some(MAX_ACK_ID));
    for text in [
        "29007199254740993[\"ack\"]",
        "2999999999999999999999[\"ack\"]",
        "399999999999999999999999999[]",
    ] {
        assert_eq!(decode(text), Err(DecodeError::InvalidAckId), "{text}");
    }
}

#[test]
fn payloads_that_no_type_takes() {
    for text in [
        "0[]",
        "0\"x\"",
        "0null",
        "0 ",
        "0{}x",
        "0/admin,\"invalid\"",
        "1{}",
        "1/admin,{}",
        "1 ",
        "1x",
        "2{}",
        "2[]",
        "2[true]",
        "2[null,\"bar\"]",
        "2[{\"toString\":\"foo\"}]",
        "2[[\"a\"]]",
        "2[\"a\"",
        "2[\"a\"]x",
        "2/admin,\"invalid",
        "2/admin,{}",
        "442[\"some\",\"data\"".trim_start_matches("44"),
        "2[\"connect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\",\"123\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2[\"\\u0063onnect\"]",
        "2abc[\"a\"]",
        "2-1[\"ack\"]",
        "21 2[\"a\"]",
        "2é",
        "31{}",
        "3{}",
        "3x",
        "51-",
        "61-",
        "51-{}",
        "61-{}",
        "2[\"a\"\u{a0}]",
    ] {
        assert_eq!(decode(text), Err(DecodeError::InvalidPayload), "{text}");
    }
}

#[test]
fn types_that_are_none() {
    for text in [
        "",
        "7",
        "999",
        "abc",
        "é1234",
        "\u{1f600}",
        " 2[\"a\"]",
        "-",
    ] {
        assert_eq!(decode(text), Err(DecodeError::UnknownType), "{text}");
    }
}

#[test]
fn attachment_counts() {
    for text in [
        "5",
        "51",
        "5a-",
        "51.23-[\"a\"]",
        "5-1-[\"a\"]",
        "50-[\"a\"]",
        "5-[\"a\"]",
        "51e0-[\"a\"]",
        "5 1-[\"a\"]",
        "51 -[\"a\"]",
        "6",
        "6x-[]",
        "5\u{661}-[\"a\"]",
    ] {
        assert_eq!(decode(text), Err(DecodeError::IllegalAttachments), "{text}");
    }
    for text in ["511-[\"a\"]", "599999999999999999999999-[\"a\"]", "611-[]"] {
        assert_eq!(decode(text), Err(DecodeError::TooManyAttachments), "{text}");
    }
    let event = event("510-/admin,3[\"a\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(
        (event.attachments, event.nsp, event.id),
        (10, "/admin", Some(3))
    );
    assert!(event.args.has_placeholder());
    assert_eq!(
        ack("61-4[{\"_placeholder\":true,\"num\":0}]").attachments,
        1
    );
}

#[test]
fn a_placeholder_without_attachments_is_text() {
    let event = event(r#"2["a",{"_\u0070laceholder":true,"num":0}]"#);
    assert!(event.args.has_placeholder());
    assert_eq!(event.args.placeholders().len(), 1);
    assert!(
        !super::tests::event(r#"2["a",{"_placeholder":false}]"#)
            .args
            .has_placeholder()
    );
}

#[test]
fn depth() {
    let nested = |depth: usize| format!("2[\"a\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert!(decode(&nested(300)).is_ok());
    assert!(decode(&nested(json::MAX_DEPTH - 1)).is_ok());
    assert_eq!(decode(&nested(json::MAX_DEPTH)), Err(DecodeError::TooDeep));
}

proptest! {
    #[test]
    fn nothing_panics_and_json_is_judged_as_by_serde(
        text in prop_oneof![
            any::<String>(),
            "[0-9][0-9-]{0,3}(/[a-z]{0,3},?)?[0-9]{0,20}[\\[\\]{}\",:a-z0-9\\\\. ]{0,30}",
            "[\\[\\]{}\",:ntf0-9eE+.\\\\u -]{0,20}",
        ],
    ) {
        let _ = decode(&text);
        let _ = json::get(&text, &["a", "0"]);
        json::placeholders(&text);
        let serde = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(json::value(&text).is_ok(), serde, "{}", text);
    }

    #[test]
    fn values_that_serde_writes_are_read(value in value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).expect("it is JSON")] {
            prop_assert_eq!(json::value(&text), Ok(()));
            let payload = format!("2[\"a\",{text}]");
            let Packet::Event(event) = ok(&payload) else { return Err(TestCaseError::fail("no event")) };
            prop_assert_eq!(event.args.get(0), Some(text.as_str()));
        }
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let pairs = proptest::collection::vec((any::<String>(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Into::into),
            pairs.prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}
