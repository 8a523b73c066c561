use super::*;

fn elements(text: &str) -> Result<Vec<&str>, Fault> {
    Ok(array(text)?
        .elements
        .iter()
        .map(|span| &text[span.range()])
        .collect())
}

#[test]
fn takes_what_json_parse_takes() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.5",
        "0.5e10",
        "1E+5",
        "1e-5",
        "1e999",
        "\"\"",
        "\"é\u{2028}\u{7f}\"",
        r#""\ud800""#,
        r#""\"\\\/\b\f\n\r\t\u00e9""#,
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        " \t\n\r[ 1 , 2 ] ",
        r#"{"a":1,"a":2}"#,
        r#"{"":{"__proto__":[]}}"#,
        "12345678901234567890123",
        "\"12345678901234567\"",
    ] {
        assert_eq!(value(text), Ok(()), "{text}");
    }
}

#[test]
fn refuses_what_json_parse_refuses() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "undefined",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"a\u{1f}aaaaaaaa\"",
        "\"aaaaaaaa\u{0}\"",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1]]",
        "[1}",
        "{",
        "}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1]",
        "{a:1}",
        "{,}",
        "[1]x",
        "[]\u{a0}",
        "\u{feff}[]",
        "[\u{b}]",
        "// x",
        "[]\u{0}",
        "\"\\",
    ] {
        assert_eq!(value(text), Err(Fault::Syntax), "{text}");
    }
}

#[test]
fn agrees_with_serde_on_every_cut_of_a_text() {
    let text = r#" [ "a\u00e9\"x" , -1.5e+7 , { "k" : [ true , null ] , "l" : { } } , [ ] , 0 ] "#;
    for end in 0..=text.len() {
        let cut = &text[..end];
        assert_eq!(
            value(cut).is_ok(),
            serde_json::from_str::<serde::de::IgnoredAny>(cut).is_ok(),
            "{cut}"
        );
    }
}

#[test]
fn elements_are_told() {
    assert_eq!(elements("[]"), Ok(vec![]));
    assert_eq!(elements(" [ ] "), Ok(vec![]));
    assert_eq!(
        elements(r#"[ "a,]" , {"x":[1,2]},[3 ],-4 ,null]"#),
        Ok(vec![r#""a,]""#, r#"{"x":[1,2]}"#, "[3 ]", "-4", "null"])
    );
    for text in ["{}", "1", "", "[1", "[1]x", "[1,]", "[,]"] {
        assert_eq!(elements(text), Err(Fault::Syntax), "{text}");
    }
}

#[test]
fn depth_is_counted_from_the_outermost() {
    let nest = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    assert!(array(&nest("[", "]", MAX_DEPTH)).is_ok());
    assert_eq!(array(&nest("[", "]", MAX_DEPTH + 1)), Err(Fault::Depth));
    assert_eq!(value(&nest("[", "]", MAX_DEPTH)), Ok(()));
    assert_eq!(value(&nest("[", "]", MAX_DEPTH + 1)), Err(Fault::Depth));
    let objects = |depth: usize| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    assert_eq!(object(&objects(MAX_DEPTH)), Ok(()));
    assert_eq!(object(&objects(MAX_DEPTH + 1)), Err(Fault::Depth));
    assert_eq!(value(&"[".repeat(1_000_000)), Err(Fault::Depth));
}

#[test]
fn mixed_nesting_is_closed_in_order() {
    assert_eq!(value(r#"[{"a":[{"b":[]}]}]"#), Ok(()));
    assert_eq!(value(r#"[{"a":[{"b":[}]}]"#), Err(Fault::Syntax));
    assert_eq!(value(r#"[{"a":[{"b":[]]}]"#), Err(Fault::Syntax));
}

#[test]
fn the_placeholder_key_raises_suspicion() {
    for (text, suspicious) in [
        (r#"["_placeholder"]"#, false),
        (r#"["a",{"_placeholder":true}]"#, true),
        (r#"["a",[{"x":{"_\u0070laceholder":true}}]]"#, true),
        (r#"["a",{"placeholder":true}]"#, false),
    ] {
        assert_eq!(
            array(text).map(|array| array.suspicious),
            Ok(suspicious),
            "{text}"
        );
    }
}
