//! `POST /v1/emit`: one, many, a stream; to whom; once for one id; with acks.

use carillon_tests::gateway::{Gateway, KEY};
use carillon_tests::http::{Connection, Request};
use carillon_tests::metrics;
use carillon_tests::session::Session;
use serde_json::{Value, json};

use super::{each, members, pointers};

fn emit(gateway: &Gateway, body: &Value) -> (u16, Value) {
    let answer = gateway.post("/v1/emit", body);
    (answer.status, answer.json())
}

#[test]
fn reaches_whom_it_names() {
    each(|gateway| {
        let mut rooms: Vec<_> = ["a", "a", "b"]
            .iter()
            .flat_map(|room| members(gateway, room, 1))
            .collect();
        let mut to = |selection: Value, expected: &[usize]| {
            let mut body = json!({ "namespace": "/", "event": "e", "args": [selection] });
            for (key, value) in selection.as_object().unwrap() {
                body[key] = value.clone();
            }
            let (status, answer) = emit(gateway, &body);
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["accepted"], true);
            assert!(answer["id"].is_string());
            assert_eq!(
                answer["recipients"],
                expected.len(),
                "{selection}: {answer}"
            );
            for index in expected {
                rooms[*index].0.expect(&format!(r#"42["e",{selection}]"#));
            }
        };
        let ids: Vec<String> = rooms_ids(gateway, "room-a");
        assert_eq!(ids.len(), 2);
        to(json!({}), &[0, 1, 2]);
        to(json!({ "rooms": ["room-a"] }), &[0, 1]);
        to(json!({ "rooms": ["room-a", "room-b"] }), &[0, 1, 2]);
        to(json!({ "rooms": ["room-a"], "except": ["room-a"] }), &[]);
        to(json!({ "except": ["room-b"] }), &[0, 1]);
        to(json!({ "rooms": ["nowhere"] }), &[]);
        to(json!({ "volatile": true }), &[0, 1, 2]);
        let mut quiet = rooms;
        for (session, _) in &mut quiet {
            session.assert_quiet();
        }
    });
}

fn rooms_ids(gateway: &Gateway, room: &str) -> Vec<String> {
    let answer = gateway
        .get(&format!("/v1/sockets?namespace=/&room={room}"))
        .json();
    let sockets = answer["sockets"].as_array().unwrap().iter();
    sockets
        .map(|socket| socket["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn reaches_single_sockets() {
    each(|gateway| {
        let mut both = members(gateway, "x", 2);
        let ids = [both[0].1.clone(), both[1].1.clone()];
        let (_, answer) = emit(
            gateway,
            &json!({ "namespace": "/", "event": "one", "args": [], "sockets": [ids[1]] }),
        );
        assert_eq!(answer["recipients"], 1);
        both[1].0.expect(r#"42["one"]"#);
        let (_, answer) = emit(
            gateway,
            &json!({ "namespace": "/", "event": "other", "args": [], "except": [ids[1]] }),
        );
        assert_eq!(answer["recipients"], 1);
        both[0].0.expect(r#"42["other"]"#);
        both[1].0.assert_quiet();
    });
}

/// Arguments are the text that was sent, and binary stands as base64.
#[test]
fn carries_arguments_exactly() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let texts = [
            r#"{"a":1,"a":2}"#,
            "12345678901234567890",
            "1.0",
            r#""\u0061""#,
            r#"{"$c":1,"d":2}"#,
            r#"{"$b":"x"}"#,
        ];
        for text in texts {
            let body = format!(r#"{{"namespace":"/","event":"e","args":[{text}]}}"#);
            let answer = Request::post("/v1/emit")
                .header("authorization", &format!("Bearer {KEY}"))
                .header("content-type", "application/json")
                .body(body.as_bytes())
                .send(gateway.api_port());
            assert_eq!(answer.status, 200, "{}", answer.text());
            session.expect(&format!(r#"42["e",{text}]"#));
        }
        let binary = json!([{ "$b64": "AQID" }, { "deep": [{ "$b64": "" }] }, { "$$b64": "AQID" }]);
        let (status, answer) = emit(
            gateway,
            &json!({ "namespace": "/", "event": "e", "args": binary }),
        );
        assert_eq!(status, 200, "{answer}");
        session.expect(r#"452-["e",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]},{"$b64":"AQID"}]"#);
        assert_eq!(session.next_binary(), [1, 2, 3]);
        assert!(session.next_binary().is_empty());
    });
}

#[test]
fn takes_many_at_once() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let one = |n: u32| json!({ "namespace": "/", "event": "n", "args": [n] });
        let mut items: Vec<Value> = (0..50).map(one).collect();
        items[20] = json!({ "namespace": "/", "event": "connect", "args": [], "id": "bad" });
        items[30] = json!({ "namespace": "/unknown", "event": "e", "args": [] });
        let (status, results) = emit(gateway, &json!(items));
        assert_eq!(status, 200, "{results}");
        let results = results.as_array().unwrap();
        assert_eq!(results.len(), 50);
        for (index, result) in results.iter().enumerate() {
            let failed = matches!(index, 20 | 30);
            assert_eq!(result["error"].is_object(), failed, "{index}: {result}");
        }
        assert_eq!(results[20]["id"], "bad");
        for n in (0..50).filter(|n| !matches!(n, 20 | 30)) {
            session.expect(&format!(r#"42["n",{n}]"#));
        }
        let many: Vec<Value> = (0..1001).map(one).collect();
        assert!(matches!(emit(gateway, &json!(many)).0, 400 | 413));
        metrics::assert_accounted(gateway);
    });
}

/// NDJSON: an answer for each line, while the body is still being sent.
#[test]
fn takes_a_stream() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let mut connection = Connection::open(gateway.api_port());
        let head = Request::new("POST", "/v1/emit")
            .header("authorization", &format!("Bearer {KEY}"))
            .header("content-type", "application/x-ndjson")
            .header("transfer-encoding", "chunked");
        connection.write(&head.bytes(gateway.api_port())).unwrap();
        let mut chunk = |text: &str| {
            let chunk = format!("{:x}\r\n{text}\r\n", text.len());
            connection.write(chunk.as_bytes()).unwrap();
        };
        chunk("{\"namespace\":\"/\",\"event\":\"n\",\"args\":[0]}\n");
        session.expect(r#"42["n",0]"#);
        chunk("{\"namespace\":\"/\",\"event\":\"n\",");
        chunk("\"args\":[1]}\nnot json\n\n");
        session.expect(r#"42["n",1]"#);
        chunk("{\"namespace\":\"/\",\"event\":\"n\",\"args\":[2]}");
        chunk("");
        session.expect(r#"42["n",2]"#);
        let answer = connection.read_response(false).unwrap();
        let text = answer.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let errors: Vec<bool> = lines.iter().map(|line| line["error"].is_object()).collect();
        assert_eq!(
            (answer.status, errors),
            (200, vec![false, false, true, false]),
            "{text}"
        );
    });
}

#[test]
fn happens_once_for_one_id() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let body =
            |id: &str, n: u32| json!({ "namespace": "/", "event": "once", "args": [n], "id": id });
        let (status, first) = emit(gateway, &body("a", 1));
        assert_eq!((status, &first["id"]), (200, &json!("a")));
        let (status, again) = emit(gateway, &body("a", 1));
        assert_eq!((status, again), (200, first));
        assert_eq!(emit(gateway, &body("a", 2)).0, 422);
        assert_eq!(emit(gateway, &body("b", 3)).0, 200);
        session.expect(r#"42["once",1]"#);
        session.expect(r#"42["once",3]"#);
        session.assert_quiet();
        // The same id in another namespace is another id.
        let other = json!({ "namespace": "/feed", "event": "once", "args": [2], "id": "a" });
        assert_eq!(emit(gateway, &other).0, 200);
    });
}

/// While the first call of an id waits for acks, a second one is told to come later.
#[test]
fn is_busy_meanwhile() {
    each(|gateway| {
        let (mut session, _) = Session::connected(gateway.port(), "/");
        let body = json!({ "namespace": "/", "event": "ask", "args": [], "id": "slow", "ack": { "timeout": "5s" } });
        let request = Request::post("/v1/emit")
            .header("authorization", &format!("Bearer {KEY}"))
            .json(&body);
        let mut first = Connection::open(gateway.api_port());
        first.write(&request.bytes(gateway.api_port())).unwrap();
        let asked = session.next();
        let second = gateway.post("/v1/emit", &body);
        assert_eq!(second.status, 409, "{}", second.text());
        assert!(second.header("retry-after").is_some());
        let id: String = asked[2..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        session.send(&format!(r#"43{id}["done",2]"#));
        let answer = first.read_response(false).unwrap().json();
        assert_eq!(answer["acks"][0]["args"], json!(["done", 2]), "{answer}");
        assert_eq!(answer["missing"], 0);
        let (status, known) = emit(gateway, &body);
        assert_eq!((status, known), (200, answer));
    });
}

#[test]
fn gathers_acks() {
    each(|gateway| {
        let mut all = members(gateway, "asked", 3);
        let body = json!({ "namespace": "/", "event": "ask", "args": ["?"], "rooms": ["room-asked"], "ack": { "timeout": "5s", "expect": 2 } });
        let request = Request::post("/v1/emit")
            .header("authorization", &format!("Bearer {KEY}"))
            .json(&body);
        let mut call = Connection::open(gateway.api_port());
        call.write(&request.bytes(gateway.api_port())).unwrap();
        let mut reply = |index: usize, args: &str| {
            let (session, id) = &mut all[index];
            let asked = session.next();
            let number: String = asked[2..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            assert_eq!(asked, format!(r#"42{number}["ask","?"]"#));
            session.send(&format!("43{number}{args}"));
            id.clone()
        };
        let ids = [reply(0, "[1,{\"a\":1.0}]"), reply(2, "[]")];
        let answer = call.read_response(false).unwrap();
        assert!(
            answer.text().contains(r#"[1,{"a":1.0}]"#),
            "as it was sent: {}",
            answer.text()
        );
        let answer = answer.json();
        let mut sockets: Vec<_> = answer["acks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ack| ack["socket"].as_str().unwrap())
            .collect();
        sockets.sort_unstable();
        let mut expected = ids;
        expected.sort();
        assert_eq!(sockets, expected, "`expect` ends the wait");
        assert_eq!(
            (&answer["recipients"], &answer["missing"]),
            (&json!(3), &json!(1))
        );
    });
}

#[test]
fn refuses_what_it_does_not_know() {
    each(|gateway| {
        let faults = [
            (json!({ "event": "e", "args": [] }), ""),
            (json!({ "namespace": "/", "args": [] }), ""),
            (
                json!({ "namespace": "/", "event": "e", "arguments": [] }),
                "/arguments",
            ),
            (
                json!({ "namespace": "/", "event": {}, "args": [] }),
                "/event",
            ),
            (
                json!({ "namespace": "/", "event": "e", "args": {} }),
                "/args",
            ),
            (
                json!({ "namespace": "/", "event": "e", "args": [], "rooms": "a" }),
                "/rooms",
            ),
            (
                json!({ "namespace": "/", "event": "e", "args": [], "rooms": [] }),
                "/rooms",
            ),
            (
                json!({ "namespace": "/", "event": "e", "args": [], "ack": { "timeout": "soon" } }),
                "/ack/timeout",
            ),
            (
                json!({ "namespace": "/", "event": "disconnect", "args": [] }),
                "/event",
            ),
            (
                json!({ "namespace": "/", "event": "e", "args": [{ "$b64": "!" }] }),
                "/args/0",
            ),
        ];
        for (body, pointer) in faults {
            let answer = gateway.post("/v1/emit", &body);
            assert_eq!(answer.status, 400, "{body}: {}", answer.text());
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            let problem = answer.json();
            assert!(
                problem["title"].is_string() && problem["status"] == 400,
                "{problem}"
            );
            let named = pointers(&problem);
            assert!(
                pointer.is_empty() || named.iter().any(|at| at.starts_with(pointer)),
                "{body}: {problem}"
            );
        }
        let unknown = emit(
            gateway,
            &json!({ "namespace": "/none", "event": "e", "args": [] }),
        );
        assert!(matches!(unknown.0, 400 | 404), "{unknown:?}");
        let plain = Request::post("/v1/emit")
            .header("authorization", &format!("Bearer {KEY}"))
            .body(b"{}")
            .send(gateway.api_port());
        assert!(matches!(plain.status, 400 | 415), "{}", plain.status);
        let broken = Request::post("/v1/emit")
            .header("authorization", &format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(b"{\"namespace\":")
            .send(gateway.api_port());
        assert_eq!(broken.status, 400);
        assert_eq!(gateway.get("/v1/nothing").status, 404);
        assert_eq!(gateway.get("/v1/emit").status, 405);
    });
}
