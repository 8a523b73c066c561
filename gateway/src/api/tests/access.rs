use std::sync::Arc;

use axum::http::StatusCode;
use carillon_crds::compile;

use super::fixture::{Fixture, Given, RULES};
use crate::api::Door;

const KEYS: &str = r#"
apiKeys:
- { name: app, secret: { env: APP_KEY }, namespaces: ["/open*"], can: [emit] }
- { name: ops, secret: { file: /keys/ops }, namespaces: ["*"], can: [read, manage] }
namespaces: [{ name: /open }, { name: /other }]
"#;

const EMIT: &str = r#"{"namespace":"/open","event":"e"}"#;

fn keyed() -> (Fixture, Given) {
    let given = Given {
        variables: vec![("APP_KEY", "app-secret")],
        files: Arc::default(),
    };
    given
        .files
        .lock()
        .unwrap()
        .push(("/keys/ops", "ops-secret\n".to_owned()));
    (Fixture::with(KEYS, given.clone(), Door::Open), given)
}

async fn status(api: &Fixture, method: &str, path: &str, key: &str, body: &str) -> u16 {
    let key = format!("Bearer {key}");
    let headers = [
        ("authorization", key.as_str()),
        ("content-type", "application/json"),
    ];
    api.send(method, path, &headers, body).await.status.as_u16()
}

#[tokio::test]
async fn keys_open_what_they_are_for() {
    let (api, _) = keyed();
    let other = r#"{"namespace":"/other","event":"e"}"#;
    let nowhere = r#"{"namespace":"/open-none","event":"e"}"#;
    let join = r#"{"namespace":"/other","join":["a"]}"#;
    for (method, path, key, body, expected) in [
        ("POST", "/v1/emit", "app-secret", EMIT, 200),
        ("POST", "/v1/emit", "app-secret", other, 403),
        ("POST", "/v1/emit", "app-secret", nowhere, 404),
        ("POST", "/v1/emit", "ops-secret", EMIT, 403),
        ("POST", "/v1/emit", "wrong", EMIT, 401),
        ("POST", "/v1/emit", "", EMIT, 401),
        ("POST", "/v1/join", "ops-secret", join, 200),
        ("POST", "/v1/join", "app-secret", join, 403),
        ("GET", "/v1/info", "ops-secret", "", 200),
        ("GET", "/v1/rooms?namespace=/open", "app-secret", "", 403),
    ] {
        assert_eq!(
            status(&api, method, path, key, body).await,
            expected,
            "{path} {key} {body}"
        );
    }
    let answer = api.post("/v1/emit", EMIT).await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
}

#[tokio::test]
async fn secrets_are_read_again() {
    let (api, given) = keyed();
    assert_eq!(status(&api, "GET", "/v1/info", "ops-secret", "").await, 200);
    given.files.lock().unwrap()[0].1 = "new-secret".to_owned();
    let edited = KEYS.replace("can: [emit]", "can: [emit, read]");
    api.rules
        .send(Arc::new(compile::load(&edited).unwrap()))
        .unwrap();
    assert_eq!(status(&api, "GET", "/v1/info", "ops-secret", "").await, 401);
    assert_eq!(status(&api, "GET", "/v1/info", "new-secret", "").await, 200);
    given.files.lock().unwrap().clear();
    api.rules
        .send(Arc::new(compile::load(KEYS).unwrap()))
        .unwrap();
    assert_eq!(status(&api, "GET", "/v1/info", "new-secret", "").await, 200);
}

#[tokio::test]
async fn a_declared_key_without_a_secret_opens_nothing() {
    let api = Fixture::with(KEYS, Given::default(), Door::Loopback);
    assert_eq!(api.post("/v1/emit", EMIT).await.status.as_u16(), 401);
    assert_eq!(status(&api, "POST", "/v1/emit", "", EMIT).await, 401);
}

#[tokio::test]
async fn without_keys_only_programs_on_this_machine_may_call() {
    let json = ("content-type", "application/json");
    for (door, host, content, expected) in [
        (Door::Loopback, "localhost:3002", json, 200),
        (Door::Loopback, "LOCALHOST", json, 200),
        (Door::Loopback, "127.0.0.1:3002", json, 200),
        (Door::Loopback, "[::1]:3002", json, 200),
        (Door::Loopback, "[::1]", json, 200),
        (Door::Loopback, "evil.example:3002", json, 403),
        (Door::Loopback, "localhost.evil.example", json, 403),
        (
            Door::Loopback,
            "localhost:3002",
            ("content-type", "text/plain"),
            415,
        ),
        (Door::Loopback, "localhost:3002", ("x-none", "none"), 415),
        (Door::Open, "localhost:3001", json, 401),
    ] {
        let api = match door {
            Door::Loopback => Fixture::hostless(RULES),
            Door::Open => Fixture::with(RULES, Given::default(), Door::Open),
        };
        let answer = api
            .send("POST", "/v1/emit", &[("host", host), content], EMIT)
            .await;
        assert_eq!(answer.status.as_u16(), expected, "{host} {content:?}");
    }
}
