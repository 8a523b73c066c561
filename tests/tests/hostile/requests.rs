//! Bad HTTP: unknown transports, sessions, methods, bodies (CVE-2023-31125, CVE-2020-36048, and
//! the cases of Engine.IO's own server tests).

use carillon_tests::http::{Connection, Request};
use carillon_tests::polling::{POLLING, Polling};
use carillon_tests::wait;
use carillon_tests::ws::Ws;

use super::attack;

#[test]
fn of_no_transport() {
    attack("unknown transports", |target| {
        for transport in [
            "tobi",
            "constructor",
            "__proto__",
            "toString",
            "POLLING",
            "websocket%00",
            "",
        ] {
            let path = format!("/socket.io/?EIO=4&transport={transport}");
            let answer = Request::get(&path).send(target.port());
            let expected = r#"{"code":0,"message":"Transport unknown"}"#;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (400, expected),
                "{transport}"
            );
            let refused = Ws::connect(target.port(), &path, &[])
                .err()
                .map(|answer| answer.status);
            assert_eq!(refused, Some(400), "{transport}");
        }
        for sid in [
            "test",
            "__proto__",
            "constructor",
            "%00",
            &"x".repeat(5000),
            "AAAA-BBBB_CCCC-DDDD_EEEE-FFFF_GGGG-",
        ] {
            let answer = Request::get(&format!("{POLLING}&sid={sid}")).send(target.port());
            assert_eq!(
                (answer.status, answer.json()["code"].as_u64()),
                (400, Some(1)),
                "{sid}"
            );
        }
        for eio in ["3", "abc", "5", "", "4%20", "44"] {
            let answer = Request::get(&format!("/socket.io/?EIO={eio}&transport=polling"))
                .send(target.port());
            assert_eq!(
                (answer.status, answer.json()["code"].as_u64()),
                (400, Some(5)),
                "{eio}"
            );
        }
        let other = Request::get("/elsewhere?EIO=4&transport=polling").send(target.port());
        assert_eq!(other.status, 404);
    });
}

/// A session id that was altered in any one character is unknown.
#[test]
fn with_forged_ids() {
    attack("forged session ids", |target| {
        let session = Polling::open(target.port());
        let sid = session.sid().to_owned();
        assert_eq!(sid.len(), 35);
        for at in 0..sid.len() - 1 {
            let mut forged = sid.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            let answer = Request::get(&format!("{POLLING}&sid={forged}")).send(target.port());
            assert_eq!(
                (answer.status, answer.json()["code"].as_u64()),
                (400, Some(1)),
                "{at}"
            );
        }
        assert_eq!(session.post("40").status, 200, "the session itself lives");
    });
}

#[test]
fn with_odd_origins() {
    attack("odd origins", |target| {
        let with = |origin: &str| {
            Request::get(POLLING)
                .header("origin", origin)
                .send(target.port())
        };
        let control = with("http://localhost:3000\u{1}");
        assert_eq!(control.status, 400, "{}", control.text());
        let foreign = with("http://evil.example");
        assert_eq!(foreign.header("access-control-allow-origin"), None);
        let known = with("http://localhost:3000");
        assert_eq!(
            known.header("access-control-allow-origin"),
            Some("http://localhost:3000")
        );
        let plain = Request::get("/socket.io/?EIO=4&transport=websocket")
            .header("origin", "http://localhost:3000")
            .send(target.port());
        assert_eq!(
            (plain.status, plain.json()["code"].as_u64()),
            (400, Some(3))
        );
        assert_eq!(
            plain.header("access-control-allow-origin"),
            Some("http://localhost:3000")
        );
        let preflight = Request::new("OPTIONS", POLLING)
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "POST")
            .send(target.port());
        assert_eq!(preflight.status, 204);
        assert_eq!(
            preflight.header("access-control-allow-origin"),
            Some("http://localhost:3000")
        );
    });
}

/// Counted while it streams, refused at the limit, never collected.
#[test]
fn of_any_length() {
    attack("endless bodies", |target| {
        let before = target.gateway.process().resident();
        for chunked in [false, true] {
            let session = Polling::open(target.port());
            let request = Request::post(&session.path()).header("content-type", "text/plain");
            let request = match chunked {
                true => request.header("transfer-encoding", "chunked"),
                false => request.header("content-length", "100000000"),
            };
            let mut connection = Connection::open(target.port());
            let mut head = request.bytes(target.port());
            head.extend(b"4");
            connection.write(&head).unwrap();
            let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
            let refused = (0..1600).any(|_| connection.write(&chunk).is_err());
            let answer = connection.read_response(false).map(|answer| answer.status);
            assert!(refused || answer.is_ok(), "the body must be refused");
            assert!(
                answer.is_err() || answer.is_ok_and(|status| status == 413),
                "not 413"
            );
            wait::until("the session is gone", || {
                (session.poll().status == 400).then_some(())
            });
        }
        let grown = target.gateway.process().resident().saturating_sub(before);
        assert!(grown < 32 << 20, "grew by {grown} bytes");
    });
}

#[test]
fn with_bad_bodies() {
    attack("bad bodies", |target| {
        let session = Polling::open(target.port());
        let answer = Request::post(&session.path())
            .header("content-type", "application/octet-stream")
            .body(b"40")
            .send(target.port());
        assert_eq!(answer.status, 400);
        assert_eq!(session.poll().status, 400);
        let invalid: [&[u8]; 6] = [
            b"4\xff\xfe",
            b"\xc3",
            b"\x1e",
            b"40\x1e",
            b"4a\x1e\x1e4b",
            b"b=\x1eb",
        ];
        for body in invalid {
            let session = Polling::open(target.port());
            let request = Request::post(&session.path()).header("content-type", "text/plain");
            let status = request.body(body).send(target.port()).status;
            assert!(matches!(status, 200 | 400), "{body:?}: {status}");
            let poll = session.poll();
            let ended = poll.status == 400 || poll.text().ends_with('1');
            assert!(ended, "{body:?}: {} {}", poll.status, poll.text());
        }
        for method in ["DELETE", "PATCH", "PUT", "TRACE"] {
            let session = Polling::open(target.port());
            let status = Request::new(method, &session.path())
                .send(target.port())
                .status;
            assert!(matches!(status, 400 | 405), "{method}: {status}");
        }
    });
}

/// HTTP that a proxy before us might read otherwise.
#[test]
fn that_are_no_http() {
    attack("broken HTTP", |target| {
        let path = POLLING;
        let broken = [
            format!("GET {path} HTTP/1.1\r\n\r\n"),
            format!("GET {path} HTTP/9.9\r\nhost: x\r\n\r\n"),
            format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"
            ),
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n"),
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n"),
            format!(
                "GET {path}{} HTTP/1.1\r\nhost: x\r\n\r\n",
                "&a=b".repeat(40_000)
            ),
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned(),
            "\0\0\0\0\r\n\r\n".to_owned(),
        ];
        for bytes in broken {
            let mut connection = Connection::open(target.port());
            // A server that has seen enough may close before all is written.
            let _ = connection.write(bytes.as_bytes());
            let _ = connection.stream().shutdown(std::net::Shutdown::Write);
            let answer = String::from_utf8_lossy(&connection.read_to_end()).into_owned();
            let status = answer.split(' ').nth(1).unwrap_or("closed").to_owned();
            let refused = ["400", "405", "413", "414", "431", "501", "505", "closed"];
            assert!(
                refused.contains(&status.as_str()),
                "{:.60}: {answer:.60}",
                bytes
            );
        }
    });
}
