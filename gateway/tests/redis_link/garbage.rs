//! Servers that are none.
#![expect(
    clippy::disallowed_methods,
    reason = "the fake server of a test is a thread of its own"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use carillon_gateway::bus::redis::Event;
use carillon_tests::process::resident;
use tokio::time;

use crate::fixture::{Pair, run};

/// A server that answers every connection by this, over and over if it is to; and how many connections there were.
fn server(answer: &'static [u8], forever: bool) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || {
                // Something is asked first.
                let _ = stream.read(&mut [0; 4096]);
                while stream.write_all(answer).is_ok() && forever {}
                // It stays open until the other side has enough.
                while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
            });
        }
    });
    (port, count)
}

static FLOOD: [u8; 65536] = [b'+'; 65536];
const PUSHES: &[u8] = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";

/// What is said once; nothing follows it.
const ONCE: [(&str, &[u8]); 18] = [
    ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("zeros", &[0; 100]),
    ("bad length", b"$x\r\n"),
    ("huge text", b"$9223372036854775807\r\nabc"),
    ("negative text", b"$-9\r\nabc\r\n"),
    ("huge array", b"*2147483647\r\n:1\r\n"),
    ("huge map", b"%4611686018427387904\r\n:1\r\n"),
    ("negative map", b"%-5\r\n:1\r\n"),
    ("huge set", b"~9223372036854775807\r\n:1\r\n"),
    ("negative attribute", b"|-1\r\n"),
    ("huge attribute", b"|9223372036854775807\r\n:1\r\n"),
    ("no push", b">0\r\n"),
    ("push of a number", b">1\r\n:1\r\n"),
    ("short verbatim", b"=1\r\na\r\n"),
    ("huge error", b"!9223372036854775807\r\na\r\n"),
    ("no number", b",x\r\n"),
    ("no boolean", b"#x\r\n"),
    ("no big number", b"(x\r\n"),
];

const FOR_EVER: [(&str, &[u8]); 4] = [
    ("numbers for ever", b":1\r\n"),
    ("nests", b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"),
    ("a line for ever", &FLOOD),
    ("messages for ever", PUSHES),
];

#[test]
fn garbage() {
    // The link's tasks run on this thread; a panic of one of them would end a gateway.
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let (here, hook) = (thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == here {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
        hook(info);
    }));
    let before = resident(std::process::id());
    let once = ONCE.map(|(name, answer)| (name, answer, false));
    let for_ever = FOR_EVER.map(|(name, answer)| (name, answer, true));
    let cases = once.into_iter().chain(for_ever);
    run(async {
        let watched = cases.map(|(name, answer, forever)| watch(name, answer, forever));
        futures_util::future::join_all(watched).await;
        let grown = resident(std::process::id()).saturating_sub(before) >> 20;
        assert!(grown < 800, "{grown} MiB");
        assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    });
}

/// Looks on for a while: it is tried again, with growing pauses.
async fn watch(name: &str, answer: &'static [u8], forever: bool) {
    let (port, connections) = server(answer, forever);
    let mut pair = Pair::of(&format!("redis://127.0.0.1:{port}"));
    let watched = time::timeout(Duration::from_secs(5), async {
        loop {
            let event = pair.events.recv().await.unwrap();
            let up = matches!(event, Event::Listening | Event::Publishing);
            assert!(
                !up || name == "numbers for ever",
                "{name}: that is no Redis"
            );
        }
    });
    assert!(watched.await.is_err());
    let connections = connections.load(Ordering::Relaxed);
    assert!(
        (2..60).contains(&connections),
        "{name}: {connections} connections"
    );
}
