//! One past of a room, whichever node is asked.

use std::thread;
use std::time::{Duration, Instant};

use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Kind, Mode, Setup};
use carillon_tests::gateway::Gateway;
use carillon_tests::http::{Connection, Request, Response};
use carillon_tests::redis::{Options, Redis};
use carillon_tests::resp::Reply;
use carillon_tests::session::Session;
use carillon_tests::wait;
use serde_json::{Value, json};

use super::{MODES, options, pod, until_up};

const RULES: &str = "
namespaces:
- name: /feed
  limits: { events: { rate: 100000/s, burst: 100000 } }
  history: { size: 3, ttl: 1h, read: [{ room: 'open-*' }] }
  events:
  - { name: join, args: [{ type: string }], join: ['open-{0}'], replay: 2 }
  - { name: enter, args: [{ type: string }], join: ['open-{0}'] }
  - { name: publish, publish: [{ to: ['open-{0}'], event: update, args: ['{1}'], self: true }] }
- name: /last
  limits: { events: { rate: 100000/s, burst: 100000 } }
  history: { size: 1, ttl: 500ms, read: [{ room: 'open-*' }] }
  events: [{ name: join, args: [{ type: string }], join: ['open-{0}'], replay: 1 }]
- name: /one
  limits: { events: { rate: 100000/s, burst: 100000 } }
  history: { size: 1, ttl: 1h }
  events: [{ name: join, args: [{ type: string }], join: ['open-{0}'], replay: 1 }]
- name: /deep
  limits: { events: { rate: 100000/s, burst: 100000 } }
  history: { size: 10000, ttl: 1h }
  events:
  - { name: join, args: [{ type: string }], join: ['open-{0}'], replay: 10000 }
  - { name: leave, args: [{ type: string }], leave: ['open-{0}'] }
";
const PATH: &str = "/v1/events?namespace=/feed&room=open-1";

