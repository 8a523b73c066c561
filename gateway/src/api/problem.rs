//! How a call is refused: `application/problem+json`, with the place of each fault as a JSON pointer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// A refusal, as it is sent (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub(super) status: u16,
    /// The status in words.
    pub(super) title: &'static str,
    /// What to tell refusals apart by.
    pub(super) code: Code,
    /// What is wrong and what is allowed.
    pub(super) detail: String,
    /// Each fault of the document sent, with its place in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<Fault>,
    /// After how many seconds to try again; also the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u32>,
    /// It is over in milliseconds: whoever can wait tries again.
    #[serde(skip)]
    #[schemars(skip)]
    momentary: bool,
}

/// One fault of the document sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Fault {
    /// Its place, as a JSON pointer (RFC 6901).
    pub(super) pointer: String,
    /// What is wrong there.
    pub(super) detail: String,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// The document or a parameter is wrong.
    Invalid,
    /// No key, or none that is known.
    Unauthorized,
    /// The key, or the rules, do not allow this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The call is made by another method.
    MethodNotAllowed,
    /// A call with the same id is under way.
    Busy,
    /// The id was used with another body.
    Repeated,
    /// The body or a part of it is too large.
    PayloadTooLarge,
    /// The body is not of a type that is taken.
    UnsupportedMediaType,
    /// It cannot be done now.
    Unavailable,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::CONFLICT,
            Self::Repeated => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Problem {
    /// A refusal for one reason.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            momentary: false,
        }
    }

    /// A refusal of one place of the document sent.
    pub(super) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Code::Invalid, "the request is not valid").with(pointer, detail)
    }

    /// The same refusal, with the place of a fault.
    #[must_use]
    pub(super) fn with(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(Fault {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// The same refusal, with the time after which to try again.
    #[must_use]
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl Problem {
    /// The same refusal, of something that is over in milliseconds.
    #[must_use]
    pub(super) fn momentary(mut self) -> Self {
        self.momentary = true;
        self
    }

    /// Whether it is over in milliseconds.
    pub(super) const fn is_momentary(&self) -> bool {
        self.momentary
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
