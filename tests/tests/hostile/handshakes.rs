//! Opening handshakes of websockets: RFC 6455 section 4.2.1, which the library leaves to us, and
//! what has crashed other servers.

use carillon_tests::http::{Connection, Request};
use carillon_tests::polling::Polling;
use carillon_tests::session::WEBSOCKET;
use carillon_tests::ws::{self, Message, Ws};

use super::attack;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A handshake of these headers and no others.
fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let request = Request::new(method, WEBSOCKET);
    headers.iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

#[test]
fn are_checked_whole() {
    let upgrade = ("upgrade", "websocket");
    let connection = ("connection", "Upgrade");
    let (version, key) = (("sec-websocket-version", "13"), ("sec-websocket-key", KEY));
    let bad: [(&str, &[(&str, &str)], &[u16]); 10] = [
        ("no key", &[upgrade, connection, version], &[400]),
        (
            "key x",
            &[upgrade, connection, version, ("sec-websocket-key", "x")],
            &[400],
        ),
        (
            "a key of 15 bytes",
            &[
                upgrade,
                connection,
                version,
                ("sec-websocket-key", "MTIzNDU2Nzg5MDEyMzQ1"),
            ],
            &[400],
        ),
        (
            "a key that is no base64",
            &[
                upgrade,
                connection,
                version,
                ("sec-websocket-key", "!!!!!!!!!!!!!!!!!!!!!!=="),
            ],
            &[400],
        ),
        ("no version", &[upgrade, connection, key], &[400, 426]),
        (
            "version 8",
            &[upgrade, connection, key, ("sec-websocket-version", "8")],
            &[400, 426],
        ),
        (
            "h2c",
            &[("upgrade", "h2c"), connection, version, key],
            &[400],
        ),
        ("no Upgrade", &[connection, version, key], &[400]),
        ("no Connection", &[upgrade, version, key], &[400]),
        (
            "Connection: close",
            &[upgrade, ("connection", "close"), version, key],
            &[400],
        ),
    ];
    attack("bad websocket handshakes", |target| {
        for (what, headers, statuses) in bad {
            let answer = request("GET", headers).send(target.port());
            assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
            assert!(answer.status != 426 || answer.header("sec-websocket-version") == Some("13"));
        }
        let whole = [upgrade, connection, version, key];
        for method in ["POST", "PUT", "HEAD"] {
            let mut connection = Connection::open(target.port());
            connection
                .write(&request(method, &whole).bytes(target.port()))
                .unwrap();
            let status = connection.read_response(method == "HEAD").unwrap().status;
            assert!(matches!(status, 400 | 405), "{method}: {status}");
        }
        let mut old = Connection::open(target.port());
        let text = String::from_utf8(request("GET", &whole).bytes(target.port())).unwrap();
        old.write(text.replace("HTTP/1.1", "HTTP/1.0").as_bytes())
            .unwrap();
        assert!(
            matches!(old.read_response(false).unwrap().status, 400 | 426 | 505),
            "HTTP/1.0"
        );
    });
}

/// Spelled otherwise but right.
#[test]
fn may_be_spelled_freely() {
    attack("free spelling", |target| {
        let good: [&[(&str, &str)]; 2] = [
            &[
                ("UPGRADE", "WebSocket"),
                ("CONNECTION", "keep-alive, Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", KEY),
            ],
            &[
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", KEY),
                (
                    "sec-websocket-extensions",
                    "permessage-deflate; client_max_window_bits",
                ),
            ],
        ];
        for headers in good {
            let mut connection = Connection::open(target.port());
            connection
                .write(&request("GET", headers).bytes(target.port()))
                .unwrap();
            let answer = connection.read_response(false).unwrap();
            assert_eq!(answer.status, 101, "{headers:?}");
            assert_eq!(
                answer.header("sec-websocket-accept"),
                Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            );
            assert_eq!(
                answer.header("sec-websocket-extensions"),
                None,
                "compression is refused"
            );
        }
    });
}

/// CVE-2021-32640, GHSA-5v72-xg48-5rpm, CVE-2024-37890: long or odd headers.
#[test]
fn do_not_choke_on_headers() {
    attack("odd headers", |target| {
        let spaces = format!("a{}b", " ".repeat(12_000));
        let odd = [
            ("sec-websocket-extensions", "constructor"),
            ("sec-websocket-extensions", "x; y=\"; , ; = ,,,"),
            (
                "sec-websocket-extensions",
                "__proto__; toString=hasOwnProperty",
            ),
            ("sec-websocket-protocol", spaces.as_str()),
            ("cookie", "__proto__=1; io=; ;;;= ; a=b=c"),
        ];
        for header in odd {
            match Ws::connect(target.port(), WEBSOCKET, &[header]) {
                Ok(mut ws) => assert!(matches!(ws.data(), Message::Text(_))),
                Err(answer) => assert!(matches!(answer.status, 400 | 431), "{}", answer.status),
            }
        }
        let mut request = ws::handshake(WEBSOCKET);
        for number in 0..3000 {
            request = request.header(&format!("x-{number}"), "1");
        }
        let mut connection = Connection::open(target.port());
        let _ = connection.write(&request.bytes(target.port()));
        if let Ok(answer) = connection.read_response(false) {
            assert!(matches!(answer.status, 400 | 431), "{}", answer.status);
        }
    });
}

/// The suite's cases of garbage behind an upgrade, fresh and for a session that is there.
#[test]
fn survive_garbage() {
    attack("garbage behind the upgrade", |target| {
        let session = Polling::open(target.port());
        session.connect("/");
        let fresh = WEBSOCKET.to_owned();
        let known = format!("{WEBSOCKET}&sid={}", session.sid());
        for path in [fresh, known] {
            let mut bytes = ws::handshake(&path).bytes(target.port());
            bytes.extend([b"\xff\xfe garbage \x00\r\n\r\n".as_slice(); 50].concat());
            let mut connection = Connection::open(target.port());
            connection.write(&bytes).unwrap();
            connection.read_to_end();
        }
        // A probe that failed leaves its polling session alone.
        assert_eq!(session.post(r#"429["echo"]"#).status, 200);
        assert_eq!(session.packets(), ["439[]"]);
    });
}

/// CVE-2022-41940, ECONNRESET: closing with bytes unread sends a reset.
#[test]
fn survive_resets() {
    attack("resets", |target| {
        for _ in 0..50 {
            let mut connection = Connection::open(target.port());
            connection
                .write(&ws::handshake(WEBSOCKET).bytes(target.port()))
                .unwrap();
            // The answer is on its way but never read.
            connection.stream().peek(&mut [0]).unwrap();
            drop(connection);
            let session = Polling::open(target.port());
            let mut ws = Ws::connect(
                target.port(),
                &format!("{WEBSOCKET}&sid={}", session.sid()),
                &[],
            )
            .unwrap();
            ws.text("2probe");
            ws.stream().peek(&mut [0]).unwrap();
        }
    });
}

/// Browsers send `Origin`: what CORS would refuse, the websocket is refused too.
#[test]
fn know_their_origin() {
    attack("foreign origins", |target| {
        let connect = |origin| Ws::connect(target.port(), WEBSOCKET, &[("origin", origin)]);
        assert!(connect("http://localhost:3000").is_ok());
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000.evil.example",
            "https://localhost:3000",
        ] {
            let status = connect(origin).err().map(|answer| answer.status);
            assert!(matches!(status, Some(400 | 403)), "{origin}: {status:?}");
        }
    });
}
