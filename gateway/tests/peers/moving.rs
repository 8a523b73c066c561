//! Sessions that follow their websocket to the pod where it has landed.

use std::io::Write;
use std::net::TcpStream;

use carillon_gateway::transport::Found;

use crate::client::{Ws, get, open, post};
use crate::run;
use crate::socketio::{RULES, SocketPod, publish, socket_pair};

const GONE_UP: &str = "{\"code\":3,\"message\":\"Bad request\"}";
const MOVED: &str = "carillon_upgrades_total{outcome=\"moved\"} 1";

impl Ws {
    pub(crate) async fn says(&mut self, expected: &str) {
        let (opcode, payload) = self.receive().await;
        assert_eq!(
            (opcode, String::from_utf8_lossy(&payload)),
            (1, expected.into())
        );
    }
}

/// Connects to the namespace by polling; the socket's id.
pub(crate) async fn connect(port: u16, path: &str) -> String {
    assert_eq!(post(port, path, "40").await.body, "ok");
    let connected = get(port, path).await.body;
    let id = connected.strip_prefix("40{\"sid\":\"").unwrap();
    id.strip_suffix("\"}").unwrap().to_owned()
}

pub(crate) async fn is_moved(owner: &SocketPod, landing: &SocketPod) {
    landing.pod.counts(MOVED).await;
    landing
        .pod
        .counts("carillon_sessions{transport=\"relay\"} 0")
        .await;
    landing
        .pod
        .counts("carillon_sessions{transport=\"websocket\"} 1")
        .await;
    assert_eq!((owner.pod.sessions(), landing.pod.sessions()), (0, 1));
    assert_eq!(owner.pod.admission.connections(), 0);
    assert_eq!(landing.pod.admission.connections(), 1);
}

async fn is_piped(owner: &SocketPod, landing: &SocketPod) {
    landing
        .pod
        .counts("carillon_sessions{transport=\"relay\"} 1")
        .await;
    owner
        .pod
        .counts("carillon_sessions{transport=\"websocket\"} 1")
        .await;
    assert_eq!((owner.pod.sessions(), landing.pod.sessions()), (1, 0));
}

#[test]
fn a_session_moves_before_it_has_connected() {
    run(async {
        let (owner, landing) = socket_pair().await;
        let path = open(owner.pod.client).await;
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.take_over().await;
        ws.send(1, b"40").await;
        let (_, connected) = ws.receive().await;
        assert!(connected.starts_with(b"40{\"sid\":"));
        is_moved(&owner, &landing).await;
        for pod in [&owner, &landing] {
            let late = get(pod.pod.client, &path).await;
            assert_eq!((late.status, &*late.body), (400, GONE_UP));
        }
        ws.send(8, &[3, 232]).await;
        assert_eq!(ws.receive().await.0, 8);
        landing
            .pod
            .counts("carillon_sessions{transport=\"websocket\"} 0")
            .await;
    });
}

#[test]
fn sockets_move_with_their_rooms_and_what_waits_for_them() {
    run(async {
        let (owner, landing) = socket_pair().await;
        let path = open(owner.pod.client).await;
        let id = connect(owner.pod.client, &path).await;
        assert_eq!(
            post(owner.pod.client, &path, "42[\"join\",\"a\"]")
                .await
                .status,
            200
        );
        assert_eq!(
            post(owner.pod.client, &path, "421[\"echo\",1]")
                .await
                .status,
            200
        );
        owner.receive("room-a", "before");
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.send(1, b"2probe").await;
        ws.says("3probe").await;
        // The noop has ended no poll: there is none. What waits comes after the switch.
        ws.send(1, b"5").await;
        ws.send(1, b"422[\"echo\",2]").await;
        ws.says("431[1]").await;
        ws.says("42[\"news\",\"before\"]").await;
        ws.says("432[2]").await;
        is_moved(&owner, &landing).await;
        // Of three events in an hour, two were taken there and one here.
        ws.send(1, b"423[\"echo\",3]").await;
        let (_, refused) = ws.receive().await;
        assert!(refused.starts_with(b"433[{\"error\":{\"code\":\"rate_limited\""));
        for room in ["lobby", "room-a", &id] {
            landing.receive(room, room);
            ws.says(&format!("42[\"news\",\"{room}\"]")).await;
            owner.receive(room, "nobody");
        }
        let dropped = "carillon_deliveries_dropped_total{namespace=\"/\",reason=\"moved\"} 1";
        owner.pod.counts(dropped).await;
        owner
            .pod
            .counts("carillon_deliveries_expected_total{namespace=\"/\"} 1")
            .await;
        landing
            .pod
            .counts("carillon_deliveries_expected_total{namespace=\"/\"} 4")
            .await;
        landing
            .pod
            .counts("carillon_deliveries_total{namespace=\"/\"} 4")
            .await;
        owner
            .pod
            .counts("carillon_sockets{namespace=\"/\"} 0")
            .await;
    });
}

