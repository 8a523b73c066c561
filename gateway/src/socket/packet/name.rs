//! Event names.

use std::borrow::Cow;

use crate::socket::json;

/// Names with a meaning of their own, which no client may send.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Integers below are exact, and written alike by everybody.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The name that a checked JSON value gives; `None` if it gives none.
pub(super) fn read(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => json::unquote(raw).filter(|name| !RESERVED.contains(&name.as_ref())),
        b'-' | b'0'..=b'9' => decimal(raw),
        _ => None,
    }
}

fn decimal(raw: &str) -> Option<Cow<'_, str>> {
    let number: f64 = raw.parse().ok()?;
    let plain = raw != "-0"
        && raw
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit());
    if plain && number.abs() < EXACT {
        return Some(Cow::Borrowed(raw));
    }
    let positive_zero = number + 0.0;
    Some(Cow::Owned(positive_zero.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (raw, name) in [
            (r#""a""#, Some("a")),
            (r#""""#, Some("")),
            (r#""\u0061ck""#, Some("ack")),
            (r#""connection""#, Some("connection")),
            (r#""error""#, Some("error")),
            (r#""connect""#, None),
            (r#""\u0063onnect""#, None),
            (r#""newListener""#, None),
            ("1", Some("1")),
            ("-7", Some("-7")),
            ("1.0", Some("1")),
            ("1e3", Some("1000")),
            ("-0", Some("0")),
            ("0.5", Some("0.5")),
            ("9007199254740993", Some("9007199254740992")),
            ("true", None),
            ("null", None),
            ("{}", None),
            ("[]", None),
        ] {
            assert_eq!(read(raw).as_deref(), name, "{raw}");
        }
    }
}
