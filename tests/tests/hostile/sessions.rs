//! Sessions driven wrongly: second upgrades, requests beside a websocket, probes that stop.

use carillon_tests::http::{Request, Response};
use carillon_tests::polling::Polling;
use carillon_tests::session::{Session, WEBSOCKET};
use carillon_tests::wait;
use carillon_tests::ws::{Message, Ws};

use super::attack;

fn upgrade(port: u16, sid: &str) -> Result<Ws, Response> {
    Ws::connect(port, &format!("{WEBSOCKET}&sid={sid}"), &[])
}

fn probed(port: u16, session: &Polling) -> Ws {
    let mut ws = upgrade(port, session.sid()).unwrap();
    ws.text("2probe");
    assert_eq!(ws.data(), Message::Text("3probe".to_owned()));
    ws
}

fn is_end(message: &Message) -> bool {
    matches!(message, Message::Close(..) | Message::Dropped)
}

/// Two websockets want the same session: one may have it, the session goes on there or by polls.
#[test]
fn upgraded_twice() {
    attack("overlapping upgrades", |target| {
        let session = Polling::open(target.port());
        session.connect("/");
        let mut first = probed(target.port(), &session);
        if let Ok(mut second) = upgrade(target.port(), session.sid()) {
            second.text("2probe");
            assert!(is_end(&second.data()), "the second probe is turned away");
        }
        first.text("5");
        first.text(r#"421["echo"]"#);
        assert_eq!(first.data(), Message::Text("431[]".to_owned()));
        if let Ok(mut third) = upgrade(target.port(), session.sid()) {
            assert!(
                is_end(&third.data()),
                "an upgraded session is not upgraded again"
            );
        }
        assert_eq!(session.poll().status, 400);
        assert_eq!(session.post("41").status, 400);
        first.text(r#"422["echo"]"#);
        assert_eq!(first.data(), Message::Text("432[]".to_owned()));
    });
}

/// A websocket session that was opened as one takes neither polls nor another websocket.
#[test]
fn polled_beside_a_websocket() {
    attack("polls beside a websocket", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", session.sid());
        let request = Request::get(&path).send(target.port());
        assert_eq!(
            (request.status, request.json()["code"].as_u64()),
            (400, Some(3))
        );
        if let Ok(mut second) = upgrade(target.port(), session.sid()) {
            assert!(is_end(&second.data()));
        }
        session.event("/", r#"1["echo"]"#);
        session.expect("431[]");
    });
}

/// Whatever comes instead of a probe ends the websocket and leaves the session to its polls.
#[test]
fn probed_wrongly() {
    attack("bad probes", |target| {
        let session = Polling::open(target.port());
        session.connect("/");
        for first in [
            "4hello", "5", "2", "2probe2", "3probe", "abc", "", "1", "40",
        ] {
            let mut ws = upgrade(target.port(), session.sid()).unwrap();
            ws.text(first);
            assert!(is_end(&ws.data()), "{first:?}");
        }
        let mut silent = upgrade(target.port(), session.sid()).unwrap();
        assert!(
            is_end(&silent.data()),
            "a silent upgrade ends at upgradeTimeout"
        );
        let mut halfway = probed(target.port(), &session);
        assert!(
            is_end(&halfway.data()),
            "and so does one that never finishes"
        );
        assert_eq!(session.post(r#"421["echo"]"#).status, 200);
        assert_eq!(session.packets(), ["431[]"]);
    });
}

/// Messages that are under way while the transport changes arrive once and in order.
#[test]
fn upgraded_under_load() {
    attack("an upgrade under load", |target| {
        for _ in 0..20 {
            let session = Polling::open(target.port());
            session.connect("/");
            assert_eq!(session.post(r#"420["join","load"]"#).status, 200);
            assert_eq!(session.packets(), ["430[]"]);
            let (mut sender, _) = Session::connected(target.port(), "/");
            let mut seen = Vec::new();
            let say = |sender: &mut Session, range: std::ops::Range<u32>| {
                for number in range {
                    sender.event("/", &format!(r#"["say","load",{number}]"#));
                }
            };
            say(&mut sender, 0..10);
            let mut ws = probed(target.port(), &session);
            say(&mut sender, 10..20);
            let mut poll = session.start_poll();
            let text = poll.read_response(false).unwrap().text();
            seen.extend(text.split('\u{1e}').map(str::to_owned));
            say(&mut sender, 20..30);
            ws.text("5");
            say(&mut sender, 30..40);
            while seen
                .iter()
                .filter(|packet| packet.starts_with("42"))
                .count()
                < 40
            {
                match ws.data() {
                    Message::Text(packet) => seen.push(packet),
                    other => panic!("{other:?}"),
                }
            }
            let numbers: Vec<String> = seen
                .into_iter()
                .filter(|packet| packet.starts_with("42"))
                .collect();
            let expected: Vec<String> = (0..40)
                .map(|n| format!(r#"42["say","load",{n}]"#))
                .collect();
            assert_eq!(numbers, expected);
        }
    });
}

/// A client that hangs up right behind its poll is gone, and its session with it.
#[test]
fn abandoned_with_their_poll() {
    attack("abandoned polls", |target| {
        for _ in 0..20 {
            let session = Polling::open(target.port());
            drop(session.start_poll());
            let path = session.path();
            wait::until("the session is gone", || {
                // On a connection of its own, so that an unanswered poll is not waited for.
                let answer = Request::post(&path).body(b"6").send(target.port());
                (answer.status == 400).then_some(())
            });
        }
    });
}
