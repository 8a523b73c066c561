//! What browsers of other origins may read.

use axum::http::{HeaderMap, HeaderValue, header};
use carillon_crds::compile::Rulebook;

/// Allows the caller's origin to read the answer, if the rules do.
pub(super) fn allow(rules: &Rulebook, request: &HeaderMap, answer: &mut HeaderMap) {
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(header::ORIGIN) else {
        return;
    };
    if !origin
        .to_str()
        .is_ok_and(|origin| rules.origins.allows(origin))
    {
        return;
    }
    let any = rules.origins.any();
    let allowed = if any {
        HeaderValue::from_static("*")
    } else {
        origin.clone()
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    answer.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag"),
    );
    if rules.document.cors.credentials && !any {
        let yes = HeaderValue::from_static("true");
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
}

/// The same for the question that a browser asks before.
pub(super) fn preflight(rules: &Rulebook, request: &HeaderMap, answer: &mut HeaderMap) {
    allow(rules, request, answer);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "If-None-Match, Authorization",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
}