fn emit(gateway: &Gateway, namespace: &str, room: &str, n: u32) -> Value {
    let body = json!({ "namespace": namespace, "event": "update", "args": [n], "rooms": [room] });
    let answer = gateway.post("/v1/emit", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn get(gateway: &Gateway, path: &str, tag: Option<&str>) -> Response {
    let request = Request::get(path);
    match tag {
        Some(tag) => request.header("if-none-match", tag).send(gateway.port()),
        None => request.send(gateway.port()),
    }
}

fn numbers(answer: &Response, field: &str) -> Vec<u64> {
    let json = answer.json();
    let all = json[field].as_array().unwrap();
    all.iter()
        .map(|entry| entry["args"][0].as_u64().unwrap())
        .collect()
}

#[test]
fn is_the_same_at_every_node() {
    for mode in MODES {
        for shards in [1, 3] {
            let redis = Redis::start();
            let start = || options(&redis, mode, RULES).shards(shards).start();
            let (a, b) = (start(), start());
            let (mut early, _) = Session::connected(b.port(), "/feed");
            early.event("/feed", r#"1["enter","1"]"#);
            early.expect("43/feed,1[]");
            let mut ids = Vec::new();
            for (n, at) in [(1, &a), (2, &b), (3, &a), (4, &a)] {
                let entry = emit(at, "/feed", "open-1", n)["entry"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                early.expect(&format!(r#"42/feed,["update",{n}]"#));
                ids.push(entry);
            }
            let tag = format!("\"{}\"", ids[3]);
            for at in [&a, &b] {
                let answer = get(at, &format!("{PATH}&last=10"), None);
                assert_eq!(numbers(&answer, "events"), [2, 3, 4], "{}", mode.name());
                assert_eq!(answer.header("etag"), Some(tag.as_str()));
                assert_eq!(get(at, PATH, Some(&tag)).status, 304);
                let after = format!("/v1/history?namespace=/feed&room=open-1&after={}", ids[2]);
                assert_eq!(numbers(&at.get(&after), "entries"), [4]);
                let (mut late, _) = Session::connected(at.port(), "/feed");
                late.event("/feed", r#"1["join","1"]"#);
                late.expect(r#"42/feed,["update",3]"#);
                late.expect(r#"42/feed,["update",4]"#);
                late.expect("43/feed,1[]");
                late.assert_quiet();
            }
            let (mut both, _) = Session::connected(a.port(), "/feed");
            both.event("/feed", r#"1["join","1"]"#);
            both.event("/feed", r#"2["publish","1",5]"#);
            both.expect(r#"42/feed,["update",3]"#);
            both.expect(r#"42/feed,["update",4]"#);
            both.expect("43/feed,1[]");
            both.expect("43/feed,2[]");
            both.expect(r#"42/feed,["update",5]"#);
            early.expect(r#"42/feed,["update",5]"#);
        }
    }
}

/// A poller that waits at one node is told of what another node takes, also in a room that nobody there is in.
#[test]
fn is_waited_for_at_another_node() {
    for mode in MODES {
        let redis = Redis::start();
        let (a, b) = (pod(&redis, mode, RULES), pod(&redis, mode, RULES));
        let entry = emit(&a, "/feed", "open-1", 1)["entry"]
            .as_str()
            .unwrap()
            .to_owned();
        let request = Request::get(&format!("{PATH}&wait=20s"));
        let request = request.header("if-none-match", &format!("\"{entry}\""));
        let mut waiting = Connection::open(b.port());
        waiting.write(&request.bytes(b.port())).unwrap();
        thread::sleep(Duration::from_millis(300));
        emit(&a, "/feed", "open-1", 2);
        let answer = waiting.read_response(false).unwrap();
        assert_eq!(
            (answer.status, numbers(&answer, "events")),
            (200, vec![2]),
            "{}",
            mode.name()
        );
    }
}

/// Joins while both nodes publish: of each node every socket gets an unbroken run that ends with the last one, whether
/// the room keeps all of it or one event only.
#[test]
fn has_neither_gap_nor_double() {
    for mode in MODES {
        for shards in [1, 3] {
            let redis = Redis::start();
            let start = || options(&redis, mode, RULES).shards(shards).start();
            let pods = [start(), start()];
            joins_under_load(&pods, "/deep", &[0, 1], mode.name());
            joins_under_load(&pods, "/one", &[0], mode.name());
        }
    }
}

const LAST: u32 = 300;

fn joins_under_load(pods: &[Gateway; 2], namespace: &str, publishers: &[usize], mode: &str) {
    let number = |publisher: usize, n: u32| publisher as u32 * 1_000_000 + n;
    let mut joins = thread::scope(|scope| {
        let all: Vec<_> = publishers
            .iter()
            .map(|&publisher| {
                scope.spawn(move || {
                    for n in 1..=LAST {
                        emit(&pods[publisher], namespace, "open-1", number(publisher, n));
                    }
                })
            })
            .collect();
        let mut joins = Vec::new();
        while !all.iter().all(|publisher| publisher.is_finished()) {
            let at = &pods[joins.len() % 2];
            let (mut session, _) = Session::connected(at.port(), namespace);
            session.event(namespace, r#"["join","1"]"#);
            joins.push(session);
            thread::sleep(Duration::from_millis(10));
        }
        joins
    });
    let prefix = format!(r#"42{namespace},["update","#);
    for (join, session) in joins.iter_mut().enumerate() {
        let mut came = [None::<u32>; 2];
        while publishers
            .iter()
            .any(|&publisher| came[publisher] != Some(LAST))
        {
            let packet = session.next();
            let n = packet
                .strip_prefix(&prefix)
                .and_then(|n| n.strip_suffix(']'));
            let n: u32 = n.and_then(|n| n.parse().ok()).expect(&packet);
            let (publisher, n) = ((n / 1_000_000) as usize, n % 1_000_000);
            let begins = namespace == "/one" && came[publisher].is_none();
            let next = came[publisher].map_or(1, |last| last + 1);
            assert!(
                begins || n == next,
                "join {join}, {namespace}, {mode}: {packet}, not {next}"
            );
            came[publisher] = Some(n);
        }
        session.assert_quiet();
    }
    assert!(joins.len() > 5, "{}", joins.len());
}

#[test]
fn ends_with_its_time() {
    let redis = Redis::start();
    let (a, b) = (
        pod(&redis, Mode::Classic, RULES),
        pod(&redis, Mode::Classic, RULES),
    );
    emit(&a, "/last", "open-1", 1);
    let path = "/v1/events?namespace=/last&room=open-1";
    assert_eq!(numbers(&get(&b, path, None), "events"), [1]);
    wait::until("the entry is over", || {
        numbers(&get(&b, path, None), "events")
            .is_empty()
            .then_some(())
    });
    let keys = redis.command(&["KEYS", "*history:*"]);
    assert_eq!(format!("{keys:?}").matches("open-1").count(), 0, "{keys:?}");
    let (mut late, _) = Session::connected(b.port(), "/last");
    late.event("/last", r#"1["join","1"]"#);
    late.expect("43/last,1[]");
}

#[test]
fn outlives_its_nodes() {
    for mode in MODES {
        let redis = Redis::start();
        let entry = {
            let first = pod(&redis, mode, RULES);
            emit(&first, "/feed", "open-1", 1)["entry"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let second = pod(&redis, mode, RULES);
        let answer = get(&second, PATH, None);
        assert_eq!(answer.header("etag"), Some(format!("\"{entry}\"").as_str()));
        assert_eq!(numbers(&answer, "events"), [1]);
        let next = emit(&second, "/feed", "open-1", 2)["entry"]
            .as_str()
            .unwrap()
            .to_owned();
        let millis = |id: &str| id.split('-').next().unwrap().parse::<u64>().unwrap();
        assert!(millis(&next) > millis(&entry), "{entry} then {next}");
    }
}

/// Without Redis a node replays what it knows; a Redis that comes back empty begins anew, and an append-only one goes on.
#[test]
fn falls_back_to_memory() {
    for keeps in [false, true] {
        let options = Options::default();
        let redis = if keeps { options.appendonly() } else { options }.start();
        let (a, b) = (
            pod(&redis, Mode::Streams, RULES),
            pod(&redis, Mode::Streams, RULES),
        );
        let (mut member, _) = Session::connected(b.port(), "/feed");
        member.event("/feed", r#"1["enter","1"]"#);
        member.expect("43/feed,1[]");
        emit(&a, "/feed", "open-1", 1);
        member.expect(r#"42/feed,["update",1]"#);
        redis.kill();
        [&a, &b].iter().for_each(|gateway| until_up(gateway, false));
        for at in [&a, &b] {
            assert_eq!(numbers(&get(at, PATH, None), "events"), [1]);
            let (mut late, _) = Session::connected(at.port(), "/feed");
            late.event("/feed", r#"1["join","1"]"#);
            late.expect(r#"42/feed,["update",1]"#);
            late.expect("43/feed,1[]");
        }
        redis.restart();
        [&a, &b].iter().for_each(|gateway| until_up(gateway, true));
        let left: &[u64] = if keeps { &[1] } else { &[] };
        assert_eq!(numbers(&get(&b, PATH, None), "events"), left);
        emit(&a, "/feed", "open-1", 2);
        assert_eq!(numbers(&get(&b, PATH, None), "events"), [2]);
    }
}

/// An event of an emitter.
fn emitted(redis: &Redis, number: u8) {
    let mut packet = vec![0x93, 0xa7];
    packet.extend(b"emitter\x83\xa4type\x02\xa4data\x92\xa6update");
    packet.push(number);
    packet.extend(b"\xa3nsp\xa5/feed\x83\xa5rooms\x91\xa6open-1\xa6except\x90\xa5flags\x80");
    let channel: &[u8] = b"socket.io#/feed#open-1#";
    redis.command(&[b"PUBLISH", channel, packet.as_slice()]);
}

/// What an emitter publishes is stored once, by one of the nodes; where that one dies, soon by another.
#[test]
fn has_what_others_publish_once() {
    let redis = Redis::start();
    let start = || Some(pod(&redis, Mode::Classic, RULES));
    let mut pods = [start(), start()];
    let storing = || match redis.command(&["GET", "{socket.io:carillon}:storing"]) {
        Reply::Bulk(holder) => holder,
        other => panic!("{other:?} is no node"),
    };
    let kept = |pods: &[Option<Gateway>; 2], expected: &[u64]| {
        for at in pods.iter().flatten() {
            wait::until("it is stored", || {
                let kept = numbers(&get(at, &format!("{PATH}&last=10"), None), "events");
                (kept == expected).then_some(())
            });
        }
    };
    let before = wait::until("one of them stores", storing);
    emitted(&redis, 1);
    kept(&pods, &[1]);
    emitted(&redis, 2);
    kept(&pods, &[1, 2]);
    // The first one to come has the role. Nothing of it is left behind.
    if let Some(mut first) = pods[0].take() {
        first.process().signal("KILL");
        first.process().wait();
    }
    let died = Instant::now();
    wait::until("the other one stores", || {
        storing().filter(|holder| *holder != before)
    });
    assert!(
        died.elapsed() < Duration::from_secs(5),
        "{:?}",
        died.elapsed()
    );
    // It has the answer of Redis by then.
    thread::sleep(Duration::from_millis(100));
    emitted(&redis, 3);
    kept(&pods, &[1, 2, 3]);
}

/// Beside a Node server: it takes our marked messages as any other, and what it publishes is kept.
#[test]
fn is_shared_with_node() {
    const BESIDE: &str = "
namespaces:
- name: /
  history: { size: 10, ttl: 1h, read: [{ room: 'room-*' }] }
  events:
  - { name: join, args: [{ type: string }], join: ['room-{0}'], replay: 10 }
";
    for mode in MODES {
        let redis = Redis::start();
        let setup = Setup::new(mode);
        let node = setup.start(&redis, Kind::Node, 0);
        let rules = setup.gateway("pod-0", &redis).env("CARILLON_RULES", "");
        let gateway = rules.env("CARILLON_RULES_TEXT", BESIDE).start();
        let mut members = [node.port(), gateway.port()].map(|port| {
            let (mut session, _) = Session::connected(port, "/");
            session.event("/", r#"1["join","a"]"#);
            session.expect("431[]");
            session
        });
        thread::sleep(Duration::from_millis(300));
        emit(&gateway, "/", "room-a", 1);
        node.emit(&Emit::new(To::room("room-a"), "update", &[json!(2)]));
        emit(&gateway, "/", "room-a", 3);
        for member in &mut members {
            let mut came = [member.next(), member.next(), member.next()];
            came.sort_unstable();
            let expected = [1, 2, 3].map(|n| format!(r#"42["update",{n}]"#));
            assert_eq!(came, expected, "{}", mode.name());
        }
        let path = "/v1/events?namespace=/&room=room-a&last=10";
        let mut kept = wait::until("all is kept", || {
            let kept = numbers(&get(&gateway, path, None), "events");
            (kept.len() == 3).then_some(kept)
        });
        kept.sort_unstable();
        assert_eq!(kept, [1, 2, 3], "{}", mode.name());
        let (mut late, _) = Session::connected(gateway.port(), "/");
        late.event("/", r#"1["join","a"]"#);
        let mut came = [late.next(), late.next(), late.next()];
        came.sort_unstable();
        assert_eq!(came, [1, 2, 3].map(|n| format!(r#"42["update",{n}]"#)));
        late.expect("431[]");
        late.assert_quiet();
    }
}
