//! Strings of JSON: quoting, unquoting, and the one key that has a meaning of its own.

use std::borrow::Cow;

/// Appends `text` as a JSON string, as `JSON.stringify` writes it.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x00..=0x0f => "\\u000",
            0x10..=0x1f => "\\u001",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(short);
        if short.len() > 2 {
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// The content of a checked JSON string; a lone surrogate becomes U+FFFD. `None` if it is no string.
pub fn unquote(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    let mut content = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        content.push_str(plain);
        rest = unescape(&mut content, escaped)?;
    }
    content.push_str(rest);
    Some(Cow::Owned(content))
}

/// Takes one escape, without its backslash, from the front of `escaped`; what is left.
fn unescape<'a>(content: &mut String, escaped: &'a str) -> Option<&'a str> {
    let mut chars = escaped.chars();
    let plain = match chars.next()? {
        'u' => return unescape_unicode(content, chars.as_str()),
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    };
    content.push(plain);
    Some(chars.as_str())
}

fn unescape_unicode<'a>(content: &mut String, digits: &'a str) -> Option<&'a str> {
    let (first, rest) = unit(digits)?;
    let second = rest.strip_prefix("\\u").and_then(unit);
    let pair = second.and_then(|(low, after)| Some((surrogates(first, low)?, after)));
    let single = char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    let (c, rest) = pair.unwrap_or((single, rest));
    content.push(c);
    Some(rest)
}

fn unit(digits: &str) -> Option<(u32, &str)> {
    let (digits, rest) = digits.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

fn surrogates(high: u32, low: u32) -> Option<char> {
    let both = (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
    both.then(|| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
        .flatten()
}

/// Whether the inside of a checked string is `_placeholder`, escapes resolved.
#[inline]
pub(super) fn is_placeholder_key(inner: &[u8]) -> bool {
    const KEY: &[u8] = b"_placeholder";
    inner.len() >= KEY.len() && is_escaped(inner, KEY)
}

/// Whether the inside of a checked string, escapes resolved, is `key` (letters of ASCII).
pub(super) fn is_escaped(inner: &[u8], key: &[u8]) -> bool {
    let mut rest = inner;
    for &wanted in key {
        let (got, after) = match rest {
            [b'\\', b'u', b'0', b'0', high, low, after @ ..] => {
                ((hex(*high) << 4) | hex(*low), after)
            }
            [byte, after @ ..] => (*byte, after),
            [] => return false,
        };
        if got != wanted {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_stringify_does() {
        let mut out = String::new();
        quote(&mut out, "a\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}é\u{2028}");
        assert_eq!(
            out,
            "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é\u{2028}\""
        );
    }

    #[test]
    fn unquotes() {
        for (text, content) in [
            (r#""""#, Some("")),
            (r#""a""#, Some("a")),
            (
                r#""\u0061\"\\\/\b\f\n\r\t""#,
                Some("a\"\\/\u{8}\u{c}\n\r\t"),
            ),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d""#, Some("\u{fffd}")),
            (r#""\ud83d\u0061""#, Some("\u{fffd}a")),
            (r#""\ude00\ud83d\ude00é""#, Some("\u{fffd}😀é")),
            ("1", None),
            ("\"", None),
        ] {
            assert_eq!(unquote(text).as_deref(), content, "{text}");
        }
    }

    #[test]
    fn the_placeholder_key_is_found_behind_escapes() {
        for (inner, found) in [
            ("_placeholder", true),
            (r"_\u0070laceholder", true),
            (
                r"\u005F\u0070\u006c\u0061\u0063\u0065\u0068\u006Flder",
                true,
            ),
            (r"_placeholde\u0072", true),
            ("_placeholder_", false),
            ("_placeholde", false),
            (r"_placeholder\u0000", false),
            (r"\\_placeholder", false),
            (r"_\u1070laceholder", false),
        ] {
            assert_eq!(is_placeholder_key(inner.as_bytes()), found, "{inner}");
        }
    }
}
