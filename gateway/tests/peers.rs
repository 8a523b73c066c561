//! Requests that land on another pod than that of their session, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "peers/broken.rs"]
mod broken;
#[path = "peers/client.rs"]
mod client;
#[path = "peers/fixture.rs"]
mod fixture;
#[path = "peers/handover.rs"]
mod handover;
#[path = "peers/leaving.rs"]
mod leaving;
#[path = "peers/moving.rs"]
mod moving;
#[path = "peers/sealed.rs"]
mod sealed;
#[path = "peers/socketio.rs"]
mod socketio;

use std::future::Future;

use carillon_gateway::id::KeyRing;
use carillon_gateway::transport::{Found, PeerAddress, Settings};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use self::client::{Ws, ask, get, open, post, read, send, write};
use self::fixture::{KEY, Pod, allowing, pair, until};

const UNKNOWN: &str = "{\"code\":1,\"message\":\"Session ID unknown\"}";

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn polls_and_posts_are_relayed() {
    run(async {
        let (owner, landing) = pair().await;
        // Of several sessions and links, each meets both shards of the owner.
        for round in 0..4 {
            let path = open(owner.client).await;
            for message in ["4hello", "4again"] {
                let taken = post(landing.client, &path, message).await;
                assert_eq!((taken.status, &*taken.body), (200, "ok"), "{round}");
                assert!(taken.head.contains("content-type: text/html"), "{taken:?}");
                let polled = get(landing.client, &path).await;
                assert_eq!((polled.status, &*polled.body), (200, message), "{round}");
            }
        }
        assert_eq!((owner.sessions(), landing.sessions()), (4, 0));
        // Two shards, each of which used its link again.
        assert!(owner.dialed() <= 2, "{} links", owner.dialed());
    });
}

#[test]
fn a_poll_waits_at_the_owner() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let mut poll = send(landing.client, "GET", &path, "", "").await;
        until(|| (owner.dialed() == 1).then_some(())).await;
        assert_eq!(post(owner.client, &path, "4later").await.status, 200);
        assert_eq!(read(&mut poll).await.body, "4later");
    });
}

#[test]
fn large_payloads_pass_and_larger_ones_end_the_session() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let payload = format!("b{}", "QUJD".repeat(249_999));
        assert!(payload.len() < 1_000_000);
        assert_eq!(post(landing.client, &path, &payload).await.status, 200);
        assert_eq!(get(landing.client, &path).await.body, payload);
        let text = format!("4{}", "x".repeat(999_999));
        assert_eq!(post(landing.client, &path, &text).await.status, 200);
        let packed = ask(
            landing.client,
            "GET",
            &path,
            "accept-encoding: identity\r\n",
            "",
        )
        .await;
        assert_eq!(packed.body, text);
        let refused = post(landing.client, &path, &format!("{text}x")).await;
        assert_eq!(refused.status, 413, "{refused:?}");
        assert!(refused.head.contains("connection: close"), "{refused:?}");
        assert_eq!(owner.closed().await, "forced close");
    });
}

#[test]
fn a_body_that_breaks_off_ends_the_session() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
        );
        let answer = read(&mut write(landing.client, head.as_bytes()).await).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(owner.closed().await, "transport error");
        let path = open(owner.client).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n4x");
        drop(write(landing.client, head.as_bytes()).await);
        assert_eq!(owner.closed().await, "transport error");
    });
}

#[test]
fn an_upgrade_is_piped() {
    run(async {
        let (owner, landing) = pair().await;
        for _ in 0..2 {
            let path = open(owner.client).await;
            let mut ws = Ws::open(landing.client, &path).await.unwrap();
            ws.take_over().await;
            ws.send(1, b"4hello").await;
            assert_eq!(ws.receive().await, (1, b"4hello".to_vec()));
            let large = vec![9; 900_000];
            ws.send(2, &large).await;
            assert_eq!(ws.receive().await, (2, large));
            landing
                .counts("carillon_sessions{transport=\"relay\"} 1")
                .await;
            assert_eq!(landing.admission.connections(), 1);
            assert_eq!(owner.admission.connections(), 1);
            ws.send(8, &[3, 232]).await;
            assert_eq!(ws.receive().await.0, 8);
            drop(ws);
            assert_eq!(owner.closed().await, "transport close");
            landing
                .counts("carillon_sessions{transport=\"relay\"} 0")
                .await;
            until(|| (landing.admission.connections() == 0).then_some(())).await;
        }
    });
}

#[test]
fn a_drain_ends_pipes() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let mut ws = Ws::open(landing.client, &path).await.unwrap();
        ws.take_over().await;
        ws.send(1, b"4hello").await;
        ws.receive().await;
        let left = |count| -> usize {
            let gates = landing.gates.iter();
            gates.map(|gate| gate.close_some(count)).sum()
        };
        assert_eq!((left(0), left(1)), (1, 0));
        assert!(ws.has_ended().await);
        assert_eq!(owner.closed().await, "transport close");
    });
}

#[test]
fn a_hang_up_ends_the_poll_at_the_owner() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let poll = send(landing.client, "GET", &path, "", "").await;
        until(|| (owner.dialed() == 1).then_some(())).await;
        // By the time that these are answered, it is at the owner.
        for _ in 0..3 {
            assert_eq!(post(owner.client, &path, "6").await.status, 200);
        }
        drop(poll);
        assert_eq!(owner.closed().await, "transport error");
        assert_eq!(get(landing.client, &path).await.body, UNKNOWN);
    });
}

