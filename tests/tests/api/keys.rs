//! Keys, what each may do, and how the API is reached without one.

use carillon_tests::gateway::{Options, workspace};
use carillon_tests::http::Request;
use serde_json::{Value, json};

use super::{READER, SENDER, each};

#[test]
fn open_only_their_doors() {
    each(|gateway| {
        let call = |method: &str, path: &str, body: Option<&Value>, key: &str| {
            let request = Request::new(method, path).header("authorization", key);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            request.send(gateway.api_port()).status
        };
        let emit = |namespace: &str| json!({ "namespace": namespace, "event": "e", "args": [] });
        let bearer = |key: &str| format!("Bearer {key}");
        let (reader, sender) = (bearer(READER), bearer(SENDER));
        assert_eq!(call("POST", "/v1/emit", Some(&emit("/feed")), &sender), 200);
        assert_eq!(call("POST", "/v1/emit", Some(&emit("/")), &sender), 403);
        assert_eq!(call("POST", "/v1/emit", Some(&emit("/feed")), &reader), 403);
        assert_eq!(
            call("GET", "/v1/sockets?namespace=/feed", None, &reader),
            200
        );
        assert_eq!(call("GET", "/v1/sockets?namespace=/", None, &reader), 403);
        assert_eq!(
            call("GET", "/v1/sockets?namespace=/feed", None, &sender),
            403
        );
        assert_eq!(
            call(
                "POST",
                "/v1/disconnect",
                Some(&json!({ "namespace": "/feed" })),
                &sender
            ),
            403
        );
        for wrong in [
            "Bearer ",
            "Bearer x",
            "Basic eA==",
            "",
            &bearer(&READER[1..]),
            &format!("{reader} "),
            &bearer(&format!("{READER}x")),
        ] {
            let status = call("GET", "/v1/sockets?namespace=/feed", None, wrong);
            let trimmed = wrong.trim() == reader;
            assert_eq!(status, if trimmed { 200 } else { 401 }, "{wrong:?}");
        }
        let nameless = Request::get("/v1/info").send(gateway.api_port());
        assert_eq!(nameless.status, 401);
        assert!(nameless.header("www-authenticate").is_some());
    });
}

#[test]
fn describe_their_api() {
    each(|gateway| {
        let document = gateway.get("/v1/openapi.json");
        assert_eq!(document.status, 200);
        let document = document.json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for path in [
            "emit",
            "join",
            "leave",
            "disconnect",
            "rooms",
            "sockets",
            "history",
            "events",
            "info",
        ] {
            assert!(
                document["paths"][format!("/v1/{path}")].is_object(),
                "{path}"
            );
        }
    });
}

/// On the client port, for hosts that expose only one.
#[test]
fn open_the_client_port_if_told() {
    let rules = workspace().join("tests/fixtures/scenarios.yaml");
    let gateway = Options::rules_file(&rules)
        .env("CARILLON_API_PORT", "client")
        .start();
    let body = json!({ "namespace": "/", "event": "e", "args": [] });
    let key = format!("Bearer {}", carillon_tests::gateway::KEY);
    let emit = Request::post("/v1/emit").json(&body);
    assert_eq!(
        emit.clone()
            .header("authorization", &key)
            .send(gateway.port())
            .status,
        200
    );
    assert_eq!(emit.send(gateway.port()).status, 401);
}

/// Without any key only this machine may call, and no page of a browser.
#[test]
fn are_not_needed_on_loopback() {
    let rules = workspace().join("tests/fixtures/scenarios.yaml");
    let gateway = Options::rules_file(&rules)
        .env("CARILLON_API_KEY", "")
        .start();
    let port = gateway.api_port();
    let body = json!({ "namespace": "/", "event": "e", "args": [] });
    let json = Request::post("/v1/emit").json(&body);
    assert_eq!(json.clone().send(port).status, 200);
    assert_eq!(
        json.clone()
            .header("host", &format!("localhost:{port}"))
            .send(port)
            .status,
        200
    );
    let rebound = json.header("host", "evil.example").send(port);
    assert!(
        matches!(rebound.status, 400 | 401 | 403 | 421),
        "{}",
        rebound.status
    );
    let form = Request::post("/v1/emit")
        .header("content-type", "text/plain")
        .body(body.to_string().as_bytes())
        .send(port);
    assert!(matches!(form.status, 400 | 403 | 415), "{}", form.status);
}
