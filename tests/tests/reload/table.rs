//! What a reload changes, row by row, on sockets that live through the change.

use carillon_tests::gateway::{Gateway, Options};
use carillon_tests::http::Request;
use carillon_tests::packets;
use carillon_tests::polling::POLLING;
use carillon_tests::session::Session;
use serde_json::{Value, json};

use super::{Rules, changed};

/// A gateway under `before`, a socket in `/`, then the rules `after`.
fn row(before: &str, after: &str, test: impl Fn(&Gateway, &mut Session, &dyn Fn())) {
    for shards in [1, 3] {
        let rules = Rules::new();
        rules.write(before);
        let mut gateway = Options::rules_file(&rules.path()).shards(shards).start();
        let (mut session, _) = Session::connected(gateway.port(), "/");
        test(&gateway, &mut session, &|| {
            changed(&gateway, || rules.write(after))
        });
        gateway.assert_alive();
    }
}

fn ask(session: &mut Session, event: &str) -> Value {
    session.event("/", &format!("7{event}"));
    let answer = session.next();
    let json = answer
        .strip_prefix("437")
        .unwrap_or_else(|| panic!("no ack: {answer}"));
    serde_json::from_str(json).unwrap()
}

fn code(session: &mut Session, event: &str) -> String {
    let answer = ask(session, event);
    answer[0]["error"]["code"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

fn open(gateway: &Gateway) -> Value {
    let answer = Request::get(POLLING).send(gateway.port());
    packets::open(&answer.text())
}

const PLAIN: &str = "namespaces: [{ name: /, events: [{ name: a }] }]";

#[test]
fn engine_for_new_sessions() {
    let after = "engine: { maxPayload: 2000, pingInterval: 7s, pingTimeout: 3s, transports: [polling] }\nnamespaces: [{ name: /, events: [{ name: a }] }]";
    row(PLAIN, after, |gateway, session, change| {
        assert_eq!(open(gateway)["pingInterval"], 25_000);
        change();
        let new = open(gateway);
        assert_eq!(
            (
                &new["pingInterval"],
                &new["pingTimeout"],
                &new["maxPayload"]
            ),
            (&json!(7000), &json!(3000), &json!(2000))
        );
        assert_eq!(new["upgrades"], json!([]));
        assert!(
            gateway
                .raw_websocket("/socket.io/?EIO=4&transport=websocket")
                .is_err()
        );
        let large = format!(r#"["a","{}"]"#, "x".repeat(10_000));
        assert_eq!(
            ask(session, &large),
            json!([]),
            "a session keeps the limit it was told"
        );
    });
}

#[test]
fn path_for_new_sessions() {
    let after = "engine: { path: /live/ }\nnamespaces: [{ name: /, events: [{ name: a }] }]";
    row(PLAIN, after, |gateway, session, change| {
        change();
        assert_eq!(Request::get(POLLING).send(gateway.port()).status, 404);
        assert_eq!(
            Request::get("/live/?EIO=4&transport=polling")
                .send(gateway.port())
                .status,
            200
        );
        assert_eq!(ask(session, r#"["a"]"#), json!([]));
    });
}

#[test]
fn events_and_schemas_at_the_next_event() {
    let before = "namespaces: [{ name: /, events: [{ name: a, args: [{ type: string }] }, { name: gone }] }]";
    let after = "schemas: { n: { type: number } }\nnamespaces: [{ name: /, events: [{ name: a, args: [{ $ref: '#/schemas/n' }] }, { name: come }] }]";
    row(before, after, |_, session, change| {
        assert_eq!(ask(session, r#"["a","text"]"#), json!([]));
        assert_eq!(code(session, r#"["a",1]"#), "invalid");
        assert_eq!(code(session, r#"["come"]"#), "unknown_event");
        change();
        assert_eq!(code(session, r#"["a","text"]"#), "invalid");
        assert_eq!(ask(session, r#"["a",1]"#), json!([]));
        assert_eq!(ask(session, r#"["come"]"#), json!([]));
        assert_eq!(code(session, r#"["gone"]"#), "unknown_event");
    });
}

/// Buckets keep their level: an edit is no fresh start, and a lower limit caps it.
#[test]
fn limits_at_the_next_event() {
    let before = "namespaces: [{ name: /, limits: { rooms: 1 }, events: [{ name: a, limit: 2/h }, { name: join, join: ['r-{0}'] }, { name: b, limit: 9/h }] }]";
    let after = "namespaces: [{ name: /, limits: { rooms: 2 }, events: [{ name: a, limit: 3/h }, { name: join, join: ['r-{0}'] }, { name: b, limit: 1/h }] }]";
    row(before, after, |_, session, change| {
        assert_eq!(ask(session, r#"["a"]"#), json!([]));
        assert_eq!(ask(session, r#"["a"]"#), json!([]));
        assert_eq!(code(session, r#"["a"]"#), "rate_limited");
        assert_eq!(ask(session, r#"["b"]"#), json!([]));
        assert_eq!(ask(session, r#"["join","1"]"#), json!([]));
        assert_eq!(code(session, r#"["join","2"]"#), "too_many_rooms");
        change();
        assert_eq!(
            code(session, r#"["a"]"#),
            "rate_limited",
            "the level is kept"
        );
        assert_eq!(ask(session, r#"["b"]"#), json!([]));
        assert_eq!(code(session, r#"["b"]"#), "rate_limited", "capped");
        assert_eq!(ask(session, r#"["join","2"]"#), json!([]));
    });
}

#[test]
fn error_event_at_the_next_event() {
    let after = "namespaces: [{ name: /, errorEvent: trouble, events: [{ name: a }] }]";
    row(PLAIN, after, |_, session, change| {
        session.event("/", r#"["unheard"]"#);
        assert!(session.next().starts_with(r#"42["error",{"#));
        change();
        session.event("/", r#"["unheard"]"#);
        assert!(session.next().starts_with(r#"42["trouble",{"#));
    });
}

#[test]
fn auto_join_and_welcome_for_new_sockets() {
    let after = "namespaces: [{ name: /, autoJoin: [all], welcome: [{ event: hello, args: [1] }], events: [{ name: a }] }]";
    row(PLAIN, after, |gateway, session, change| {
        change();
        let (mut new, _) = Session::connected(gateway.port(), "/");
        new.expect(r#"42["hello",1]"#);
        let body = json!({ "namespace": "/", "event": "e", "args": [], "rooms": ["all"] });
        assert_eq!(gateway.post("/v1/emit", &body).json()["recipients"], 1);
        new.expect(r#"42["e"]"#);
        session.assert_quiet();
    });
}

/// A smaller history is cut at once, a larger one fills up.
#[test]
fn history_size() {
    let with = |size: u32| {
        format!(
            "namespaces: [{{ name: /, history: {{ size: {size}, ttl: 1h }}, events: [{{ name: join, join: ['r-{{0}}'], replay: 2 }}] }}]"
        )
    };
    let post = |gateway: &Gateway, n: u32| {
        let body = json!({ "namespace": "/", "event": "n", "args": [n], "rooms": ["r-1"] });
        assert_eq!(gateway.post("/v1/emit", &body).status, 200);
    };
    let kept = |gateway: &Gateway| {
        let text = gateway.get("/v1/history?namespace=/&room=r-1").text();
        (0..9)
            .filter(|n| text.contains(&format!("\"args\":[{n}]")))
            .collect::<Vec<u32>>()
    };
    row(&with(4), &with(2), |gateway, _, change| {
        (0..4).for_each(|n| post(gateway, n));
        assert_eq!(kept(gateway), [0, 1, 2, 3]);
        change();
        assert_eq!(kept(gateway), [2, 3]);
    });
    row(&with(2), &with(4), |gateway, _, change| {
        (0..3).for_each(|n| post(gateway, n));
        change();
        post(gateway, 3);
        assert!(
            kept(gateway).starts_with(&[1, 2]) || kept(gateway) == [2, 3],
            "{:?}",
            kept(gateway)
        );
        assert!(kept(gateway).ends_with(&[2, 3]));
    });
}

/// A live socket stays what it was; a rule that goes takes what was promised along.
#[test]
fn recovery_for_new_sockets() {
    let with = "namespaces: [{ name: /, recovery: { window: 1m }, events: [{ name: a }] }]";
    let reply = |gateway: &Gateway, auth: &str| {
        let mut session = gateway.websocket();
        session.send(&format!("40{auth}"));
        let reply = session.next();
        let json: Value = serde_json::from_str(&reply[2..]).unwrap();
        (session, json)
    };
    row(PLAIN, with, |gateway, session, change| {
        change();
        let (_new, json) = reply(gateway, "");
        assert!(json["pid"].is_string(), "{json}");
        assert_eq!(ask(session, r#"["a"]"#), json!([]));
    });
    row(with, PLAIN, |gateway, _, change| {
        let (old, before) = reply(gateway, "");
        change();
        drop(old);
        let (_new, json) = reply(gateway, &json!({ "pid": before["pid"] }).to_string());
        assert!(
            json["pid"].is_null() && json["sid"] != before["sid"],
            "{json}"
        );
    });
}

#[test]
fn cors_at_the_next_request() {
    let after = "cors: { origins: ['http://new.example'] }\nnamespaces: [{ name: /, events: [{ name: a }] }]";
    row(PLAIN, after, |gateway, _, change| {
        let allowed = |gateway: &Gateway| {
            let answer = Request::get(POLLING)
                .header("origin", "http://new.example")
                .send(gateway.port());
            answer
                .header("access-control-allow-origin")
                .map(str::to_owned)
        };
        assert_eq!(allowed(gateway), None);
        change();
        assert_eq!(allowed(gateway).as_deref(), Some("http://new.example"));
    });
}

/// Who is in a namespace that goes is told why, then put out of it; nobody else notices.
#[test]
fn a_namespace_removed() {
    let before = "namespaces: [{ name: /, events: [{ name: a }] }, { name: /gone, errorEvent: oops, events: [{ name: a }] }]";
    row(before, PLAIN, |gateway, session, change| {
        session.connect("/gone", "");
        let (mut other, _) = Session::connected(gateway.port(), "/");
        change();
        let told = session.next();
        assert!(
            told.starts_with(r#"42/gone,["oops",{"#)
                && told.contains(r#""code":"namespace_removed""#),
            "{told}"
        );
        session.expect("41/gone,");
        assert_eq!(ask(session, r#"["a"]"#), json!([]));
        other.assert_quiet();
        session.send("40/gone,");
        session.expect(r#"44/gone,{"message":"Invalid namespace"}"#);
    });
}

/// A namespace that another rule matches now keeps its sockets and their rooms.
#[test]
fn a_namespace_matched_otherwise() {
    let before = "namespaces: [{ name: /, events: [{ name: a }] }, { name: /org-1, events: [{ name: join, join: ['r-{0}'] }] }]";
    let after = "namespaces: [{ name: /, events: [{ name: a }] }, { pattern: '^/org-(?<org>[0-9]+)$', events: [{ name: other }] }]";
    row(before, after, |gateway, session, change| {
        session.connect("/org-1", "");
        session.event("/org-1", r#"1["join","x"]"#);
        session.expect("43/org-1,1[]");
        change();
        let body = json!({ "namespace": "/org-1", "event": "e", "args": [], "rooms": ["r-x"] });
        assert_eq!(gateway.post("/v1/emit", &body).json()["recipients"], 1);
        session.expect(r#"42/org-1,["e"]"#);
        session.event("/org-1", r#"1["other"]"#);
        session.expect("43/org-1,1[]");
    });
}
