//! Engine.IO v4: handshake, heartbeat, close, upgrade; with an echo server also messages.

use std::time::{Duration, Instant};

use carillon_tests::http::{Connection, Request};
use carillon_tests::packets;
use carillon_tests::polling::Polling;
use carillon_tests::wait;
use carillon_tests::ws::{Message, Ws};

const INTERVAL: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_millis(200);

/// Everything, against a server that echoes messages.
pub(super) fn suite(port: u16, path: &str) {
    let suite = Suite { port, path };
    transport_suite(port, path);
    suite.echo_over_polling();
    suite.echo_over_websocket();
    suite.upgrade_keeps_messages();
}

/// What holds for any server of the protocol with these heartbeats.
pub(super) fn transport_suite(port: u16, path: &str) {
    let suite = Suite { port, path };
    suite.handshakes();
    suite.bad_handshakes();
    suite.invalid_packets();
    suite.overlapping_polls();
    suite.cancelled_poll();
    suite.heartbeat_over_polling();
    suite.heartbeat_over_websocket();
    suite.close_over_polling();
    suite.close_over_websocket();
    suite.upgrade_ends_polling();
    suite.second_websocket();
    suite.probe_beside_polling();
}

struct Suite<'a> {
    port: u16,
    path: &'a str,
}

impl Suite<'_> {
    fn polling(&self) -> Polling {
        Polling::open_at(self.port, &format!("{}?EIO=4&transport=polling", self.path))
    }

    fn websocket(&self, more: &str) -> Ws {
        let path = format!("{}?EIO=4&transport=websocket{more}", self.path);
        Ws::connect(self.port, &path, &[]).unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// A websocket whose open packet was read.
    fn opened(&self) -> Ws {
        let mut ws = self.websocket("");
        assert!(matches!(ws.data(), Message::Text(open) if open.starts_with('0')));
        ws
    }

    fn handshakes(&self) {
        let answer =
            Request::get(&format!("{}?EIO=4&transport=polling", self.path)).send(self.port);
        assert_eq!(answer.status, 200);
        self.check_open(&answer.text(), &["websocket"]);
        let Message::Text(open) = self.websocket("").data() else {
            panic!("the open packet is text")
        };
        self.check_open(&open, &[]);
    }

    fn check_open(&self, packet: &str, upgrades: &[&str]) {
        let open = packets::open(packet);
        let keys: Vec<&String> = open.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5, "{open}");
        assert!(open["sid"].is_string());
        assert_eq!(open["upgrades"], serde_json::json!(upgrades));
        assert_eq!(open["pingInterval"], 300);
        assert_eq!(open["pingTimeout"], 200);
        assert_eq!(open["maxPayload"], 1_000_000);
    }

    fn bad_handshakes(&self) {
        let bad = [
            "?transport=polling",
            "?EIO=abc&transport=polling",
            "?EIO=4",
            "?EIO=4&transport=abc",
        ];
        for query in bad {
            let path = format!("{}{query}", self.path);
            assert_eq!(Request::get(&path).send(self.port).status, 400, "{query}");
        }
        for method in ["POST", "PUT"] {
            let path = format!("{}?EIO=4&transport=polling", self.path);
            assert_eq!(
                Request::new(method, &path).body(b"").send(self.port).status,
                400
            );
        }
        let bad = [
            "?transport=websocket",
            "?EIO=abc&transport=websocket",
            "?EIO=4",
            "?EIO=4&transport=abc",
        ];
        for query in bad {
            // Refused before the upgrade, or closed right after it.
            if let Ok(mut ws) = Ws::connect(self.port, &format!("{}{query}", self.path), &[]) {
                let end = ws.receive();
                assert!(matches!(
                    end,
                    Message::Close(..) | Message::Dropped | Message::Invalid
                ));
            }
        }
    }

    fn echo_over_polling(&self) {
        let payloads = [
            "4hello",
            "4test1\u{1e}4test2\u{1e}4test3",
            "4hello\u{1e}bAQIDBA==",
        ];
        for payload in payloads {
            let session = self.polling();
            let answer = session.post(payload);
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
            let mut packets = Vec::new();
            while packets.len() < packets::split(payload).len() {
                packets.extend(session.packets());
            }
            assert_eq!(packets.join("\u{1e}"), payload);
        }
    }

    fn echo_over_websocket(&self) {
        let mut ws = self.opened();
        ws.text("4hello");
        assert_eq!(next(&mut ws), Message::Text("4hello".to_owned()));
        ws.binary(&[1, 2, 3, 4]);
        assert_eq!(next(&mut ws), Message::Binary(vec![1, 2, 3, 4]));
    }

    fn invalid_packets(&self) {
        let session = self.polling();
        session.post("abc");
        assert_eq!(session.poll().status, 400);
        let mut ws = self.opened();
        ws.text("abc");
        assert!(matches!(
            next(&mut ws),
            Message::Close(..) | Message::Dropped
        ));
    }

    fn overlapping_polls(&self) {
        let session = self.polling();
        let mut polls = [session.start_poll(), session.start_poll()];
        let answers = polls
            .iter_mut()
            .map(|poll| poll.read_response(false).unwrap());
        let mut answers: Vec<_> = answers
            .map(|answer| (answer.status, answer.text()))
            .collect();
        answers.sort();
        assert_eq!(answers[0], (200, "1".to_owned()));
        assert!(matches!(answers[1].0, 400 | 500), "{answers:?}");
        assert_eq!(session.poll().status, 400);
    }

    fn cancelled_poll(&self) {
        let session = self.polling();
        drop(session.heard_poll());
        wait::until("a cancelled poll ends the session", || {
            (session.poll().status == 400).then_some(())
        });
    }

    fn heartbeat_over_polling(&self) {
        let session = self.polling();
        for _ in 0..3 {
            assert_eq!(session.poll().text(), "2");
            assert_eq!(session.post("3").status, 200);
        }
        let silent = self.polling();
        let opened = Instant::now();
        wait::until("silence ends the session", || {
            // A POST of an ignored packet tells whether the session is there without a poll,
            // and is not taken for a pong.
            (silent.post("6").status == 400).then_some(())
        });
        assert!(
            opened.elapsed() <= (INTERVAL + TIMEOUT) * 3,
            "{:?}",
            opened.elapsed()
        );
    }

    fn heartbeat_over_websocket(&self) {
        let mut ws = self.opened();
        for _ in 0..3 {
            assert_eq!(ws.data(), Message::Text("2".to_owned()));
            ws.text("3");
        }
        let mut silent = self.opened();
        let opened = Instant::now();
        assert_eq!(silent.data(), Message::Text("2".to_owned()));
        assert!(matches!(
            silent.data(),
            Message::Close(..) | Message::Dropped
        ));
        assert!(opened.elapsed() >= TIMEOUT, "{:?}", opened.elapsed());
    }

    fn close_over_polling(&self) {
        let session = self.polling();
        let mut poll = session.start_poll();
        let closed = session.post("1");
        assert_eq!(closed.status, 200);
        let answer = poll.read_response(false).unwrap();
        // The poll may have come after the close, on the other connection.
        assert!(
            answer.text() == "6" || answer.status == 400,
            "{}",
            answer.text()
        );
        assert_eq!(session.poll().status, 400);
    }

    fn close_over_websocket(&self) {
        let mut ws = self.opened();
        ws.text("1");
        // Node leaves the end to the client.
        ws.shutdown();
        assert!(matches!(
            next(&mut ws),
            Message::Close(..) | Message::Dropped
        ));
    }

    /// The connection that probes for `session`, answered.
    fn probed(&self, session: &Polling) -> Ws {
        let mut ws = self.websocket(&format!("&sid={}", session.sid()));
        ws.text("2probe");
        assert_eq!(ws.data(), Message::Text("3probe".to_owned()));
        ws
    }

    fn upgrade_keeps_messages(&self) {
        let session = self.polling();
        let mut ws = self.probed(&session);
        let mut poll = session.start_poll();
        assert_eq!(self.noop(&mut poll), "6");
        ws.text("5");
        ws.text("4hello");
        assert_eq!(next(&mut ws), Message::Text("4hello".to_owned()));
    }

    fn noop(&self, poll: &mut Connection) -> String {
        let answer = poll.read_response(false).unwrap();
        assert_eq!(answer.status, 200);
        answer.text()
    }

    fn upgrade_ends_polling(&self) {
        let session = self.polling();
        let mut ws = self.probed(&session);
        ws.text("5");
        // In order behind the upgrade packet, so it was handled when the pong comes.
        let _ = ws.settle();
        assert_eq!(session.poll().status, 400);
        let alive = ws.settle();
        assert!(
            !alive
                .iter()
                .any(|message| matches!(message, Message::Close(..) | Message::Dropped))
        );
    }

    fn second_websocket(&self) {
        let session = self.polling();
        let mut ws = self.probed(&session);
        ws.text("5");
        let _ = ws.settle();
        let path = format!(
            "{}?EIO=4&transport=websocket&sid={}",
            self.path,
            session.sid()
        );
        if let Ok(mut second) = Ws::connect(self.port, &path, &[]) {
            assert!(matches!(
                second.data(),
                Message::Close(..) | Message::Dropped
            ));
        }
        let alive = ws.settle();
        assert!(
            !alive
                .iter()
                .any(|message| matches!(message, Message::Close(..) | Message::Dropped))
        );
    }

    /// A probe whose connection goes away leaves the polling session as it was.
    fn probe_beside_polling(&self) {
        let session = self.polling();
        drop(self.probed(&session));
        let answer = session.poll();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// The next message that is no heartbeat.
fn next(ws: &mut Ws) -> Message {
    loop {
        match ws.data() {
            Message::Text(packet) if packet == "2" => ws.text("3"),
            message => return message,
        }
    }
}
