//! Which origins may talk to us (rules: `cors`).

use carillon_crds::compile::Origins;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The allowed origins, and what they may do.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// The origins, one of which must match.
    pub origins: Origins,
    /// Cookies and `Authorization` are sent along.
    pub credentials: bool,
    /// A websocket handshake without `Origin` is refused too.
    pub require_origin: bool,
}

const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

impl Cors {
    /// Whether a browser page of that origin may talk to us.
    #[must_use]
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        origin
            .to_str()
            .is_ok_and(|origin| self.origins.allows(origin))
    }

    /// Whether a websocket handshake with these headers may go on.
    #[must_use]
    pub fn admits_websocket(&self, headers: &HeaderMap) -> bool {
        match headers.get(header::ORIGIN) {
            Some(origin) => self.allows(origin),
            None => !self.require_origin,
        }
    }

    /// The headers of an answer to a request of that origin.
    pub fn answer(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin.filter(|origin| self.allows(origin)) else {
            return;
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            answer.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
    }

    /// The further headers of an answer to a preflight request.
    pub fn answer_preflight(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        self.answer(request.get(header::ORIGIN), answer);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        const REQUESTED: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
        if let Some(requested) = request.get(REQUESTED) {
            answer.append(
                header::VARY,
                HeaderValue::from_static("Access-Control-Request-Headers"),
            );
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        }
    }
}
