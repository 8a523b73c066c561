use serde_json::{Value, json};

use super::fixture::{BOOT, Fixture, RULES};

fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap();
    items
        .iter()
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

async fn kept(api: &Fixture, event: &str, rooms: &[&str]) {
    let mut body = json!({ "namespace": "/past", "event": event, "args": [{ "$b64": "aGk=" }] });
    if !rooms.is_empty() {
        body["rooms"] = json!(rooms);
    }
    let answer = api.post("/v1/emit", &body.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
}

#[tokio::test]
async fn sockets_come_page_by_page() {
    let api = Fixture::new(RULES);
    for (shard, id) in [(0, "-_a"), (1, "-_b"), (0, "-_c"), (1, "-_d"), (1, "-_e")] {
        api.socket(shard, "/open", id, &["all"], None);
    }
    api.socket(0, "/past", "-_f", &["all"], None);
    let mut path = "/v1/sockets?namespace=%2Fopen&limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = api.get(&path).await.json();
        pages.push(names(&answer, "sockets", "id"));
        let Some(next) = answer["next"].as_str() else {
            break;
        };
        path = format!("/v1/sockets?namespace=/open&limit=2&after={next}");
    }
    assert_eq!(pages, [vec!["-_a", "-_b"], vec!["-_c", "-_d"], vec!["-_e"]]);
    let answer = api
        .get("/v1/sockets?namespace=/open&room=x&room=-_b")
        .await
        .json();
    let expected = json!({ "sockets": [{
        "id": "-_b", "rooms": ["all"], "data": {}, "user": null, "handshake": {}, "node": "node-1",
    }] });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn rooms_are_added_up_over_shards() {
    let api = Fixture::new(RULES);
    api.socket(0, "/open", "-_a", &["a", "b"], None);
    api.socket(1, "/open", "-_b", &["b", "c"], None);
    let answer = api.get("/v1/rooms?namespace=/open").await.json();
    let expected = json!({ "rooms": [
        { "name": "a", "sockets": 1 }, { "name": "b", "sockets": 2 }, { "name": "c", "sockets": 1 },
    ] });
    assert_eq!(answer, expected);
    let answer = api
        .get("/v1/rooms?namespace=/open&limit=1&after=a")
        .await
        .json();
    assert_eq!(
        answer,
        json!({ "rooms": [{ "name": "b", "sockets": 2 }], "next": "b" })
    );
    let answer = api.get("/v1/rooms?namespace=/open&room=c").await.json();
    assert_eq!(names(&answer, "rooms", "name"), ["c"]);
}

#[tokio::test]
async fn parameters_are_checked() {
    let api = Fixture::new(RULES);
    for (path, status, part) in [
        ("/v1/rooms", 400, "`namespace`: missing"),
        ("/v1/rooms?namespace=/open&limit=0", 400, "1 to 1000"),
        ("/v1/rooms?namespace=/open&limit=x", 400, "1 to 1000"),
        (
            "/v1/rooms?namespace=/open&namespace=/past",
            400,
            "more than once",
        ),
        ("/v1/rooms?namespce=/open", 400, "`namespace`"),
        ("/v1/rooms?namespace=/none", 404, "no namespace `/none`"),
        ("/v1/history?namespace=/open", 404, "no `history`"),
        ("/v1/history?namespace=/past&after=1", 400, "id of an entry"),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(part), "{path}: {detail}");
    }
}

#[tokio::test]
async fn the_past_is_read_backwards_and_forwards() {
    let api = Fixture::new(RULES);
    for event in ["a", "b", "c", "d"] {
        kept(&api, event, &["r", "s"]).await;
    }
    kept(&api, "e", &[]).await;
    let answer = api
        .get("/v1/history?namespace=/past&room=r&room=s")
        .await
        .json();
    assert_eq!(names(&answer, "entries", "event"), ["b", "c", "d"]);
    let first = json!({ "id": format!("{BOOT}-2"), "rooms": ["r", "s"], "event": "b", "args": [{ "$b64": "aGk=" }] });
    assert_eq!(answer["entries"][0], first);
    let answer = api
        .get("/v1/history?namespace=/past&room=r&limit=1")
        .await
        .json();
    assert_eq!(names(&answer, "entries", "event"), ["d"]);
    let path = format!("/v1/history?namespace=/past&room=r&after={BOOT}-1&limit=2");
    let answer = api.get(&path).await.json();
    assert_eq!(names(&answer, "entries", "event"), ["b", "c"]);
    assert_eq!(answer["next"], format!("{BOOT}-3"));
    let answer = api
        .get("/v1/history?namespace=/past&room=r&event=c")
        .await
        .json();
    assert_eq!(names(&answer, "entries", "event"), ["c"]);
    let answer = api.get("/v1/history?namespace=/past").await.json();
    assert_eq!(names(&answer, "entries", "event"), ["e"]);
}

#[tokio::test]
async fn a_node_tells_of_itself() {
    let api = Fixture::new(RULES);
    api.socket(1, "/open", "-_a", &[], None);
    let answer = api.get("/v1/info").await.json();
    assert_eq!(answer["node"], "node-1");
    assert_eq!(
        answer["bus"],
        json!({ "mode": "memory", "up": true, "inFlight": 0, "historyBytes": 0 })
    );
    assert_eq!(answer["rules"]["namespaces"], json!(["/open", "/past"]));
    assert_eq!(
        answer["counts"],
        json!({ "sessions": 1, "sockets": 1, "rooms": 0, "shards": 2 })
    );
}
