use axum::{body::Body, http::Request};
use serde_json::json;

use super::fixture::{Fixture, RULES, Reply};
use crate::api::relay::relay;

fn request(path: &str, kind: &str, body: String) -> Request<Body> {
    let builder = Request::builder().uri(path).header("host", "localhost");
    let method = if body.is_empty() { "GET" } else { "POST" };
    builder
        .method(method)
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn requests_are_answered_elsewhere() {
    let api = Fixture::new(RULES);
    let (relay, serve) = relay(api.router.clone());
    let serving = tokio::spawn(serve);
    let line = json!({ "namespace": "/open", "event": "e", "id": "a" }).to_string();
    let answer = relay
        .call(request("/v1/emit", "application/json", line.clone()))
        .await;
    assert_eq!(Reply::of(answer).await.json()["id"], "a");
    let answer = relay
        .call(request("/v1/info", "application/json", String::new()))
        .await;
    assert_eq!(Reply::of(answer).await.json()["node"], "node-1");
    let lines = format!("{line}\n{line}\n");
    let answer = relay
        .call(request("/v1/emit", "application/x-ndjson", lines))
        .await;
    assert_eq!(Reply::of(answer).await.body.lines().count(), 2);
    drop(relay);
    serving.await.unwrap();
}

#[tokio::test]
async fn without_its_router_a_relay_is_unavailable() {
    let api = Fixture::new(RULES);
    let (relay, serve) = relay(api.router.clone());
    drop(serve);
    let answer = relay
        .call(request("/v1/info", "application/json", String::new()))
        .await;
    assert_eq!(answer.status().as_u16(), 503);
}
