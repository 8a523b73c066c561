//! Who is here, and what a selection of sockets is made to do.

use carillon_tests::gateway::Gateway;
use carillon_tests::polling::Polling;
use carillon_tests::session::Session;
use carillon_tests::wait;
use serde_json::{Value, json};

use super::{each, members};

fn post(gateway: &Gateway, path: &str, body: &Value) -> Value {
    let answer = gateway.post(path, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[test]
fn are_listed() {
    each(|gateway| {
        let all = members(gateway, "listed", 5);
        let (_other, other) = Session::connected(gateway.port(), "/feed");
        let rooms = gateway.get("/v1/rooms?namespace=/").json();
        let found = rooms["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .find(|room| room["name"] == "room-listed");
        assert_eq!(found.unwrap()["sockets"], 5, "{rooms}");

        let mut ids: Vec<&str> = all.iter().map(|(_, id)| id.as_str()).collect();
        ids.sort_unstable();
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = gateway
                .get(&format!(
                    "/v1/sockets?namespace=/&room=room-listed&limit=2{after}"
                ))
                .json();
            for socket in page["sockets"].as_array().unwrap() {
                seen.push(socket["id"].as_str().unwrap().to_owned());
                let joined = socket["rooms"].as_array().unwrap();
                assert!(joined.contains(&json!("room-listed")), "{socket}");
                assert!(
                    socket["node"].is_string() && socket["handshake"].is_object(),
                    "{socket}"
                );
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ids);
        let feed = gateway.get("/v1/sockets?namespace=/feed").json();
        assert_eq!(feed["sockets"][0]["id"], json!(other));
        let info = gateway.get("/v1/info").json();
        assert_eq!(
            (&info["counts"]["sockets"], &info["counts"]["sessions"]),
            (&json!(6), &json!(6)),
            "{info}"
        );
        assert!(info["version"].is_string() && info["rules"]["hash"].is_string());
    });
}

#[test]
fn can_be_moved() {
    each(|gateway| {
        let mut all = members(gateway, "old", 3);
        let selection = json!({ "namespace": "/", "rooms": ["room-old"], "except": [all[2].1], "join": ["new", "newer"] });
        assert_eq!(post(gateway, "/v1/join", &selection)["sockets"], 2);
        let leave =
            json!({ "namespace": "/", "sockets": [all[0].1], "leave": ["new", "room-old"] });
        assert_eq!(post(gateway, "/v1/leave", &leave)["sockets"], 1);
        let to = |room: &str| json!({ "namespace": "/", "event": "to", "args": [room], "rooms": [room] });
        for (room, expected) in [
            ("new", vec![1]),
            ("newer", vec![0, 1]),
            ("room-old", vec![1, 2]),
        ] {
            assert_eq!(
                post(gateway, "/v1/emit", &to(room))["recipients"],
                expected.len(),
                "{room}"
            );
            for index in expected {
                all[index].0.expect(&format!(r#"42["to","{room}"]"#));
            }
        }
        // A socket's own room cannot be entered or left by anybody.
        let own = json!({ "namespace": "/", "sockets": [all[1].1], "join": [all[0].1] });
        assert_eq!(gateway.post("/v1/join", &own).status, 400);
    });
}

#[test]
fn can_be_disconnected() {
    each(|gateway| {
        let mut all = members(gateway, "out", 2);
        let (first, second) = (all[0].1.clone(), all[1].1.clone());
        all[0].0.connect("/feed", "");
        all[1].0.connect("/feed", "");
        let only = json!({ "namespace": "/", "sockets": [first] });
        assert_eq!(post(gateway, "/v1/disconnect", &only)["sockets"], 1);
        all[0].0.expect("41");
        all[0].0.assert_quiet();
        let whole = json!({ "namespace": "/", "sockets": [second], "close": true });
        assert_eq!(post(gateway, "/v1/disconnect", &whole)["sockets"], 1);
        all[1].0.closed();
        let everybody = json!({ "namespace": "/feed" });
        assert_eq!(post(gateway, "/v1/disconnect", &everybody)["sockets"], 1);
        all[0].0.expect("41/feed,");
        wait::until("nobody is left", || {
            let info = gateway.get("/v1/info").json();
            (info["counts"]["sockets"] == 0).then_some(())
        });
    });
}

/// socket.io-client takes the messages of a payload after its close packet: they would come again in a recovered session.
#[test]
fn that_poll_get_their_messages_before_they_are_told_of_the_end() {
    each(|gateway| {
        let polling = Polling::open(gateway.port());
        polling.connect("/");
        let last = json!({ "namespace": "/", "event": "last", "args": [1] });
        post(gateway, "/v1/emit", &last);
        let end = json!({ "namespace": "/", "close": true });
        assert_eq!(post(gateway, "/v1/disconnect", &end)["sockets"], 1);
        let packets = polling.packets();
        assert_eq!(packets[0], r#"42["last",1]"#);
        assert!(!packets.contains(&"1".to_owned()), "{packets:?}");
        assert_eq!(polling.poll().text(), "6\u{1e}1");
        assert_eq!(polling.poll().status, 400);
    });
}

#[test]
fn are_told_apart_from_their_sessions() {
    each(|gateway| {
        let (session, id) = Session::connected(gateway.port(), "/");
        assert!(id.len() == 20 && id.starts_with("-_"), "{id}");
        let listed = gateway.get("/v1/sockets?namespace=/").text();
        assert!(
            listed.contains(&id) && !listed.contains(session.sid()),
            "a session id is a secret"
        );
    });
}
