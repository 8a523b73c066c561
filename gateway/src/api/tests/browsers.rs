use std::time::Duration;

use serde_json::json;

use super::fixture::{BOOT, Fixture, RULES};
use crate::api::Door;

const ROOM: &str = "/v1/events?namespace=/past&room=company-1";

async fn revenue(api: &Fixture, amount: u32) {
    let body = json!({ "namespace": "/past", "event": "revenue", "args": [amount], "rooms": ["company-1"] });
    assert_eq!(
        api.post("/v1/emit", &body.to_string())
            .await
            .status
            .as_u16(),
        200
    );
}

#[tokio::test]
async fn the_last_event_is_a_snapshot_with_a_tag() {
    let api = Fixture::new(RULES);
    let answer = api.get(ROOM).await;
    assert_eq!(
        (answer.json(), answer.header("etag")),
        (json!({ "events": [] }), "\"0-0\"")
    );
    revenue(&api, 1).await;
    revenue(&api, 2).await;
    let answer = api.get(ROOM).await;
    let event = json!({ "id": format!("{BOOT}-2"), "event": "revenue", "args": [2] });
    assert_eq!(answer.json(), json!({ "events": [event] }));
    let tag = answer.header("etag").to_owned();
    let answer = api.send("GET", ROOM, &[("if-none-match", &tag)], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""));
    assert_eq!(answer.header("etag"), tag);
    let answer = api.get(&format!("{ROOM}&last=5")).await;
    assert_eq!(answer.json()["events"].as_array().unwrap().len(), 2);
    let answer = api.get(&format!("{ROOM}&event=other")).await;
    assert_eq!(answer.json(), json!({ "events": [] }));
    let answer = api.get(&format!("{ROOM}&last=5&after={BOOT}-1")).await;
    assert_eq!(answer.json()["events"][0]["args"], json!([2]));
}

#[tokio::test]
async fn rooms_that_the_rules_do_not_name_are_forbidden() {
    let api = Fixture::new(RULES);
    for (path, status) in [
        ("/v1/events?namespace=/past&room=secret", 403),
        ("/v1/events?namespace=/open&room=company-1", 403),
        ("/v1/events?namespace=/none&room=company-1", 404),
        ("/v1/events?namespace=/past", 400),
        ("/v1/events?namespace=/past&room=company-1&wait=2m", 400),
    ] {
        assert_eq!(api.get(path).await.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_poll_waits_for_what_is_new() {
    let api = Fixture::new(RULES);
    revenue(&api, 1).await;
    let tag = api.get(ROOM).await.header("etag").to_owned();
    let path = format!("{ROOM}&wait=60s");
    let known = [("if-none-match", tag.as_str())];
    let mut poll = Box::pin(api.send("GET", &path, &known, ""));
    let early = tokio::time::timeout(Duration::from_millis(20), &mut poll).await;
    assert!(early.is_err());
    revenue(&api, 2).await;
    let answer = poll.await;
    assert_eq!(answer.json()["events"][0]["args"], json!([2]));

    let tag = answer.header("etag").to_owned();
    let path = format!("{ROOM}&wait=1ms");
    let answer = api.send("GET", &path, &[("if-none-match", &tag)], "").await;
    assert_eq!(answer.status.as_u16(), 304);
    let answer = api.get(&path).await;
    assert_eq!(answer.status.as_u16(), 200);
}

#[tokio::test]
async fn other_origins_read_as_the_rules_allow() {
    let api = Fixture::new(RULES);
    let ours = [("origin", "https://game.example")];
    let answer = api.send("GET", ROOM, &ours, "").await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://game.example"
    );
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-expose-headers"), "ETag");
    let forbidden = "/v1/events?namespace=/past&room=secret";
    let answer = api.send("GET", forbidden, &ours, "").await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://game.example"
    );
    let answer = api
        .send("GET", ROOM, &[("origin", "https://evil.example")], "")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("vary"), "Origin");
    let answer = api.send("OPTIONS", ROOM, &ours, "").await;
    assert_eq!(answer.status.as_u16(), 204);
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
}

#[tokio::test]
async fn no_key_is_needed_on_an_open_door() {
    let api = Fixture::with(RULES, super::fixture::Given::default(), Door::Open);
    assert_eq!(api.get(ROOM).await.status.as_u16(), 200);
    assert_eq!(api.get("/v1/info").await.problem(), "unauthorized");
}