#[test]
fn a_session_outlives_the_pod_that_it_came_from() {
    run(async {
        let (owner, landing) = socket_pair().await;
        let path = open(owner.pod.client).await;
        connect(owner.pod.client, &path).await;
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.take_over().await;
        is_moved(&owner, &landing).await;
        landing
            .pod
            .directory
            .set(owner.pod.keys.incarnation(), Found::Gone);
        owner
            .pod
            .gates
            .iter()
            .for_each(|gate| _ = gate.close_some(9));
        drop(owner);
        ws.send(1, b"421[\"echo\",1]").await;
        ws.says("431[1]").await;
    });
}

#[test]
fn what_comes_meanwhile_is_neither_lost_nor_doubled() {
    run(async {
        let (owner, landing) = socket_pair().await;
        let path = open(owner.pod.client).await;
        connect(owner.pod.client, &path).await;
        // Every message reaches both pods, as by a bus; the first two fences are each one too many.
        let (there, here) = (owner.bus.clone(), landing.bus.clone());
        let mut fences = 0;
        *landing.at_fence.borrow_mut() = Some(Box::new(move || {
            fences += 1;
            if fences <= 2 {
                publish(&there, "lobby", &fences.to_string());
                publish(&here, "lobby", &fences.to_string());
            }
            true
        }));
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.take_over().await;
        ws.says("42[\"news\",\"1\"]").await;
        ws.says("42[\"news\",\"2\"]").await;
        is_moved(&owner, &landing).await;
        landing.receive("lobby", "last");
        ws.says("42[\"news\",\"last\"]").await;
        let expected = "carillon_deliveries_expected_total{namespace=\"/\"}";
        owner.pod.counts(&format!("{expected} 2")).await;
        // One was kept here in an attempt that failed, and let go.
        landing.pod.counts(&format!("{expected} 4")).await;
        landing
            .pod
            .counts("carillon_deliveries_total{namespace=\"/\"} 3")
            .await;
    });
}

#[test]
fn what_cannot_be_had_whole_is_piped() {
    run(async {
        // A room in which messages never cease; a bus that does not answer; a namespace that is not there.
        for case in ["busy", "down", "unknown"] {
            let (owner, mut landing) = socket_pair().await;
            let path = open(owner.pod.client).await;
            connect(owner.pod.client, &path).await;
            let there = owner.bus.clone();
            match case {
                "busy" => {
                    *landing.at_fence.borrow_mut() = Some(Box::new(move || {
                        publish(&there, "lobby", "x");
                        true
                    }));
                }
                "down" => *landing.at_fence.borrow_mut() = Some(Box::new(|| false)),
                _ => {
                    landing =
                        SocketPod::start(3, &RULES.replace("name: /\n", "name: /else\n")).await;
                    landing.pod.knows(&owner.pod);
                }
            }
            let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
            ws.take_over().await;
            ws.send(1, b"429[\"echo\",9]").await;
            let mut heard = 0;
            loop {
                let (_, payload) = ws.receive().await;
                if payload == b"439[9]" {
                    break;
                }
                assert_eq!(payload, b"42[\"news\",\"x\"]", "{case}");
                heard += 1;
            }
            assert_eq!(heard, if case == "busy" { 8 } else { 0 }, "{case}");
            is_piped(&owner, &landing).await;
        }
    });
}

/// More than 8 MiB that its client has not fetched is not sent from pod to pod.
#[test]
fn a_session_with_much_unsent_is_piped() {
    run(async {
        let rules = RULES.replace("  autoJoin", "  backlog: { bytes: 16MiB }\n  autoJoin");
        let (owner, landing) = (
            SocketPod::start(1, &rules).await,
            SocketPod::start(2, &rules).await,
        );
        landing.pod.knows(&owner.pod);
        owner.pod.knows(&landing.pod);
        let path = open(owner.pod.client).await;
        connect(owner.pod.client, &path).await;
        let large = "x".repeat(1 << 20);
        for _ in 0..9 {
            owner.receive("lobby", &large);
        }
        let expected = "carillon_deliveries_expected_total{namespace=\"/\"} 9";
        owner.pod.counts(expected).await;
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.take_over().await;
        for _ in 0..9 {
            let (_, payload) = ws.receive().await;
            assert_eq!(payload.len(), large.len() + "42[\"news\",\"\"]".len());
        }
        is_piped(&owner, &landing).await;
    });
}

#[test]
fn a_session_that_takes_a_post_stays() {
    run(async {
        let (owner, landing) = socket_pair().await;
        let path = open(owner.pod.client).await;
        connect(owner.pod.client, &path).await;
        let mut posting = TcpStream::connect(("127.0.0.1", owner.pod.client)).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n4");
        posting.write_all(head.as_bytes()).unwrap();
        let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
        ws.take_over().await;
        ws.send(1, b"421[\"echo\",1]").await;
        ws.says("431[1]").await;
        is_piped(&owner, &landing).await;
    });
}
