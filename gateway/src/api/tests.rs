use axum::http::StatusCode;
use serde_json::json;

mod access;
mod ask;
mod browsers;
mod changes;
mod emits;
mod fixture;
mod relayed;
mod streams;

use fixture::{Fixture, RULES};

#[tokio::test]
async fn paths_methods_and_types() {
    let api = Fixture::new(RULES);
    let answer = api.get("/v1/nothing").await;
    assert_eq!(
        (answer.status, answer.problem()),
        (StatusCode::NOT_FOUND, "not_found")
    );
    let answer = api.get("/v1/emit").await;
    assert_eq!(
        (answer.status, answer.problem()),
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
    );
    assert_eq!(answer.header("allow"), "POST");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = api.send("POST", "/v1/emit", &form, "a=b").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let lines = [("content-type", "application/x-ndjson")];
    let answer = api.send("POST", "/v1/join", &lines, "{}").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = api.get("/v1/openapi.json").await;
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let api = Fixture::new(RULES);
    let body = " ".repeat((16 << 20) + 1);
    let answer = api.post("/v1/emit", &body).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")
    );
    let args = "a".repeat(1_000_000);
    let body = json!({ "namespace": "/open", "event": "e", "args": [args] });
    let answer = api.post("/v1/emit", &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
