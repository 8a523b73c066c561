//! The parameters of a query, as `URLSearchParams` reads them.

use std::borrow::Cow;

/// Names and values of a query without its question mark, decoded; what is no UTF-8 becomes U+FFFD.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after
            .first_chunk()
            .filter(|_| byte == b'%')
            .and_then(escape);
        bytes.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    Cow::Owned(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

fn escape(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decoding() {
        let all: Vec<_> = pairs("a=1&&b&=c&a=%20x+y%2&%e2%82%ac=%ff%zz%&d=e=f").collect();
        let expected = [
            ("a", "1"),
            ("b", ""),
            ("", "c"),
            ("a", " x y%2"),
            ("€", "\u{fffd}%zz%"),
            ("d", "e=f"),
        ];
        assert_eq!(
            all,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
        assert_eq!(pairs("").count(), 0);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value in any::<String>()) {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(decode(&encoded), value.as_str());
        }

        #[test]
        fn nothing_panics(query in any::<String>()) {
            pairs(&query).for_each(drop);
        }
    }
}
