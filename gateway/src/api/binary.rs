//! Binary arguments in JSON: `{"$b64": "…"}` outside, an attachment and its placeholder inside.
//!
//! A real object whose only key starts with `$` carries one more `$` outside. Everything else keeps its bytes.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use bytes::Bytes;

mod walk;

use walk::{Object, Walk};

/// Arguments as they travel inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// JSON texts joined by commas, without brackets.
    pub(super) text: String,
    /// What the placeholders in `text` name.
    pub(super) attachments: Vec<Bytes>,
}

/// Why an argument is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BinaryError {
    /// Nested too deep.
    #[error("nested deeper than {} levels", walk::MAX_DEPTH)]
    TooDeep,
    /// The text is no base64.
    #[error("`$b64` is not base64: {0}")]
    NotBase64(base64::DecodeError),
    /// More attachments than clients take.
    #[error("more than {MAX_ATTACHMENTS} binary values in one event")]
    TooMany,
    /// A placeholder beside attachments would name one of them.
    #[error("an object with `_placeholder` cannot travel beside binary values")]
    Placeholder,
}

/// Reads the arguments of an event, each a valid JSON text; an error names the argument.
pub(super) fn inward<'a>(
    args: impl Iterator<Item = &'a str>,
) -> Result<Arguments, (usize, BinaryError)> {
    let mut inside = Arguments::default();
    let mut placeholder = None;
    for (index, arg) in args.enumerate() {
        if index > 0 {
            inside.text.push(',');
        }
        let attachments = &mut inside.attachments;
        let mut literal = false;
        let text = rewrite(arg, |object| {
            literal |= object.is_placeholder;
            inward_edit(object, attachments)
        });
        inside.text.push_str(&text.map_err(|error| (index, error))?);
        if literal {
            placeholder.get_or_insert(index);
        }
    }
    match placeholder {
        Some(index) if !inside.attachments.is_empty() => Err((index, BinaryError::Placeholder)),
        _ => Ok(inside),
    }
}

/// Writes arguments for a reader outside; `text` is without brackets, and so is the answer.
pub(super) fn outward<'a>(text: &'a str, attachments: &[Bytes]) -> Cow<'a, str> {
    let edit = |object: &Object<'_>| Ok(outward_edit(object, attachments));
    // What is inside was read by a parser with the same bound on depth, so no error is left to happen.
    rewrite(text, edit).unwrap_or(Cow::Borrowed("null"))
}

/// One replacement: the bytes from `start` to `end` become `with`.
struct Edit {
    start: usize,
    end: usize,
    with: String,
}

