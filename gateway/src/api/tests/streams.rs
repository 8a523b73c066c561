use axum::{body::Body, http::Request};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::fixture::{Fixture, RULES};

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

fn answers(body: &str) -> Vec<Value> {
    body.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn every_line_is_answered_in_order() {
    let api = Fixture::new(RULES);
    api.socket(0, "/open", "-_a", &[], None);
    let mut body = String::new();
    for n in 0..1500 {
        let event = if n % 100 == 7 { "disconnect" } else { "e" };
        body += &json!({ "namespace": "/open", "event": event, "args": [n], "id": n.to_string() })
            .to_string();
        body += if n % 2 == 0 { "\n" } else { "\r\n\n" };
    }
    body += "not json";
    let answer = api.send("POST", "/v1/emit", &[LINES], &body).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let answers = answers(&answer.body);
    assert_eq!(answers.len(), 1501);
    for (n, answer) in answers[..1500].iter().enumerate() {
        assert_eq!(answer["id"], n.to_string());
        assert_eq!(answer.get("error").is_some(), n % 100 == 7);
    }
    assert_eq!(answers[1500]["error"]["code"], "invalid");
    let packets = api.packets("-_a");
    assert_eq!(packets.len(), 1485);
    assert_eq!(packets[1484], "42/open,[\"e\",1499]");
}

#[tokio::test]
async fn answers_come_while_the_body_is_open() {
    let api = Fixture::new(RULES);
    let (to, mut from) = mpsc::channel::<Result<Bytes, std::io::Error>>(8);
    let body = futures_util::stream::poll_fn(move |context| from.poll_recv(context));
    let request = Request::post("/v1/emit")
        .header("host", "localhost")
        .header(LINES.0, LINES.1)
        .body(Body::from_stream(body))
        .unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    let mut chunks = response.into_body().into_data_stream();
    for id in ["a", "b"] {
        let line = json!({ "namespace": "/open", "event": "e", "id": id }).to_string();
        let (head, tail) = line.split_at(9);
        to.send(Ok(Bytes::copy_from_slice(head.as_bytes())))
            .await
            .unwrap();
        to.send(Ok(format!("{tail}\n").into())).await.unwrap();
        let chunk = chunks.next().await.unwrap().unwrap();
        let answer: Value = serde_json::from_slice(&chunk).unwrap();
        assert_eq!(
            (&answer["id"], &answer["accepted"]),
            (&json!(id), &json!(true))
        );
    }
    to.send(Err(std::io::ErrorKind::ConnectionReset.into()))
        .await
        .unwrap();
    let chunk = chunks.next().await.unwrap().unwrap();
    let answer: Value = serde_json::from_slice(&chunk).unwrap();
    assert_eq!(answer["error"]["detail"], "the body broke off");
    assert!(chunks.next().await.is_none());
}

#[tokio::test]
async fn a_line_is_bounded() {
    let api = Fixture::new(RULES);
    let body = "x".repeat(3_000_000);
    let answer = api.send("POST", "/v1/emit", &[LINES], &body).await;
    let answers = answers(&answer.body);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["error"]["code"], "invalid");
}
