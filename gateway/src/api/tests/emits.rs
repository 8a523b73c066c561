use axum::http::StatusCode;
use serde_json::{Value, json};

use super::fixture::{BOOT, Fixture, RULES};

fn game() -> Fixture {
    let api = Fixture::new(RULES);
    api.socket(0, "/open", "-_a", &["red", "all"], Some("\"yes\""));
    api.socket(1, "/open", "-_b", &["blue", "all"], Some("{\"$x\":1}"));
    api.socket(1, "/open", "-_c", &["blue"], None);
    api.socket(1, "/past", "-_p", &["company-1"], None);
    api
}

async fn emit(api: &Fixture, body: &Value) -> Value {
    let answer = api.post("/v1/emit", &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn selections_reach_whom_they_say() {
    for (selection, expected) in [
        (json!({}), 3),
        (json!({ "rooms": ["red"] }), 1),
        (json!({ "rooms": ["red", "blue"] }), 3),
        (json!({ "rooms": ["red", "blue"], "except": ["all"] }), 1),
        (json!({ "sockets": ["-_a"] }), 1),
        (json!({ "rooms": ["all"], "sockets": ["-_c"] }), 3),
        (json!({ "except": ["-_a"] }), 2),
        (json!({ "rooms": ["nobody"] }), 0),
    ] {
        let api = game();
        let mut body = selection.clone();
        body["namespace"] = "/open".into();
        body["event"] = "e".into();
        assert_eq!(
            emit(&api, &body).await["recipients"],
            expected,
            "{selection}"
        );
        assert_eq!(*api.accepted.lock().unwrap(), ["/open"]);
    }
}

#[tokio::test]
async fn arguments_travel_byte_for_byte() {
    let api = game();
    let body = r#"{"namespace":"/open","event":"\u0061","args":[ 12345678901234567890 ,{"a" :1e0,"a":"\ud800"} ]}"#;
    let answer = api.post("/v1/emit", body).await.json();
    assert_eq!(answer["accepted"], true);
    assert_eq!(answer["id"].as_str().unwrap().len(), 16);
    let expected = r#"42/open,["\u0061",12345678901234567890,{"a" :1e0,"a":"\ud800"}]"#;
    assert_eq!(api.packets("-_a"), [expected]);
}

#[tokio::test]
async fn binary_arguments_become_attachments() {
    let api = game();
    let args = json!([{ "$b64": "aGk=" }, { "$$b64": "x" }]);
    emit(
        &api,
        &json!({ "namespace": "/open", "event": "e", "args": args }),
    )
    .await;
    let packet = &api.packets("-_a")[0];
    let head = r#"451-/open,["e",{"_placeholder":true,"num":0},{"$b64":"x"}]"#;
    assert!(
        packet.starts_with(head) && packet.ends_with("hi"),
        "{packet}"
    );
}

#[tokio::test]
async fn refusals_say_where() {
    let api = game();
    let deep = "[".repeat(513) + &"]".repeat(513);
    for (body, status, pointers) in [
        (r#"{"namespace":"/open"}"#.to_owned(), 400, vec![""]),
        (
            r#"{"namespace":"/open","event":"e","room":["a"]}"#.to_owned(),
            400,
            vec!["/room"],
        ),
        (
            r#"{"namespace":"/none","event":"e"}"#.to_owned(),
            404,
            vec![],
        ),
        (
            r#"{"namespace":"/open","event":"disconnect"}"#.to_owned(),
            400,
            vec!["/event"],
        ),
        (
            r#"{"namespace":"/open","event":"carillon:auth"}"#.to_owned(),
            400,
            vec!["/event"],
        ),
        (
            r#"{"namespace":"/open","event":1}"#.to_owned(),
            400,
            vec!["/event"],
        ),
        (
            r#"{"namespace":"/open","event":""}"#.to_owned(),
            400,
            vec!["/event"],
        ),
        (
            r#"{"namespace":"/open","event":"e","rooms":[]}"#.to_owned(),
            400,
            vec!["/rooms"],
        ),
        (
            r#"{"namespace":"/open","event":"e","users":["u"]}"#.to_owned(),
            400,
            vec!["/users"],
        ),
        (
            r#"{"namespace":"/open","event":"e","rooms":["a",""],"except":[""]}"#.to_owned(),
            400,
            vec!["/rooms/1", "/except/0"],
        ),
        (
            format!(r#"{{"namespace":"/open","event":"e","args":[1,{deep}]}}"#),
            400,
            vec!["/args/1"],
        ),
        (
            r#"{"namespace":"/open","event":"e","args":[{"$b64":"!"}]}"#.to_owned(),
            400,
            vec!["/args/0"],
        ),
        (
            r#"{"namespace":"/open","event":"e","ack":{"timeout":"1h"}}"#.to_owned(),
            400,
            vec!["/ack/timeout"],
        ),
        (
            r#"{"namespace":"/open","event":"e","ack":{"timeout":"1s","expect":0}}"#.to_owned(),
            400,
            vec!["/ack/expect"],
        ),
        (
            r#"{"namespace":"/open","event":"e","id":""}"#.to_owned(),
            400,
            vec!["/id"],
        ),
        ("{".to_owned(), 400, vec![]),
    ] {
        let answer = api.post("/v1/emit", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        answer.problem();
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    assert_eq!(api.packets("-_a"), Vec::<String>::new());
    assert!(api.accepted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_array_is_answered_item_by_item_in_order() {
    let api = game();
    let items = json!([
        { "namespace": "/open", "event": "one", "id": "1" },
        { "namespace": "/none", "event": "two", "id": "2" },
        { "namespace": "/open", "evnt": "three" },
        { "namespace": "/open", "event": "four", "rooms": ["red"] },
    ]);
    let answer = emit(&api, &items).await;
    assert_eq!(answer[0]["recipients"], 3);
    assert_eq!(
        (&answer[1]["id"], &answer[1]["error"]["status"]),
        (&json!("2"), &json!(404))
    );
    assert_eq!(answer[2]["error"]["errors"][0]["pointer"], "/evnt");
    assert_eq!(answer[3]["recipients"], 1);
    assert_eq!(api.packets("-_a").len(), 2);

    assert_eq!(emit(&api, &json!([])).await, json!([]));
    let many = vec![json!({ "namespace": "/open", "event": "e" }); 1001];
    let answer = api.post("/v1/emit", &json!(many).to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(api.packets("-_a").len(), 2);
}

#[tokio::test]
async fn an_id_takes_effect_once() {
    let api = game();
    let body = json!({ "namespace": "/open", "event": "e", "id": "x" });
    let first = emit(&api, &body).await;
    assert_eq!(first["id"], "x");
    api.socket(0, "/open", "-_d", &[], None);
    assert_eq!(emit(&api, &body).await, first);
    assert_eq!(api.packets("-_a").len(), 1);
    let other = json!({ "namespace": "/open", "event": "f", "id": "x" });
    let answer = api.post("/v1/emit", &other.to_string()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (422, "repeated")
    );
    let elsewhere = json!({ "namespace": "/past", "event": "f", "id": "x" });
    emit(&api, &elsewhere).await;
    let wrong = json!({ "namespace": "/open", "event": "disconnect", "id": "y" });
    assert_eq!(
        api.post("/v1/emit", &wrong.to_string())
            .await
            .status
            .as_u16(),
        400
    );
    emit(
        &api,
        &json!({ "namespace": "/open", "event": "e", "id": "y" }),
    )
    .await;
}

#[tokio::test]
async fn a_call_under_way_is_busy() {
    let api = game();
    let body = json!({ "namespace": "/open", "event": "e", "id": "x", "ack": { "timeout": "1m" } });
    let text = body.to_string();
    let mut first = Box::pin(api.post("/v1/emit", &text));
    let started = async {
        while api.packets("-_a").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut first => panic!("one socket does not answer"),
        () = started => {}
    }
    let answer = api.post("/v1/emit", &text).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "busy"));
    assert_eq!(answer.header("retry-after"), "1");
    drop(first);
    let answer = emit(&api, &body).await;
    assert_eq!((&answer["id"], answer.get("acks")), (&json!("x"), None));
    assert_eq!(api.packets("-_a").len(), 1);
}

#[tokio::test]
async fn acks_are_gathered() {
    let api = game();
    let body =
        json!({ "namespace": "/open", "event": "e", "rooms": ["all"], "ack": { "timeout": "1m" } });
    let mut answer = emit(&api, &body).await;
    answer["acks"]
        .as_array_mut()
        .unwrap()
        .sort_by_key(ToString::to_string);
    let acks =
        json!([{ "socket": "-_a", "args": ["yes"] }, { "socket": "-_b", "args": [{ "$$x": 1 }] }]);
    assert_eq!((&answer["acks"], &answer["missing"]), (&acks, &json!(0)));
    assert!(api.packets("-_a")[0].starts_with("42/open,0["));

    let all = json!({ "namespace": "/open", "event": "e", "ack": { "timeout": "1ms" } });
    let answer = emit(&api, &all).await;
    assert_eq!(
        (&answer["recipients"], &answer["missing"]),
        (&json!(3), &json!(1))
    );
    let enough =
        json!({ "namespace": "/open", "event": "e", "ack": { "timeout": "1m", "expect": 2 } });
    let answer = emit(&api, &enough).await;
    assert_eq!(answer["acks"].as_array().unwrap().len(), 2);
    let nobody =
        json!({ "namespace": "/open", "event": "e", "rooms": ["x"], "ack": { "timeout": "1m" } });
    assert_eq!(emit(&api, &nobody).await["acks"], json!([]));
}

#[tokio::test]
async fn events_of_a_namespace_with_history_get_an_entry() {
    let api = game();
    let body = json!({ "namespace": "/past", "event": "e", "rooms": ["company-1"] });
    assert_eq!(emit(&api, &body).await["entry"], format!("{BOOT}-1"));
    let volatile = json!({ "namespace": "/past", "event": "e", "volatile": true });
    assert_eq!(emit(&api, &volatile).await.get("entry"), None);
    assert_eq!(api.packets("-_p").len(), 2);
}

#[tokio::test]
async fn there_are_no_other_servers() {
    let api = game();
    let body =
        json!({ "namespace": "/open", "event": "e", "args": [1], "ack": { "timeout": "1s" } });
    let answer = api.post("/v1/server-side-emit", &body.to_string()).await;
    assert_eq!(
        answer.json(),
        json!({ "accepted": true, "servers": 0, "acks": [] })
    );
    let body = json!({ "namespace": "/open", "event": "connect" });
    let answer = api.post("/v1/server-side-emit", &body.to_string()).await;
    assert_eq!(answer.pointers(), ["/event"]);
}
