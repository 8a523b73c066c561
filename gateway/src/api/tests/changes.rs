use serde_json::json;

use super::fixture::{Fixture, RULES};

fn game() -> Fixture {
    let api = Fixture::new(RULES);
    api.socket(0, "/open", "-_a", &["red"], None);
    api.socket(1, "/open", "-_b", &["blue"], None);
    api
}

#[tokio::test]
async fn sockets_join_and_leave() {
    let api = game();
    let body = json!({ "namespace": "/open", "rooms": ["red"], "join": ["x", "y"] });
    let answer = api.post("/v1/join", &body.to_string()).await;
    assert_eq!(answer.json(), json!({ "sockets": 1, "complete": true }));
    assert_eq!(api.rooms("-_a"), ["red", "x", "y"]);
    let body = json!({ "namespace": "/open", "leave": ["x", "blue"] });
    let answer = api.post("/v1/leave", &body.to_string()).await;
    assert_eq!(answer.json()["sockets"], 2);
    assert_eq!(
        (api.rooms("-_a"), api.rooms("-_b")),
        (vec!["red".into(), "y".into()], vec![])
    );
}

#[tokio::test]
async fn nobody_joins_the_own_room_of_a_socket() {
    let api = game();
    let body = json!({ "namespace": "/open", "join": ["x", "-_b"] });
    let answer = api.post("/v1/join", &body.to_string()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.pointers()),
        (400, vec!["/join/1".to_owned()])
    );
    let body = json!({ "namespace": "/open", "join": [] });
    assert_eq!(
        api.post("/v1/join", &body.to_string()).await.pointers(),
        ["/join"]
    );
}

#[tokio::test]
async fn sockets_are_disconnected() {
    let api = game();
    let body = json!({ "namespace": "/open", "except": ["blue"], "close": true });
    let answer = api.post("/v1/disconnect", &body.to_string()).await;
    assert_eq!(answer.json()["sockets"], 1);
    assert_eq!(api.sockets(), 1);
    let body = json!({ "namespace": "/none" });
    assert_eq!(
        api.post("/v1/disconnect", &body.to_string())
            .await
            .problem(),
        "not_found"
    );
}
