//! Bodies: of which type, how long, and read in whole.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::{Code, Problem};

/// The types of bodies that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// One document.
    Json,
    /// A document a line.
    Lines,
}

impl Media {
    /// The declared type; JSON if none is.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        Self::named(value.to_str().unwrap_or_default()).ok_or_else(|| {
            let detail = "expected Content-Type: application/json (or application/x-ndjson to emit a stream)";
            Problem::new(Code::UnsupportedMediaType, detail)
        })
    }

    /// Whether the headers declare one of these types.
    pub(super) fn is_declared(headers: &HeaderMap) -> bool {
        let value = headers.get(header::CONTENT_TYPE);
        value.is_some_and(|value| Self::named(value.to_str().unwrap_or_default()).is_some())
    }

    fn named(value: &str) -> Option<Self> {
        let name = value.split(';').next().unwrap_or_default().trim();
        match name.to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Self::Lines)
            }
            _ => None,
        }
    }
}

/// Reads a body of one JSON document.
pub(super) async fn json(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    match Media::of(headers)? {
        Media::Json => whole(body).await,
        Media::Lines => Err(Problem::new(
            Code::UnsupportedMediaType,
            "this call takes one document: Content-Type: application/json",
        )),
    }
}

/// Reads a body up to the bound.
pub(super) async fn whole(body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            Code::PayloadTooLarge,
            format!("the body is larger than {MAX_BODY} bytes"),
        )),
        Err(error) => Err(Problem::new(
            Code::Invalid,
            format!("the body broke off: {error}"),
        )),
    }
}

/// A thousand events of sixteen KiB each.
pub(super) const MAX_BODY: usize = 16 << 20;