#[test]
fn the_poll_of_an_owner_that_dies_ends_once_that_is_known() {
    run(async {
        let landing = Pod::start(2).await;
        let sid = KeyRing::new(1, 1, &KEY).mint(0);
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        let owner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = owner.local_addr().unwrap();
        landing.finds(1, address.port());
        let mut poll = send(landing.client, "GET", &path, "", "").await;
        let (link, _) = owner.accept().await.unwrap();
        drop((link, owner));
        let draining = false;
        let stale = Found::Stale(PeerAddress { address, draining });
        landing.directory.set(1, stale);
        assert_eq!(read(&mut poll).await.body, UNKNOWN);
        assert_eq!(get(landing.client, &path).await.body, UNKNOWN);
    });
}

#[test]
fn an_owner_that_does_not_answer_a_post_is_waited_for_and_then_unavailable() {
    run(async {
        // No pod with a session: its timer reads the real clock and would spin while tokio's stands.
        let landing = Pod::start(2).await;
        let sid = KeyRing::new(1, 1, &KEY).mint(0);
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        let stopped = TcpListener::bind("127.0.0.1:0").await.unwrap();
        landing.finds(1, stopped.local_addr().unwrap().port());
        let mut asked = send(landing.client, "POST", &path, "", "4x").await;
        let (mut link, _) = stopped.accept().await.unwrap();
        link.read_u8().await.unwrap();
        tokio::time::pause();
        assert_eq!(read(&mut asked).await.status, 503);
        tokio::time::resume();
        // The link is closed: nobody waits for its answer any more.
        assert!(link.read_to_end(&mut Vec::new()).await.is_ok());
    });
}

#[test]
fn where_the_owner_is_gone_the_session_is_unknown() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let is_unknown = async |why: &str| {
            let answer = get(landing.client, &path).await;
            assert_eq!((answer.status, &*answer.body), (400, UNKNOWN), "{why}");
            let answer = post(landing.client, &path, "4x").await;
            assert_eq!((answer.status, &*answer.body), (400, UNKNOWN), "{why}");
            let Err(answer) = Ws::open(landing.client, &path).await else {
                panic!("{why}: a websocket opened");
            };
            assert_eq!((answer.status, &*answer.body), (400, "Session ID unknown"));
            assert!(answer.head.contains("connection: close"), "{answer:?}");
        };
        let incarnation = owner.keys.incarnation();
        landing.directory.set(incarnation, Found::Gone);
        is_unknown("nobody knows it").await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let draining = false;
        let stale = Found::Stale(PeerAddress { address, draining });
        landing.directory.set(incarnation, stale);
        is_unknown("refused").await;
        // One hop: the pod that is there could find the owner, and does not look.
        let successor = Pod::start(3).await;
        successor.knows(&owner);
        landing.finds(incarnation, successor.peer);
        is_unknown("another incarnation").await;
        assert_eq!(owner.dialed(), 0);
        landing.knows(&owner);
        assert_eq!(post(landing.client, &path, "4x").await.status, 200);
    });
}

#[test]
fn a_lapsed_lease_closes_nothing() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let address = ([127, 0, 0, 1], owner.peer).into();
        let draining = false;
        let stale = Found::Stale(PeerAddress { address, draining });
        landing.directory.set(owner.keys.incarnation(), stale);
        assert_eq!(post(landing.client, &path, "4x").await.status, 200);
    });
}

#[test]
fn without_the_link_other_sessions_are_unknown() {
    run(async {
        let owner = Pod::start(1).await;
        let keys = KeyRing::new(2, 1, &KEY);
        let landing = Pod::start_with(keys, Settings::default(), false).await;
        landing.knows(&owner);
        let path = open(owner.client).await;
        assert_eq!(get(landing.client, &path).await.body, UNKNOWN);
    });
}

#[test]
fn pods_that_drain_serve_the_sessions_that_exist() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        owner.admission.drain();
        landing.admission.drain();
        for pod in [&owner, &landing] {
            let answer = get(pod.client, "/socket.io/?EIO=4&transport=polling").await;
            assert_eq!(answer.status, 503);
            assert_eq!(post(pod.client, &path, "4x").await.status, 200);
            assert_eq!(get(pod.client, &path).await.body, "4x");
        }
        let mut ws = Ws::open(landing.client, &path).await.unwrap();
        ws.take_over().await;
        ws.send(1, b"4hello").await;
        assert_eq!(ws.receive().await, (1, b"4hello".to_vec()));
    });
}

#[test]
fn headers_for_browsers_are_those_of_the_pod_where_it_landed() {
    run(async {
        let owner = Pod::start(1).await;
        let keys = KeyRing::new(2, 1, &KEY);
        let landing = Pod::start_with(keys, allowing("https://app.example"), true).await;
        landing.knows(&owner);
        let path = open(owner.client).await;
        let origin = "origin: https://app.example\r\n";
        let answer = ask(landing.client, "POST", &path, origin, "4x").await;
        let allow = "access-control-allow-origin: https://app.example";
        assert_eq!(answer.head.matches(allow).count(), 1, "{answer:?}");
        assert_eq!(answer.head.matches("cache-control: no-store").count(), 1);
        assert_eq!(answer.head.matches("vary: origin").count(), 1);
    });
}

#[test]
fn many_clients_at_once() {
    run(async {
        let (owner, landing) = pair().await;
        let mut paths = Vec::new();
        for _ in 0..300 {
            paths.push(open(owner.client).await);
        }
        let mut polls = Vec::new();
        for path in &paths {
            polls.push(send(landing.client, "GET", path, "", "").await);
        }
        for (n, path) in paths.iter().enumerate() {
            assert_eq!(
                post(landing.client, path, &format!("4{n}")).await.body,
                "ok"
            );
        }
        for (n, mut poll) in polls.into_iter().enumerate() {
            assert_eq!(read(&mut poll).await.body, format!("4{n}"));
        }
        assert_eq!(owner.sessions(), 300);
    });
}
