//! The values of flags: what each may be, told in a sentence.

use reqwest::Url;

use crate::logs;

/// The name of a namespace.
pub fn namespace(text: &str) -> Result<String, String> {
    checked(text, LONGEST_LABEL, |b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
    })
    .ok_or_else(|| {
        format!("a namespace is 1 to {LONGEST_LABEL} of a-z, 0-9 and -, with a letter or digit at both ends")
    })
}

/// The name of an object.
pub fn name(text: &str) -> Result<String, String> {
    checked(text, LONGEST_NAME, |b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)
    })
    .ok_or_else(|| {
        format!("a name is 1 to {LONGEST_NAME} of a-z, 0-9, - and ., with a letter or digit at both ends")
    })
}

/// The tag of an image.
pub fn tag(text: &str) -> Result<String, String> {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let rest = |b: u8| first(b) || b".-".contains(&b);
    let good = text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(rest);
    good.then(|| text.to_owned()).ok_or_else(|| {
        format!("a tag is 1 to {LONGEST_TAG} of A-Z, a-z, 0-9, _, . and -, and does not begin with . or -")
    })
}

/// A base URL. Whoever sees the process list sees it, so there is no place for a password in it.
pub fn address(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("a URL is expected: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("an http:// or https:// URL is expected".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must hold no user and no password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must have no query and no fragment".to_owned());
    }
    Ok(text.to_owned())
}

/// Which log lines are written.
pub fn levels(text: &str) -> Result<String, String> {
    match logs::check(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "off, error, warn, info, debug or trace is expected, for all or as module=level: {error}"
        )),
    }
}

fn checked(text: &str, longest: usize, allowed: impl Fn(u8) -> bool) -> Option<String> {
    let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let good = text.len() <= longest
        && text.bytes().all(allowed)
        && end(text.bytes().next())
        && end(text.bytes().next_back());
    good.then(|| text.to_owned())
}

/// Of a DNS label.
const LONGEST_LABEL: usize = 63;
/// Of a DNS name.
const LONGEST_NAME: usize = 253;
/// Of a tag by the OCI distribution specification.
const LONGEST_TAG: usize = 128;
