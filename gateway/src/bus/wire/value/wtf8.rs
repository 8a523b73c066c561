//! JSON strings whose lone surrogates are kept, as three bytes each.

use std::borrow::Cow;

/// The content of a checked JSON string, in WTF-8.
pub(super) fn content(token: &str) -> Cow<'_, [u8]> {
    let inner = token.get(1..token.len().saturating_sub(1));
    let inner = inner.unwrap_or_default();
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner.as_bytes());
    }
    let mut content = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        content.extend_from_slice(plain.as_bytes());
        rest = unescape(&mut content, escaped);
    }
    content.extend_from_slice(rest.as_bytes());
    Cow::Owned(content)
}

/// Takes one escape, without its backslash, from the front; what is left.
fn unescape<'a>(content: &mut Vec<u8>, escaped: &'a str) -> &'a str {
    let Some((mark, rest)) = escaped.split_at_checked(1) else {
        return "";
    };
    let plain = match mark {
        "u" => return unicode(content, rest),
        "b" => "\u{8}",
        "f" => "\u{c}",
        "n" => "\n",
        "r" => "\r",
        "t" => "\t",
        other => other,
    };
    content.extend_from_slice(plain.as_bytes());
    rest
}

fn unicode<'a>(content: &mut Vec<u8>, digits: &'a str) -> &'a str {
    let Some((first, rest)) = unit(digits) else {
        return "";
    };
    let second = rest.strip_prefix("\\u").and_then(unit);
    if let Some((low, after)) = second
        && let Some(Ok(both)) = char::decode_utf16([first, low]).next()
        && both > '\u{ffff}'
    {
        content.extend_from_slice(both.encode_utf8(&mut [0; 4]).as_bytes());
        return after;
    }
    match char::from_u32(u32::from(first)) {
        Some(c) => content.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => content.extend_from_slice(&[
            0xe0 | (first >> 12) as u8,
            0x80 | (first >> 6 & 0x3f) as u8,
            0x80 | (first & 0x3f) as u8,
        ]),
    }
    rest
}

fn unit(digits: &str) -> Option<(u16, &str)> {
    let (digits, rest) = digits.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn surrogates_pair_or_stay() {
        for (token, bytes) in [
            (r#""é""#, "é".as_bytes()),
            (r#""\u0061\"\\\/\b\f\n\r\t""#, b"a\"\\/\x08\x0c\n\r\t"),
            (r#""\ud83d\ude00x""#, "😀x".as_bytes()),
            (r#""\ud800""#, b"\xed\xa0\x80"),
            (r#""\udfff!""#, b"\xed\xbf\xbf!"),
            (r#""\ud83d\ud83d\ude00""#, b"\xed\xa0\xbd\xf0\x9f\x98\x80"),
            (r#""\ud83d\u0061""#, b"\xed\xa0\xbda"),
        ] {
            assert_eq!(content(token).as_ref(), bytes, "{token}");
        }
    }
}
