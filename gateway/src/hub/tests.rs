//! Deliveries and their accounting, on connections that poll: what waits for a poll stays, so every state can be looked at.

use std::collections::HashMap;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::*;
use crate::admin::metrics::Metrics;
use crate::admin::process::ProcessFacts;
use crate::admin::rules::RulesStatus;
use crate::clock;
use crate::socket::frame;

struct Bench {
    hub: Rc<Hub>,
    namespace: Rc<Namespace>,
    metrics: Arc<Metrics>,
}

struct Nobody;

impl Owner for Nobody {
    fn close(&self, _close: Close) {}
}

impl Bench {
    fn new(backlog: BacklogLimit) -> Self {
        let hub = Hub::new(clock::now());
        let metrics = Metrics::new(1);
        let namespace = hub.open_namespace("/x", &metrics.shard(0).namespace("/x"), backlog);
        Self {
            hub,
            namespace,
            metrics,
        }
    }

    fn client(&self) -> Rc<Client> {
        Client::new(
            Link::Poll(None),
            std::rc::Weak::<Nobody>::new(),
            Rc::default(),
        )
    }

    fn member(&self, rooms: &[&str]) -> Rc<Socket> {
        let socket = self
            .hub
            .connect(&self.namespace, SocketId::random(), &self.client(), 0);
        rooms
            .iter()
            .for_each(|room| assert!(self.hub.join(&socket, room)));
        socket
    }

    fn broadcast(&self, target: &Target, text: &str, volatile: bool) -> u32 {
        let terms = Terms {
            volatile,
            accepted: clock::now(),
            stored: false,
        };
        self.broadcast_on(target, text, terms)
    }

    fn broadcast_on(&self, target: &Target, text: &str, terms: Terms) -> u32 {
        let frames = Frames {
            hint: text.len() + 10,
            encode: |out: &mut Vec<u8>| frame::text(out, &[text]),
        };
        self.hub
            .broadcast(&self.namespace, target, terms, frames, |_| true)
    }

    /// The counters whose names begin with `carillon_deliveries`, and what is pending.
    fn counts(&self, clients: &[&Rc<Client>]) -> HashMap<String, u64> {
        let text = self
            .metrics
            .render(&RulesStatus::default(), &ProcessFacts::default(), None);
        let lines = text
            .lines()
            .filter(|line| line.starts_with("carillon_deliveries_"));
        let mut counts: HashMap<String, u64> = HashMap::new();
        for (name, value) in lines.filter_map(|line| line.rsplit_once(' ')) {
            let key = name
                .split(['{', ','])
                .find(|part| part.starts_with("reason="))
                .unwrap_or(name);
            let key = key.split('{').next().unwrap_or(key).trim_end_matches('}');
            *counts.entry(key.to_owned()).or_default() += value.parse::<u64>().unwrap_or_default();
        }
        let pending = self.hub.pending(clients.iter().copied());
        counts.insert(
            "pending".to_owned(),
            pending.iter().map(|(_, count)| count).sum(),
        );
        counts
    }
}

fn check(
    counts: &HashMap<String, u64>,
    expected: u64,
    delivered: u64,
    dropped: &[(&str, u64)],
    pending: u64,
) {
    let of = |key: &str| counts.get(key).copied().unwrap_or_default();
    assert_eq!(
        of("carillon_deliveries_expected_total"),
        expected,
        "expected in {counts:?}"
    );
    assert_eq!(
        of("carillon_deliveries_total"),
        delivered,
        "delivered in {counts:?}"
    );
    for (reason, count) in dropped {
        assert_eq!(
            of(&format!("reason=\"{reason}\"")),
            *count,
            "{reason} in {counts:?}"
        );
    }
    assert_eq!(of("pending"), pending, "pending in {counts:?}");
    let lost: u64 = dropped.iter().map(|(_, count)| count).sum();
    assert_eq!(
        expected,
        delivered + lost + pending,
        "nothing is unaccounted for"
    );
}

fn room(names: &[&str], except: &[&str]) -> Target {
    let all = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    Target {
        namespace: "/x".into(),
        rooms: all(names),
        except: all(except),
    }
}

const ROOMY: BacklogLimit = BacklogLimit {
    bytes: 1 << 20,
    skip: false,
};

#[test]
fn a_union_of_rooms_has_no_duplicates_and_exceptions_hold() {
    let bench = Bench::new(ROOMY);
    let (a, _b, ab) = (
        bench.member(&["a"]),
        bench.member(&["b"]),
        bench.member(&["a", "b"]),
    );
    for (target, recipients) in [
        (room(&["a", "b"], &[]), 3),
        (room(&["a"], &["b"]), 1),
        (room(&[], &[]), 3),
        (room(&[], &["a"]), 1),
        (room(&[a.id.as_str()], &[]), 1),
        (room(&["a"], &[ab.id.as_str()]), 1),
        (room(&["nobody"], &[]), 0),
    ] {
        assert_eq!(
            bench.broadcast(&target, "4x", false),
            recipients,
            "{target:?}"
        );
    }
    bench.hub.leave(&ab, "a");
    bench.hub.disconnect(&a);
    assert_eq!(bench.broadcast(&room(&["a"], &[]), "4x", false), 0);
    assert_eq!(bench.namespace.rooms(), [(Arc::from("b"), 2)]);
}

