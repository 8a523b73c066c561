//! `GET /v1/events`: what browsers poll where no socket gets through; and `/v1/history` for keys.

use carillon_tests::gateway::Gateway;
use carillon_tests::http::{Connection, Request, Response};
use carillon_tests::session::Session;
use serde_json::json;

use super::each;

const PATH: &str = "/v1/events?namespace=/feed&room=open-1";

fn post(gateway: &Gateway, room: &str, n: u32) {
    let body =
        json!({ "namespace": "/feed", "event": "update", "args": [{ "n": n }], "rooms": [room] });
    assert_eq!(gateway.post("/v1/emit", &body).status, 200);
}

fn get(port: u16, path: &str, tag: Option<&str>) -> Response {
    let request = Request::get(path).header("origin", "http://localhost:3000");
    match tag {
        Some(tag) => request.header("if-none-match", tag).send(port),
        None => request.send(port),
    }
}

#[test]
fn have_a_tag() {
    each(|gateway| {
        for port in [gateway.port(), gateway.api_port()] {
            post(gateway, "open-1", 1);
            let first = get(port, PATH, None);
            assert_eq!(first.status, 200, "{}", first.text());
            let tag = first.header("etag").unwrap().to_owned();
            let event = &first.json()["events"][0];
            assert_eq!(
                (&event["event"], &event["args"]),
                (&json!("update"), &json!([{ "n": 1 }]))
            );
            assert_eq!(tag, format!("\"{}\"", event["id"].as_str().unwrap()));
            assert_eq!(
                first.header("access-control-allow-origin"),
                Some("http://localhost:3000")
            );
            let same = get(port, PATH, Some(&tag));
            assert_eq!((same.status, same.body.len()), (304, 0));
            post(gateway, "open-1", 2);
            let next = get(port, PATH, Some(&tag));
            assert_eq!(
                (
                    next.status,
                    next.json()["events"][0]["args"][0]["n"].as_u64()
                ),
                (200, Some(2))
            );
            assert_ne!(next.header("etag"), Some(tag.as_str()));
        }
    });
}

#[test]
fn can_be_waited_for() {
    each(|gateway| {
        post(gateway, "open-1", 1);
        let tag = get(gateway.port(), PATH, None)
            .header("etag")
            .unwrap()
            .to_owned();
        let request = Request::get(&format!("{PATH}&wait=20s")).header("if-none-match", &tag);
        let mut waiting = Connection::open(gateway.port());
        waiting.write(&request.bytes(gateway.port())).unwrap();
        post(gateway, "open-2", 7);
        post(gateway, "open-1", 2);
        let answer = waiting.read_response(false).unwrap();
        assert_eq!(
            (
                answer.status,
                answer.json()["events"][0]["args"][0]["n"].as_u64()
            ),
            (200, Some(2))
        );
        let tag = answer.header("etag").unwrap().to_owned();
        let short = Request::get(&format!("{PATH}&wait=100ms")).header("if-none-match", &tag);
        assert_eq!(short.send(gateway.port()).status, 304);
    });
}

/// What is sent by a client is kept like what came over HTTP.
#[test]
fn come_from_clients_too() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/feed");
        session.event("/feed", r#"1["post","1",{"a":1.0}]"#);
        session.expect("43/feed,1[]");
        let answer = get(gateway.port(), PATH, None);
        assert!(
            answer.text().contains(r#"["1",{"a":1.0}]"#),
            "{}",
            answer.text()
        );
    });
}

#[test]
fn are_read_only_where_allowed() {
    each(|gateway| {
        post(gateway, "closed-1", 1);
        let status = |path: &str| get(gateway.port(), path, None).status;
        assert_eq!(status("/v1/events?namespace=/feed&room=closed-1"), 403);
        assert_eq!(status("/v1/events?namespace=/&room=room-1"), 403);
        assert!(matches!(
            status("/v1/events?namespace=/none&room=open-1"),
            403 | 404
        ));
        assert_eq!(status("/v1/events?room=open-1"), 400);
        assert_eq!(status(&format!("{PATH}&wait=soon")), 400);
        let foreign = Request::get(PATH)
            .header("origin", "http://evil.example")
            .send(gateway.port());
        assert_eq!(foreign.header("access-control-allow-origin"), None);
        let history = gateway.get("/v1/history?namespace=/feed&room=closed-1");
        assert_eq!(history.status, 200, "keys may: {}", history.text());
        assert!(history.text().contains(r#"{"n":1}"#), "{}", history.text());
    });
}

#[test]
fn are_bounded() {
    each(|gateway| {
        for n in 0..10 {
            post(gateway, "open-1", n);
        }
        let history = gateway
            .get("/v1/history?namespace=/feed&room=open-1")
            .text();
        let kept: Vec<u32> = (0..10)
            .filter(|n| history.contains(&format!(r#"{{"n":{n}}}"#)))
            .collect();
        assert_eq!(kept, [7, 8, 9], "history.size is 3: {history}");
    });
}