fn inward_edit(
    object: &Object<'_>,
    attachments: &mut Vec<Bytes>,
) -> Result<Option<Edit>, BinaryError> {
    let Some((at, key)) = object.only_dollar_key() else {
        return Ok(None);
    };
    if key == "$b64"
        && let Some(value) = &object.only_text
    {
        let bytes = LENIENT.decode(&**value).map_err(BinaryError::NotBase64)?;
        if attachments.len() == MAX_ATTACHMENTS {
            return Err(BinaryError::TooMany);
        }
        let with = format!(r#"{{"_placeholder":true,"num":{}}}"#, attachments.len());
        attachments.push(bytes.into());
        return Ok(Some(Edit {
            start: object.start,
            end: object.end,
            with,
        }));
    }
    let escaped = key.starts_with("$$");
    Ok(escaped.then(|| Edit {
        start: at.start,
        end: at.end,
        with: quoted(&key[1..]),
    }))
}

fn outward_edit(object: &Object<'_>, attachments: &[Bytes]) -> Option<Edit> {
    if object.is_placeholder
        && let Some(bytes) = object.num.and_then(|num| attachments.get(num))
    {
        return Some(Edit {
            start: object.start,
            end: object.end,
            with: format!(r#"{{"$b64":"{}"}}"#, STANDARD.encode(bytes)),
        });
    }
    let (at, _) = object.only_dollar_key()?;
    Some(Edit {
        start: at.start + 1,
        end: at.start + 1,
        with: "$".to_owned(),
    })
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Applies the edit that each object asks for. Inner objects close first, so edits are put in order at the end.
fn rewrite(
    text: &str,
    mut edit: impl FnMut(&Object<'_>) -> Result<Option<Edit>, BinaryError>,
) -> Result<Cow<'_, str>, BinaryError> {
    let mut edits = Vec::new();
    Walk::new(text).objects(|object| {
        edits.extend(edit(object)?);
        Ok(())
    })?;
    if edits.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    edits.sort_by_key(|edit| edit.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Edit { start, end, with } in edits {
        out.push_str(&text[done..start]);
        out.push_str(&with);
        done = end;
    }
    out.push_str(&text[done..]);
    Ok(Cow::Owned(out))
}

/// Browsers' parsers refuse a packet with more.
const MAX_ATTACHMENTS: usize = 10;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_in(args: &[&str], expected: Result<(&str, &[&str]), BinaryError>) {
        let found = inward(args.iter().copied()).map_err(|(_, error)| error);
        let expected = expected.map(|(text, attachments)| Arguments {
            text: text.to_owned(),
            attachments: attachments
                .iter()
                .map(|a| a.as_bytes().to_vec().into())
                .collect(),
        });
        assert_eq!(found, expected, "{args:?}");
    }

    fn check_out(text: &str, attachments: &[&str], expected: &str) {
        let attachments: Vec<Bytes> = attachments
            .iter()
            .map(|a| a.as_bytes().to_vec().into())
            .collect();
        assert_eq!(outward(text, &attachments), expected, "{text}");
    }

    #[test]
    fn what_is_not_escaped_keeps_its_bytes() {
        for text in [
            r#"12345678901234567890"#,
            r#"{ "a" : 1.0, "a":[ ] , "\u00e9": "$b64" }"#,
            r#"{"$other":1}"#,
            r#"{"$b64":1}"#,
            r#"{"$b64":"AA==","more":1}"#,
            r#"{"$$b64":"AA==","more":1}"#,
            r#"{"_placeholder":true,"num":0}"#,
            r#"[{"a":"}{\"$b64\":\"\\"}]"#,
        ] {
            check_in(&[text], Ok((text, &[])));
        }
    }

    #[test]
    fn inward_takes_attachments_and_escapes() {
        let first = r#"{"_placeholder":true,"num":0}"#;
        let second = r#"{"_placeholder":true,"num":1}"#;
        check_in(&[r#"{"$b64":"aGk="}"#], Ok((first, &["hi"])));
        check_in(&[r#"{ "\u0024b64" : "aGk" }"#], Ok((first, &["hi"])));
        check_in(&[r#"{"$b64":"aG\u006b="}"#], Ok((first, &["hi"])));
        let nested = [r#"[1,{"x":{"$b64":""}}]"#, r#"{"$b64":"aGk="}"#];
        check_in(
            &nested,
            Ok((&format!(r#"[1,{{"x":{first}}}],{second}"#), &["", "hi"])),
        );
        check_in(&[r#"{"$$b64":"x"}"#], Ok((r#"{"$b64":"x"}"#, &[])));
        check_in(&[r#"{"$$$a":{"$$b":1}}"#], Ok((r#"{"$$a":{"$b":1}}"#, &[])));
    }

    #[test]
    fn inward_refuses() {
        let bad = inward([r#"{"$b64":"?"}"#].into_iter());
        assert!(matches!(bad, Err((0, BinaryError::NotBase64(_)))));
        let mixed = [r#"{"num":0,"\u005fplaceholder":true}"#, r#"{"$b64":""}"#];
        check_in(&mixed, Err(BinaryError::Placeholder));
        check_in(&[r#"{"$b64":""}"#; 11], Err(BinaryError::TooMany));
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        check_in(&[&deep(512)], Ok((&deep(512), &[])));
        check_in(&[&deep(513)], Err(BinaryError::TooDeep));
    }

    #[test]
    fn outward_is_the_inverse() {
        check_out(
            r#"1,{"$a":1},{"$a":1,"b":2}"#,
            &[],
            r#"1,{"$$a":1},{"$a":1,"b":2}"#,
        );
        check_out(
            r#"[{"num":1,"_placeholder":true}],{"_placeholder":true,"num":0}"#,
            &["a", "hi"],
            r#"[{"$b64":"aGk="}],{"$b64":"YQ=="}"#,
        );
        check_out(
            r#"{"_placeholder":true,"num":3}"#,
            &[],
            r#"{"_placeholder":true,"num":3}"#,
        );
        check_out(
            r#"{"\u0024a":{"$b":{"c":"$"}}}"#,
            &[],
            r#"{"$\u0024a":{"$$b":{"c":"$"}}}"#,
        );
    }
    /// JSON values with keys that matter here.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Into::into),
            "[\\$\"\\\\{}a]{0,4}".prop_map(Into::into),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            let keys = prop_oneof![
                Just("$b64"),
                Just("$$b64"),
                Just("$"),
                Just("\\"),
                Just("num"),
                Just("a")
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(keys.prop_map(str::to_owned), inner, 0..3)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_in(value in json()) {
            let text = value.to_string();
            let outside = outward(&text, &[]).into_owned();
            let inside = inward([outside.as_str()].into_iter()).unwrap();
            prop_assert_eq!(inside, Arguments { text, attachments: Vec::new() });
        }

        #[test]
        fn attachments_go_out_and_come_back_in(parts in prop::collection::vec(any::<Vec<u8>>(), 0..10)) {
            let placeholders = (0..parts.len()).map(|num| format!(r#"[{{"_placeholder":true,"num":{num}}}]"#));
            let text = placeholders.collect::<Vec<_>>().join(",");
            let attachments: Vec<Bytes> = parts.into_iter().map(Bytes::from).collect();
            let outside = format!("[{}]", outward(&text, &attachments));
            let inside = inward([outside.as_str()].into_iter()).unwrap();
            let expected = Arguments { text: format!("[{text}]"), attachments };
            prop_assert_eq!(inside, expected);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = inward([text.as_str()].into_iter());
            let _ = outward(&text, &[Bytes::new()]);
        }
    }
}
