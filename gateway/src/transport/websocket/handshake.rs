//! The opening handshake, RFC 6455 section 4.2.1. Extensions and subprotocols are left out of the answer,
//! which refuses them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, Method, StatusCode, Version};
use sha1::{Digest, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept(pub String);

/// Why a request opens no websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not GET.
    #[error("a websocket is opened by GET")]
    Method,
    /// Not HTTP/1.1.
    #[error("a websocket is opened over HTTP/1.1")]
    HttpVersion,
    /// No `Upgrade: websocket`.
    #[error("missing or invalid Upgrade header")]
    Upgrade,
    /// No `Connection: Upgrade`.
    #[error("missing or invalid Connection header")]
    Connection,
    /// The key is not 16 bytes in base64, or there are several.
    #[error("missing or invalid Sec-WebSocket-Key header")]
    Key,
    /// Another version than 13. The answer names the version that is spoken.
    #[error("missing or invalid Sec-WebSocket-Version header")]
    Version,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::HttpVersion | Self::Upgrade | Self::Connection | Self::Key => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The header that belongs to the status.
    pub fn header(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Method => Some((http::header::ALLOW, "GET")),
            Self::Version => Some((SEC_WEBSOCKET_VERSION, "13")),
            Self::HttpVersion | Self::Upgrade | Self::Connection | Self::Key => None,
        }
    }
}

/// Whether a request wants another protocol than HTTP, so that it must not be answered as a plain one.
pub fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && has_token(headers, &CONNECTION, "upgrade")
}

/// Checks a request for a websocket.
pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<Accept, Refusal> {
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    if version != Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refusal::Upgrade);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::Connection);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Refusal::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key))
        .ok_or(Refusal::Key)?;
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Ok(Accept(STANDARD.encode(digest)))
}

/// Whether a list of tokens, in one or several headers, has this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|got| got.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that may stand only once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values
        .next()
        .is_none()
        .then(|| first.as_bytes().trim_ascii())
}

fn is_key(key: &[u8]) -> bool {
    STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a header value");
        list.iter()
            .map(|(name, text)| (HeaderName::from_static(name), value(text)))
            .collect()
    }

    /// The good request with one header taken out, or put in place of its namesake.
    fn with(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut map = headers(&GOOD);
        map.remove(name);
        for value in values {
            map.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        map
    }

    fn get(headers: &HeaderMap) -> Result<Accept, Refusal> {
        check(&Method::GET, Version::HTTP_11, headers)
    }

    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(
            get(&headers(&GOOD)),
            Ok(Accept("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()))
        );
    }

    #[test]
    fn tokens_may_stand_in_lists_and_in_any_case() {
        for map in [
            with("connection", &["keep-alive, UPGRADE"]),
            with("connection", &["keep-alive", "upgrade"]),
            with("upgrade", &["WebSocket"]),
            with("upgrade", &["h2c , websocket"]),
            with("sec-websocket-extensions", &["permessage-deflate"]),
        ] {
            assert!(get(&map).is_ok() && wants_upgrade(&map), "{map:?}");
        }
    }

    #[test]
    fn refusals() {
        for (map, refusal) in [
            (with("upgrade", &[]), Refusal::Upgrade),
            (with("upgrade", &["h2c"]), Refusal::Upgrade),
            (with("upgrade", &["websocketx"]), Refusal::Upgrade),
            (with("connection", &[]), Refusal::Connection),
            (with("connection", &["keep-alive"]), Refusal::Connection),
            (with("sec-websocket-version", &[]), Refusal::Version),
            (with("sec-websocket-version", &["8"]), Refusal::Version),
            (with("sec-websocket-version", &["13, 8"]), Refusal::Version),
            (with("sec-websocket-key", &[]), Refusal::Key),
            (with("sec-websocket-key", &["x"]), Refusal::Key),
            (
                with("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"]),
                Refusal::Key,
            ),
            (
                with("sec-websocket-key", &["dGhlIHNhbXBsZSBub25j"]),
                Refusal::Key,
            ),
            (
                with("sec-websocket-key", &[GOOD[2].1, GOOD[2].1]),
                Refusal::Key,
            ),
        ] {
            assert_eq!(get(&map), Err(refusal), "{map:?}");
        }
        let good = headers(&GOOD);
        assert_eq!(
            check(&Method::POST, Version::HTTP_11, &good),
            Err(Refusal::Method)
        );
        assert_eq!(
            check(&Method::GET, Version::HTTP_10, &good),
            Err(Refusal::HttpVersion)
        );
    }

    #[test]
    fn answers_say_what_would_do() {
        assert_eq!(Refusal::Version.status(), 426);
        assert_eq!(
            Refusal::Version.header(),
            Some((SEC_WEBSOCKET_VERSION, "13"))
        );
        assert_eq!(
            (Refusal::Method.status(), Refusal::Key.status()),
            (StatusCode::METHOD_NOT_ALLOWED, StatusCode::BAD_REQUEST)
        );
    }
}
