//! Memory stays bounded: tiny fragments, lengths announced and never sent, attachments held back.

use carillon_tests::session::Session;
use carillon_tests::ws::{self, Message};

use super::{Target, attack};

/// What an attack may leave in the process: sessions are gone, the allocator keeps some pages.
const LEFT: u64 = 48 << 20;

fn bounded(what: &str, run: impl Fn(&mut Target)) {
    attack(what, |target| {
        let before = target.gateway.process().resident();
        run(target);
        let grown = target.gateway.process().resident().saturating_sub(before);
        assert!(grown < LEFT, "{what}: grew by {grown} bytes");
    });
}

/// CVE-2016-10542: a header that announces more than the limit is refused at once.
#[test]
fn announced_lengths() {
    bounded("announced lengths", |target| {
        for length in [64 * 1024 + 1, 1 << 30, (1 << 62) + 1, usize::MAX] {
            for _ in 0..20 {
                let (mut session, _) = Session::connected(target.port(), "/");
                let mut announced = ws::header(0x81, length, true);
                announced.extend([1, 2, 3, 4]);
                session.ws().raw(&announced);
                let code = session.closed();
                assert!(matches!(code, 1009 | 1002), "{length}: {code}");
            }
        }
    });
}

/// CVE-2026-48779: fragments are counted, not only their bytes.
#[test]
fn tiny_fragments() {
    bounded("tiny fragments", |target| {
        for fragment in [&b""[..], b"x"] {
            let (mut session, _) = Session::connected(target.port(), "/");
            let mut flood = ws::masked(0x01, b"4");
            for _ in 0..200_000 {
                flood.extend(ws::masked(0x00, fragment));
            }
            session.ws().raw(&flood);
            let code = session.closed();
            assert!(matches!(code, 1002 | 1006 | 1008 | 1009), "{code}");
        }
    });
}

/// The limit holds for the whole message, not for each fragment.
#[test]
fn large_fragments() {
    bounded("large fragments", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        let part = [b'x'; 40_000];
        session.ws().frame(0x01, &part);
        session.ws().frame(0x00, &part);
        let code = session.closed();
        assert!(matches!(code, 1009 | 1006), "{code}");
    });
}

/// CVE-2026-33151: attachments count together against one budget.
#[test]
fn attachments() {
    bounded("attachments", |target| {
        let sessions: Vec<Session> = (0..50)
            .map(|_| {
                let (mut session, _) = Session::connected(target.port(), "/");
                session.send(r#"4510-["a"]"#);
                for _ in 0..9 {
                    session.send_binary(&[7; 60_000]);
                }
                session
            })
            .collect();
        for mut session in sessions {
            // Over the budget the session ends; within it, it waits for the tenth.
            let seen = session.ws().settle();
            let fine = matches!(
                seen.last(),
                None | Some(Message::Close(..) | Message::Dropped)
            );
            assert!(fine, "{seen:?}");
        }
    });
}

/// Pings whose pongs nobody reads do not pile up.
#[test]
fn unread_pongs() {
    bounded("unread pongs", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        let ping = ws::masked(0x89, &[b'p'; 125]);
        let flood = ping.repeat(8_000);
        let stream = session.ws().stream();
        stream
            .set_write_timeout(Some(std::time::Duration::from_millis(200)))
            .unwrap();
        // Forty megabytes: either the server stops reading (a full pipe) or it closes.
        for _ in 0..40 {
            let mut stream = stream;
            if std::io::Write::write_all(&mut stream, &flood).is_err() {
                break;
            }
        }
    });
}

/// Events with acks that nobody reads: the backlog is bounded and the reader is cut.
#[test]
fn unread_acks() {
    bounded("unread acks", |target| {
        let (mut session, _) = Session::connected(target.port(), "/");
        let text = "x".repeat(1000);
        let event = ws::masked(0x81, format!(r#"421["echo","{text}"]"#).as_bytes());
        let flood = event.repeat(1000);
        let stream = session.ws().stream();
        stream
            .set_write_timeout(Some(std::time::Duration::from_millis(500)))
            .unwrap();
        for _ in 0..60 {
            let mut stream = stream;
            if std::io::Write::write_all(&mut stream, &flood).is_err() {
                break;
            }
        }
    });
}
