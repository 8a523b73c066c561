//! Connection state recovery: on one node what the real client and a raw one see on the wire, and on several over streams.

mod away;
mod client;
mod gone_on;
mod late;
mod pods;
mod rolling;
mod upgrades;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use carillon_tests::gateway::{Gateway, KEY, Options, workspace};
use carillon_tests::metrics::{self, Metrics};
use carillon_tests::session::Session;
use carillon_tests::ws::Message;
use carillon_tests::{scripts, wait};
use serde_json::{Value, json};

use self::client::{Client, emit, event, sleeping, sockets};

/// Runs a test on one and on three shards, and checks that every delivery is accounted for.
fn each(test: impl Fn(&mut Gateway)) {
    for shards in [1, 3] {
        let rules = workspace().join("tests/fixtures/recovery.yaml");
        let mut gateway = Options::rules_file(&rules).shards(shards).start();
        test(&mut gateway);
        gateway.assert_alive();
        metrics::assert_accounted(&gateway);
    }
}

#[test]
fn the_real_client() {
    each(|gateway| {
        let parameters = json!({
            "url": format!("http://127.0.0.1:{}", gateway.port()),
            "api": format!("http://127.0.0.1:{}", gateway.api_port()),
            "key": KEY,
        });
        scripts::node("recovery", &parameters);
        let metrics = Metrics::of(gateway);
        let recovered = [r#"outcome="recovered""#, r#"namespace="/live""#];
        assert_eq!(metrics.sum("carillon_connect_total", &recovered), 12.0);
    });
}

#[test]
fn missed_events_come_before_the_reply() {
    each(|gateway| {
        let mut client = Client::connect(gateway, "/live", "r");
        (0..3).for_each(|n| emit(gateway, "/live", &json!(n)));
        let (first, offset) = client.event();
        assert_eq!(first, json!(0));
        // Two more were on their way; the client knows of the first only.
        let (ticket, sid, pid) = (
            client.ticket(Some(&offset)),
            client.sid.clone(),
            client.pid.clone(),
        );
        drop(client);
        emit(gateway, "/live", &json!(3));
        let mut session = Session::open(gateway.port());
        session.send(&format!("40/live,{ticket}"));
        for n in 1..=3 {
            assert_eq!(event(&session.next()).0, json!(n));
        }
        let mut back = Client::accepted(session, "/live");
        assert_eq!((&back.sid, &back.pid), (&sid, &pid));
        emit(gateway, "/live", &json!(4));
        assert_eq!(back.event().0, json!(4));
        let socket = sockets(gateway, "/live");
        assert_eq!(socket.len(), 1);
        assert_eq!(socket[0]["rooms"], json!(["room-r"]));
        back.session.assert_quiet();
    });
}

/// Whatever a client says of a session that it cannot have, it gets a new one.
#[test]
fn never_an_error() {
    each(|gateway| {
        let mut client = Client::connect(gateway, "/live", "r");
        emit(gateway, "/live", &json!(0));
        let (_, offset) = client.event();
        let boot = offset.split_once('-').unwrap().0.to_owned();
        let (pid, sid) = (client.pid.clone(), client.sid.clone());
        drop(client);
        sleeping(gateway, 1.0);
        let tickets = [
            r#"{"pid":1,"offset":"1-1"}"#.to_owned(),
            r#"{"pid":"short","offset":"1-1"}"#.to_owned(),
            format!(r#"{{"pid":"{pid}","offset":5}}"#),
            format!(r#"{{"pid":"{pid}","offset":"nonsense"}}"#),
            format!(r#"{{"pid":"{pid}","offset":{{}}}}"#),
            format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, "A".repeat(20)),
        ];
        for ticket in &tickets {
            let new = Client::claim(gateway, "/live", ticket);
            assert!(!new.is(&sid) && new.pid != pid, "{ticket}");
        }
        // These use the session up.
        for offset in [format!("{boot}-999999"), "1-1".to_owned()] {
            let client = Client::connect(gateway, "/live", "r");
            let (ticket, sid) = (client.ticket(Some(&offset)), client.sid.clone());
            drop(client);
            assert!(
                !Client::claim(gateway, "/live", &ticket).is(&sid),
                "{ticket}"
            );
        }
    });
}

#[test]
fn an_end_that_was_wanted_is_an_end() {
    each(|gateway| {
        let mut client = Client::connect(gateway, "/live", "r");
        client.session.send("41/live,");
        let ticket = client.ticket(None);
        wait::until("it is gone", || {
            sockets(gateway, "/live").is_empty().then_some(())
        });
        assert!(!Client::claim(gateway, "/live", &ticket).is(&client.sid));

        let mut expelled = Client::connect(gateway, "/kept", "r");
        let body = json!({ "namespace": "/kept", "sockets": [expelled.sid] });
        assert_eq!(gateway.post("/v1/disconnect", &body).status, 200);
        expelled.session.expect("41/kept,");
        let ticket = expelled.ticket(None);
        assert!(!Client::claim(gateway, "/kept", &ticket).is(&expelled.sid));

        let mut broken = Client::connect(gateway, "/kept", "r");
        broken.session.send("4x");
        broken.session.closed();
        let ticket = broken.ticket(None);
        assert!(!Client::claim(gateway, "/kept", &ticket).is(&broken.sid));
    });
}

#[test]
fn not_after_its_window() {
    each(|gateway| {
        let client = Client::connect(gateway, "/short", "r");
        let (ticket, sid) = (client.ticket(None), client.sid.clone());
        drop(client);
        sleeping(gateway, 1.0);
        thread::sleep(Duration::from_millis(350));
        assert!(!Client::claim(gateway, "/short", &ticket).is(&sid));
    });
}

/// A client that is back before its loss was noticed takes its socket along; it never exists twice.
#[test]
fn a_session_that_still_lives_moves() {
    each(|gateway| {
        let mut client = Client::connect(gateway, "/live", "r");
        let ticket = client.ticket(None);
        let mut next = Client::claim(gateway, "/live", &ticket);
        assert!(next.is(&client.sid));
        client.ends();
        assert_eq!(sockets(gateway, "/live").len(), 1);
        emit(gateway, "/live", &json!("moved"));
        assert_eq!(next.event().0, json!("moved"));
        next.session.assert_quiet();
        assert_eq!(sockets(gateway, "/live").len(), 1);
    });
}

#[test]
fn of_many_at_once_one_has_it() {
    each(|gateway| {
        let client = Client::connect(gateway, "/live", "r");
        let (ticket, sid) = (client.ticket(None), client.sid.clone());
        drop(client);
        sleeping(gateway, 1.0);
        let mut sessions: Vec<Session> = (0..12).map(|_| Session::open(gateway.port())).collect();
        for session in &mut sessions {
            session.send(&format!("40/live,{ticket}"));
        }
        let clients: Vec<Client> = sessions
            .into_iter()
            .map(|session| Client::accepted(session, "/live"))
            .collect();
        let holders = sockets(gateway, "/live");
        let holders = holders
            .iter()
            .filter(|socket| socket["id"] == *sid.as_str());
        assert_eq!(holders.count(), 1);
        assert!(clients.iter().any(|client| client.is(&sid)));
    });
}

/// Far more than the backlog may hold is told in pages, to a client that reads slowly too.
#[test]
fn much_that_was_missed() {
    each(|gateway| {
        let client = Client::connect(gateway, "/narrow", "r");
        let (ticket, sid) = (client.ticket(None), client.sid.clone());
        drop(client);
        sleeping(gateway, 1.0);
        let count = 400;
        let text = "x".repeat(20_000);
        (0..count).for_each(|n| emit(gateway, "/narrow", &json!(format!("{n} {text}"))));
        let mut session = Session::open(gateway.port());
        session.send("40/plain,");
        session.next();
        session.send(&format!("40/narrow,{ticket}"));
        thread::sleep(Duration::from_millis(300));
        let most = Metrics::of(gateway).sum("carillon_backlog_bytes", &[]);
        assert!(most <= 65_536.0, "{most} bytes wait");
        // Others on the connection go on; and what is sent meanwhile comes after what was missed.
        session.event("/plain", r#"7["join","p"]"#);
        emit(gateway, "/narrow", &json!("live"));
        let (mut n, mut acknowledged) = (0, false);
        while n < count {
            let packet = session.next();
            if packet == "43/plain,7[]" {
                acknowledged = true;
                continue;
            }
            let text = event(&packet).0;
            assert!(text.as_str().unwrap().starts_with(&format!("{n} ")));
            n += 1;
        }
        assert!(acknowledged, "it waited for the other namespace");
        assert_eq!(event(&session.next()).0, json!("live"));
        assert!(Client::accepted(session, "/narrow").is(&sid));
    });
}

/// A connection that is lost while it is told what it missed can come back once more.
#[test]
fn lost_while_it_recovers() {
    each(|gateway| {
        let client = Client::connect(gateway, "/narrow", "r");
        let (ticket, sid) = (client.ticket(None), client.sid.clone());
        drop(client);
        sleeping(gateway, 1.0);
        let text = "x".repeat(20_000);
        (0..400).for_each(|_| emit(gateway, "/narrow", &json!(text)));
        let mut session = Session::open(gateway.port());
        session.send(&format!("40/narrow,{ticket}"));
        sleeping(gateway, 0.0);
        drop(session);
        sleeping(gateway, 1.0);
        let mut session = Session::open(gateway.port());
        session.send(&format!("40/narrow,{ticket}"));
        (0..400).for_each(|_| _ = event(&session.next()));
        assert!(Client::accepted(session, "/narrow").is(&sid));
    });
}

/// What a client has not read when it is cut for its backlog is what it is told when it is back.
#[test]
fn cut_for_its_backlog() {
    each(|gateway| {
        let mut client = Client::connect(gateway, "/narrow", "r");
        emit(gateway, "/narrow", &json!(0));
        let (_, offset) = client.event();
        let text = "x".repeat(20_000);
        let mut count = 0;
        while !sockets(gateway, "/narrow").is_empty() {
            count += 1;
            emit(gateway, "/narrow", &json!(format!("{count} {text}")));
        }
        sleeping(gateway, 1.0);
        let dropped = Metrics::of(gateway).sum("carillon_deliveries_dropped_total", &[]);
        assert!(dropped > 0.0);
        let mut session = Session::open(gateway.port());
        session.send(&format!("40/narrow,{}", client.ticket(Some(&offset))));
        for n in 1..=count {
            let text = event(&session.next()).0;
            assert!(text.as_str().unwrap().starts_with(&format!("{n} ")));
        }
        assert!(Client::accepted(session, "/narrow").is(&client.sid));
    });
}

/// Replays of history tell the position; what asks for an ack tells nothing, and is not made up for.
#[test]
fn offsets_of_what_is_not_stored() {
    each(|gateway| {
        (1..=3).for_each(|n| emit(gateway, "/kept", &json!(n)));
        let mut client = Client::claim(gateway, "/kept", "");
        client.session.event("/kept", r#"1["join","r"]"#);
        let replayed: Vec<_> = (0..3).map(|_| client.event()).collect();
        assert_eq!(replayed[0].0, json!(1));
        assert!(
            replayed.iter().all(|(_, offset)| *offset == replayed[2].1),
            "{replayed:?}"
        );
        client.session.expect("43/kept,1[]");
        let body = json!({ "namespace": "/kept", "event": "ask", "args": [9], "rooms": ["room-r"], "ack": { "timeout": "200ms" } });
        gateway.post("/v1/emit", &body);
        let asked = client.session.next();
        assert!(
            asked.starts_with("42/kept,") && asked.ends_with(r#"["ask",9]"#),
            "{asked}"
        );
        emit(gateway, "/kept", &json!(4));
        let (ticket, sid) = (client.ticket(Some(&replayed[0].1)), client.sid.clone());
        drop(client);
        let mut session = Session::open(gateway.port());
        session.send(&format!("40/kept,{ticket}"));
        assert_eq!(event(&session.next()).0, json!(4));
        assert!(Client::accepted(session, "/kept").is(&sid));
    });
}

/// While clients publish and others come and go, everybody has everything, in order, once.
#[test]
fn under_load() {
    each(|gateway| {
        let (port, total) = (gateway.port(), 1500);
        let publisher = Client::connect(gateway, "/live", "other");
        let mut reader = Client::connect(gateway, "/live", "r");
        let sid = reader.sid.clone();
        let read = Arc::new(AtomicUsize::new(0));
        let read_by_then = Arc::clone(&read);
        let sender = thread::spawn(move || {
            let mut publisher = publisher;
            for n in 0..total {
                if n % 50 == 0 {
                    // Never so far ahead that one life would get all.
                    wait::until("the reader has come closer", || {
                        (n < read_by_then.load(Ordering::Relaxed) + 200).then_some(())
                    });
                }
                publisher
                    .session
                    .event("/live", &format!(r#"["say","r",{n}]"#));
            }
            publisher
        });
        let (mut seen, mut offset, mut losses) = (0, None, 0);
        while seen < total {
            read.store(seen, Ordering::Relaxed);
            // Each life ends in the middle of what is on its way.
            for _ in 0..97 {
                if seen == total {
                    break;
                }
                let packet = reader.session.next();
                let array: Value =
                    serde_json::from_str(&packet[packet.find('[').unwrap()..]).unwrap();
                assert_eq!(array[2], json!(seen), "{packet}");
                offset = array[3].as_str().map(str::to_owned);
                seen += 1;
            }
            let ticket = reader.ticket(offset.as_deref());
            let pid = reader.pid.clone();
            drop(reader);
            losses += 1;
            let mut session = Session::open(port);
            session.send(&format!("40/live,{ticket}"));
            loop {
                match session.message() {
                    Message::Text(packet) if packet.starts_with("42") => {
                        let array: Value =
                            serde_json::from_str(&packet[packet.find('[').unwrap()..]).unwrap();
                        assert_eq!(array[2], json!(seen), "{packet}");
                        offset = array[3].as_str().map(str::to_owned);
                        seen += 1;
                    }
                    Message::Text(packet) => {
                        assert!(packet.contains(&sid) && packet.contains(&pid), "{packet}");
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
            reader = Client {
                session,
                sid: sid.clone(),
                pid,
            };
        }
        assert!(losses > 3);
        sender.join().unwrap();
        reader.session.assert_quiet();
    });
}