#[tokio::test]
async fn what_waits_for_a_poll_is_pending_until_its_body_is_written() {
    let bench = Bench::new(ROOMY);
    let socket = bench.member(&["a"]);
    let client = &socket.client;
    LocalSet::new()
        .run_until(async {
            bench.broadcast(&room(&["a"], &[]), "4one", false);
            bench.hub.flush_now(client);
            bench.broadcast(&room(&["a"], &[]), "4two", false);
            check(&bench.counts(&[client]), 2, 0, &[], 2);
            let (poll, answer) = oneshot::channel();
            bench.hub.set_link(client, Link::Poll(Some(poll)));
            bench.hub.flush_now(client);
            let batch = answer.await.expect("a batch");
            let texts: Vec<_> = frame::Frames::new(&batch.frames)
                .map(|frame| frame.payload.to_vec())
                .collect();
            assert_eq!(texts, [b"4one".to_vec(), b"4two".to_vec()]);
            check(&bench.counts(&[client]), 2, 0, &[], 2);
            bench.hub.settle(batch, true);
            check(&bench.counts(&[client]), 2, 2, &[], 0);
        })
        .await;
}

#[test]
fn a_message_for_nobody_leaves_nothing_to_observe() {
    let bench = Bench::new(ROOMY);
    for _ in 0..3 {
        bench.broadcast(&room(&["nobody"], &[]), "4x", false);
    }
    assert_eq!(bench.hub.log.borrow_mut().take_unobserved().count(), 0);
    check(&bench.counts(&[]), 0, 0, &[], 0);
}

#[test]
fn a_namespace_under_another_rule_takes_its_sockets_along() {
    let bench = Bench::new(ROOMY);
    let socket = bench.member(&["a"]);
    let other = bench.metrics.shard(0).namespace("^/(?<x>x)$");
    bench.hub.open_namespace("/x", &other, ROOMY);
    assert_eq!(bench.metrics.sockets(), 1);
    bench.hub.disconnect(&socket);
    assert_eq!(bench.metrics.sockets(), 0);
    let text = bench
        .metrics
        .render(&RulesStatus::default(), &ProcessFacts::default(), None);
    let sockets = text
        .lines()
        .filter(|line| line.starts_with("carillon_sockets{"));
    assert!(
        sockets.clone().count() > 0 && sockets.clone().all(|line| line.ends_with(" 0")),
        "{text}"
    );
}

#[test]
fn a_volatile_message_is_dropped_where_no_poll_waits() {
    let bench = Bench::new(ROOMY);
    let socket = bench.member(&["a"]);
    bench.broadcast(&room(&["a"], &[]), "4x", true);
    check(
        &bench.counts(&[&socket.client]),
        1,
        0,
        &[("volatile", 1)],
        0,
    );
}

#[test]
fn a_full_backlog_skips_or_cuts_as_the_rule_says() {
    for (skip, reasons) in [
        (true, [("backlog", 2), ("closing", 0)]),
        (false, [("backlog", 1), ("closing", 1)]),
    ] {
        let bench = Bench::new(BacklogLimit { bytes: 100, skip });
        let socket = bench.member(&["a"]);
        let message = format!("4{}", "x".repeat(60));
        for _ in 0..3 {
            bench.broadcast(&room(&["a"], &[]), &message, false);
        }
        assert_eq!(socket.client.is_closing(), !skip);
        check(&bench.counts(&[&socket.client]), 3, 0, &reasons, 1);
        bench.hub.discard(&socket.client);
        let dropped = [reasons[0], reasons[1], ("disconnected", 1)];
        check(&bench.counts(&[&socket.client]), 3, 0, &dropped, 0);
    }
}

#[test]
fn answers_count_for_the_backlog_of_who_does_not_read() {
    let bench = Bench::new(BacklogLimit {
        bytes: 100,
        skip: true,
    });
    let socket = bench.member(&[]);
    for _ in 0..3 {
        let encode = |out: &mut Vec<u8>| frame::text(out, &["430[\"", &"x".repeat(60), "\"]"]);
        bench.hub.answer(&socket, Frames { hint: 80, encode });
    }
    assert!(socket.client.is_closing(), "acks cannot be skipped");
}

#[test]
fn only_what_a_stream_has_for_who_is_recoverable_leaves_a_connection_calm() {
    let bench = Bench::new(ROOMY);
    for (recoverable, ended, stored, calm) in [
        (true, false, true, true),
        (true, false, false, false),
        (true, true, true, false),
        (false, false, true, false),
    ] {
        let socket = bench.member(&[]);
        if recoverable {
            let position = crate::id::EntryId::default();
            let restorable = Restorable::new(crate::id::PrivateId::random(), 1, position);
            socket.set_restorable(restorable);
        }
        if let Some(restorable) = socket.restorable().filter(|_| ended) {
            restorable.end();
        }
        bench.hub.calm(&socket.client);
        let terms = Terms {
            volatile: false,
            accepted: clock::now(),
            stored,
        };
        let own = Target::room("/x", socket.id.as_str());
        assert_eq!(bench.broadcast_on(&own, "4x", terms), 1);
        assert_eq!(bench.hub.is_calm(&socket.client), calm);
        let own = bench.hub.unsent(&socket.client, &[]);
        assert_eq!(own.len(), 1);
        bench.hub.calm(&socket.client);
        bench.hub.emit(
            &socket,
            terms,
            Frames {
                hint: 8,
                encode: |out: &mut Vec<u8>| frame::text(out, &["4y"]),
            },
        );
        assert!(!bench.hub.is_calm(&socket.client), "it is told this alone");
    }
}
