use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn packed(json: &str, attachments: &[&'static [u8]]) -> Result<Vec<u8>, WireError> {
    let attachments: Vec<Bytes> = attachments
        .iter()
        .map(|it| Bytes::from_static(it))
        .collect();
    let mut out = Vec::new();
    let data = DataRef {
        json,
        attachments: &attachments,
    };
    to_msgpack(&mut out, data).map(|()| out)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[test]
fn json_becomes_what_notepack_sends() {
    for (json, bytes) in [
        ("null", "c0"),
        (" true ", "c3"),
        ("[false]", "91 c2"),
        (
            "[0,-0,127,128,255,256,65535,65536]",
            "98 00 00 7f cc80 ccff cd0100 cdffff ce00010000",
        ),
        (
            "[4294967295,4294967296]",
            "92 ceffffffff cf0000000100000000",
        ),
        ("[-1,-32,-33,-128,-129]", "95 ff e0 d0df d080 d1ff7f"),
        (
            "[-32768,-32769,-2147483648,-2147483649]",
            "94 d18000 d2ffff7fff d280000000 d3ffffffff7fffffff",
        ),
        ("9007199254740992", "cf0020000000000000"),
        ("-9007199254740992", "d3ffe0000000000000"),
        ("9007199254740993", "cb4340000000000000"),
        ("[1.5,1e3]", "92 cb3ff8000000000000 cb408f400000000000"),
        ("[1e999,-1e999]", "92 cb7ff0000000000000 cbfff0000000000000"),
        (r#""é\u0041\n""#, "a4 c3a9 41 0a"),
        (r#""\ud800""#, "a3 eda080"),
        (r#""\ud83d\ude00""#, "a4 f09f9880"),
        ("{}", "80"),
        (
            r#"{"a":[],"b":{"c":[{}]}}"#,
            "82 a161 90 a162 81 a163 91 80",
        ),
        (r#"{"a":1,"b":2,"\u0061":3}"#, "82 a162 02 a161 03"),
        (r#"{"a":{"x":[1,2]},"a":"b"}"#, "81 a161 a162"),
        (r#"{"__proto__":{"x":1},"y":2}"#, "81 a179 02"),
        (r#"["a:b",{"k":"v"}]"#, "92 a3613a62 81 a16b a176"),
    ] {
        assert_eq!(packed(json, &[]), Ok(hex(bytes)), "{json}");
    }
    let long = format!("\"{}\"", "x".repeat(300));
    assert_eq!(packed(&long, &[]).unwrap()[..3], hex("da012c"));
    let long = format!("[{}0]", "0,".repeat(70_000));
    assert_eq!(packed(&long, &[]).unwrap()[..5], hex("dd00011171"));
}

#[test]
fn placeholders_become_what_they_stand_for() {
    let json = r#"["a",{"_placeholder":true,"num":1},{"x":{"num":0,"_\u0070laceholder":true}}]"#;
    let bytes = hex("93 a161 c40102 81 a178 c40101");
    assert_eq!(packed(json, &[b"\x01", b"\x02"]), Ok(bytes));
    let twice = r#"{"a":{"_placeholder":true,"num":0},"a":{"_placeholder":true,"num":1}}"#;
    assert_eq!(
        packed(twice, &[b"\x01", b"\x02"]),
        Ok(hex("81 a161 c40102"))
    );
    for num in ["2", "-1", "0.5", "\"0\"", "null"] {
        let json = format!(r#"[{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(
            packed(&json, &[b"", b""]),
            Err(WireError::Placeholder),
            "{num}"
        );
    }
}

#[test]
fn without_attachments_a_placeholder_is_an_object() {
    let json = r#"[{"_placeholder":true,"num":0}]"#;
    let bytes = packed(json, &[]).unwrap();
    assert_eq!(from_msgpack(&bytes), Ok(Data::text(json)));
}

#[test]
fn msgpack_becomes_what_stringify_gives() {
    for (bytes, json) in [
        ("c0", "null"),
        ("93 c2 c3 d40000", "[false,true,null]"),
        ("83 a161 d40000 a162 01 a163 d40000", r#"{"b":1}"#),
        ("82 01 a178 cb3ff8000000000000 02", r#"{"1":"x","1.5":2}"#),
        ("81 ff c0", r#"{"-1":null}"#),
        (
            "94 cb3ff0000000000000 cb8000000000000000 ca3fc00000 cb444b1ae4d6e2ef50",
            "[1,0,1.5,1e+21]",
        ),
        ("cb 3ea0c6f7a0b5ed8d", "5e-7"),
        (
            "93 cb7ff8000000000000 cb7ff0000000000000 caff800000",
            "[null,null,null]",
        ),
        ("cfffffffffffffffff", "18446744073709552000"),
        ("d38000000000000000", "-9223372036854776000"),
        (
            "96 cc80 cdffff ceffffffff d080 d18000 d280000000",
            "[128,65535,4294967295,-128,-32768,-2147483648]",
        ),
        ("d6ff00000000", r#""1970-01-01T00:00:00.000Z""#),
        ("d7ff 1d4f5b00 00000001", r#""1970-01-01T00:00:01.122Z""#),
        (
            "c70cff 00000000 ffffffffffffffff",
            r#""1969-12-31T23:59:59.000Z""#,
        ),
        ("d700 00000000000003e8", r#""1970-01-01T00:00:01.000Z""#),
        ("d700 7fffffffffffffff", "null"),
        ("a3 22 5c 0a", r#""\"\\\n""#),
        ("a3 eda080", "\"\u{fffd}\u{fffd}\u{fffd}\""),
        ("a2 ff41", "\"\u{fffd}A\""),
        ("d903 616263", r#""abc""#),
        ("dc0002 01 02", "[1,2]"),
        ("dd00000001 df00000001 a161 de0000", r#"[{"a":{}}]"#),
    ] {
        assert_eq!(from_msgpack(&hex(bytes)), Ok(Data::text(json)), "{bytes}");
    }
}

#[test]
fn binary_parts_are_taken_out_or_written_as_buffers() {
    let bytes = hex("92 c40101 81 a178 c7020002 03");
    let data = from_msgpack(&bytes).unwrap();
    assert_eq!(
        &*data.json,
        r#"[{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]"#
    );
    assert_eq!(data.attachments, [&b"\x01"[..], &b"\x02\x03"[..]]);
    assert_eq!(
        stringify(&bytes).as_deref(),
        Ok(r#"[{"type":"Buffer","data":[1]},{"x":{"type":"Buffer","data":[2,3]}}]"#)
    );
    let impostor = hex("92 c40101 82 ac 5f706c616365686f6c646572 c3 a36e756d 00");
    assert_eq!(from_msgpack(&impostor), Err(WireError::Placeholder));
}

#[test]
fn hostile_bytes_are_refused() {
    for (bytes, error) in [
        ("", WireError::Length),
        ("c1", WireError::Malformed),
        ("92 01", WireError::Length),
        ("01 01", WireError::Length),
        ("a5 61", WireError::Length),
        ("ddffffffff", WireError::Length),
        ("dfffffffff 01", WireError::Length),
        ("dbffffffff 61", WireError::Length),
        ("c6ffffffff 61", WireError::Length),
        ("c9ffffffff 00 61", WireError::Length),
        ("d7 00 01", WireError::Length),
        ("d5 ff 0101", WireError::Malformed),
        ("d4 01 00", WireError::Malformed),
        ("c70105 00", WireError::Malformed),
        ("81 90 01", WireError::Malformed),
        ("81 c40161 01", WireError::Malformed),
        ("81 c0 01", WireError::Malformed),
        ("cb 00", WireError::Length),
    ] {
        assert_eq!(from_msgpack(&hex(bytes)), Err(error), "{bytes}");
    }
    for json in ["", "[", "[1,]", "nul", "{\"a\" 1}", "1 2", "\"\\x\""] {
        assert_eq!(packed(json, &[]), Err(WireError::Malformed), "{json}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deepest = packed(&nested(MAX_DEPTH), &[]).unwrap();
    assert_eq!(from_msgpack(&deepest), Ok(Data::text(nested(MAX_DEPTH))));
    assert_eq!(packed(&nested(MAX_DEPTH + 1), &[]), Err(WireError::Depth));
    let mut deeper = vec![0x91; MAX_DEPTH];
    deeper.push(0x90);
    assert_eq!(from_msgpack(&deeper), Err(WireError::Depth));
    // What stands for a binary part nests too.
    let binary = |depth: usize| [vec![0x91; depth], vec![0xc4, 0]].concat();
    assert!(from_msgpack(&binary(MAX_DEPTH - 1)).is_ok());
    assert_eq!(from_msgpack(&binary(MAX_DEPTH)), Err(WireError::Depth));
    assert!(stringify(&binary(MAX_DEPTH - 2)).is_ok());
    assert_eq!(stringify(&binary(MAX_DEPTH - 1)), Err(WireError::Depth));
    let endless = vec![0x91; 1 << 20];
    assert_eq!(from_msgpack(&endless), Err(WireError::Depth));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-(1_i64 << 53)..=1 << 53).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            prop::collection::hash_map(".{0,6}", inner, 0..20)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Numbers as doubles: what JavaScript tells apart.
fn doubles(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => number.as_f64().map(|it| it + 0.0).into(),
        Value::Array(values) => values.into_iter().map(doubles).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, it)| (key, doubles(it)))
            .collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn a_value_comes_back(value in any_json()) {
        let bytes = packed(&value.to_string(), &[]).unwrap();
        let back = from_msgpack(&bytes).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&back.json).unwrap();
        prop_assert_eq!(doubles(parsed), doubles(value));
        // What has come back once stays as it is.
        let again = from_msgpack(&packed(&back.json, &[]).unwrap()).unwrap();
        prop_assert_eq!(again, back);
    }

    #[test]
    fn numbers_are_read_back(number in any::<f64>().prop_filter("finite", |it| it.is_finite())) {
        prop_assert_eq!(number_text(number).parse::<f64>().unwrap(), number);
    }

    #[test]
    fn any_bytes_become_json_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(data) = from_msgpack(&bytes) {
            prop_assert_eq!(json::value(&data.json), Ok(()));
            let mut out = Vec::new();
            to_msgpack(&mut out, data.borrow()).unwrap();
        }
        if let Ok(text) = stringify(&bytes) {
            prop_assert_eq!(json::value(&text), Ok(()));
        }
    }

    #[test]
    fn any_text_is_packed_or_refused(text in r#"[\[\]{}:,"\\a-c0-9eE.+\- ]{0,40}"#) {
        let serde = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(packed(&text, &[]).is_ok(), serde, "{}", text);
    }
}
