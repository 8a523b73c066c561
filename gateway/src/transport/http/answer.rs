//! Answers that are the same everywhere.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::engine::query::RequestError;
use crate::transport::body::Body;
use crate::transport::cors::Cors;

/// The headers of a request that its answer depends on.
pub(super) struct Origin {
    origin: Option<HeaderValue>,
    old_explorer: bool,
}

impl Origin {
    pub(super) fn of(request: &HeaderMap) -> Self {
        let agent = request
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        Self {
            origin: request.get(header::ORIGIN).cloned(),
            old_explorer: agent.contains(";MSIE") || agent.contains("Trident/"),
        }
    }

    /// Adds what every answer of Engine.IO has.
    pub(super) fn answer(&self, cors: &Cors, answer: &mut HeaderMap) {
        cors.answer(self.origin.as_ref(), answer);
        answer
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if self.old_explorer {
            answer.insert(header::X_XSS_PROTECTION, HeaderValue::from_static("0"));
        }
    }
}

/// An empty answer.
pub(in crate::transport) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = status;
    response
}

/// The answer to a POST that was taken.
pub(in crate::transport) fn ok() -> Response<Body> {
    text(StatusCode::OK, "text/html", "ok")
}

/// The packets of a session that opens.
pub(super) fn payload(payload: String) -> Response<Body> {
    text(StatusCode::OK, "text/plain; charset=UTF-8", payload)
}

/// A request that the session cannot take now.
pub(in crate::transport) fn bad_request() -> Response<Body> {
    error(RequestError::BadRequest, false)
}

/// A method that the session does not know.
pub(in crate::transport) fn method_not_allowed() -> Response<Body> {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

/// No new sessions for now; the connection is closed, so that the next try may reach another pod.
pub(in crate::transport) fn unavailable() -> Response<Body> {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to a preflight request.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> Response<Body> {
    let mut response = status(StatusCode::NO_CONTENT);
    cors.answer_preflight(request, response.headers_mut());
    response
}

/// An error of Engine.IO: JSON with its number, or plain text for what wanted a websocket.
pub(in crate::transport) fn error(error: RequestError, is_upgrade: bool) -> Response<Body> {
    let code = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    if is_upgrade {
        let mut response = text(code, "text/html", error.message());
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    } else {
        text(code, "application/json", error.body())
    }
}

pub(super) fn text(
    code: StatusCode,
    kind: &'static str,
    body: impl Into<String>,
) -> Response<Body> {
    let mut response = Response::new(Body::whole(body.into()));
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
