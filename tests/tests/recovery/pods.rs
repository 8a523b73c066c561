//! Gateways on one Redis, whose clients come back to another of them.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Mode, Setup};
use carillon_tests::gateway::Gateway;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::resp::Reply;
use carillon_tests::session::Session;
use carillon_tests::topology::RedisCluster;
use carillon_tests::{packets, wait};
use serde_json::{Value, json};

use super::client::{Client, emit, event, sockets};

pub(crate) const RULES: &str = include_str!("../../fixtures/recovery.yaml");

/// Pods on streams, with the rules of recovery.
pub(crate) fn setup() -> Setup {
    Setup::new(Mode::Streams).rules(RULES)
}

/// A gateway of a cluster.
pub(crate) fn pod<'a>(cluster: &'a Cluster<'_>, index: usize) -> &'a Gateway {
    match &cluster.members[index] {
        carillon_tests::cluster::Member::Gateway(pod) => pod.view(),
        carillon_tests::cluster::Member::Node(_) => panic!("member {index} is no gateway"),
    }
}

/// Where a session lies.
pub(crate) fn key(pid: &str) -> String {
    format!("sio:session:{pid}")
}

/// Where its versions lie.
pub(crate) fn mark(pid: &str) -> String {
    format!("{{{}}}:version", key(pid))
}

/// Waits until a session is written.
pub(crate) fn until_written(redis: &Redis, pid: &str) {
    let key = key(pid);
    wait::until("the session is written", || {
        (redis.command(&["EXISTS", &key]).integer() == 1).then_some(())
    });
}

/// Waits until the event `n` with this number is in the stream.
fn until_streamed(redis: &Redis, prefix: &str, n: u64) {
    let stream = format!("{prefix}-stream");
    let event = format!(r#"["n",{n}]"#);
    wait::until("the event is in the stream", || {
        let entries = redis.command(&["XREVRANGE", &stream, "+", "-", "COUNT", "20"]);
        holds(&entries, &event).then_some(())
    });
}

fn holds(reply: &Reply, part: &str) -> bool {
    match reply {
        Reply::Array(Some(replies)) => replies.iter().any(|reply| holds(reply, part)),
        reply => reply.text().contains(part),
    }
}

/// Comes back to a gateway; the events that it is told before the reply, by their first argument.
pub(crate) fn come_back(port: u16, namespace: &str, ticket: &str) -> (Vec<Value>, Client) {
    let mut session = Session::open(port);
    session.send(&format!("40{}{ticket}", packets::prefix(namespace)));
    let mut missed = Vec::new();
    loop {
        let packet = session.next();
        if packet.starts_with("40") {
            return (missed, Client::reply(session, namespace, &packet));
        }
        missed.push(event(&packet).0);
    }
}

pub(crate) fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    range.map(|number| json!(number)).collect()
}

#[test]
fn to_another_pod() {
    for (shards, streams) in [(1, 1), (3, 4)] {
        let redis = Redis::start();
        let setup = setup().shards(shards).streams(streams);
        let cluster = Cluster::start(&redis, &setup, &[Kind::Gateway, Kind::Gateway]);
        let (here, there) = (pod(&cluster, 0), pod(&cluster, 1));
        let mut client = Client::connect(here, "/live", "r");
        (1..=3).for_each(|n| emit(if n == 2 { here } else { there }, "/live", &json!(n)));
        let (first, offset) = client.event();
        assert_eq!(first, json!(1));
        let ticket = client.ticket(Some(&offset));
        let (sid, pid) = (client.sid.clone(), client.pid.clone());
        drop(client);
        (4..=5).for_each(|n| emit(here, "/live", &json!(n)));
        let (missed, mut back) = come_back(there.port(), "/live", &ticket);
        assert_eq!(missed, numbers(2..=5));
        assert_eq!((&back.sid, &back.pid), (&sid, &pid));
        assert_eq!(sockets(there, "/live")[0]["rooms"], json!(["room-r"]));
        emit(here, "/live", &json!(6));
        let (last, offset) = back.event();
        assert_eq!(last, json!(6));
        back.session.assert_quiet();

        // And back, with nothing to make up for, from a connection that is not noticed to be lost.
        let ticket = back.ticket(Some(&offset));
        until_written(&redis, &pid);
        let (missed, again) = come_back(here.port(), "/live", &ticket);
        assert_eq!(missed, numbers(6..=6).split_off(1));
        assert!(again.is(&sid));
        back.ends();
        assert_eq!(
            sockets(there, "/live").len() + sockets(here, "/live").len(),
            2,
            "once each"
        );
    }
}

/// Streams and sessions lie on different nodes of a Redis Cluster: half of the clients come back while their pod lives, half
/// of them after its death.
#[test]
fn on_a_redis_cluster() {
    let redis = RedisCluster::start();
    let setup = setup().streams(4).on(&redis);
    let mut cluster = Cluster::start(&redis.nodes[0], &setup, &[Kind::Gateway; 2]);
    let mut clients: Vec<Client> = (0..6)
        .map(|_| Client::connect(pod(&cluster, 0), "/live", "r"))
        .collect();
    emit(pod(&cluster, 1), "/live", &json!(1));
    let tickets: Vec<String> = clients
        .iter_mut()
        .map(|client| {
            let (first, offset) = client.event();
            assert_eq!(first, json!(1));
            client.ticket(Some(&offset))
        })
        .collect();
    let mut lost: Vec<(String, String)> = Vec::new();
    for (client, ticket) in clients.into_iter().zip(tickets) {
        lost.push((client.sid, ticket));
    }
    emit(pod(&cluster, 0), "/live", &json!(2));
    let there = pod(&cluster, 1).port();
    let mut back = Vec::new();
    let mut come_back_with = |lost: &[(String, String)], expected: &[Value]| {
        for (sid, ticket) in lost {
            let (missed, client) = come_back(there, "/live", ticket);
            assert_eq!((&*missed, &client.sid), (expected, sid));
            back.push(client);
        }
    };
    come_back_with(&lost[..3], &numbers(2..=2));
    cluster.members[0].process().signal("KILL");
    cluster.members[0].process().wait();
    emit(pod(&cluster, 1), "/live", &json!(3));
    come_back_with(&lost[3..], &numbers(2..=3));
    for client in &mut back[..3] {
        assert_eq!(client.event().0, json!(3));
    }
}

/// A pod that is killed right after the ack of a join takes nothing along.
#[test]
fn after_the_death_of_its_pod() {
    let redis = Redis::start();
    let mut cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway, Kind::Gateway]);
    let client = Client::connect(pod(&cluster, 0), "/live", "r");
    std::thread::sleep(Duration::from_millis(200));
    cluster.members[0].process().signal("KILL");
    cluster.members[0].process().wait();
    let there = pod(&cluster, 1);
    (1..=3).for_each(|n| emit(there, "/live", &json!(n)));
    let (missed, back) = come_back(there.port(), "/live", &client.ticket(None));
    assert_eq!(missed, numbers(1..=3));
    assert!(back.is(&client.sid));
}

/// Two pods that are asked at the same time give a session out once.
#[test]
fn once() {
    let redis = Redis::start();
    let cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 3]);
    for _ in 0..10 {
        let client = Client::connect(pod(&cluster, 0), "/live", "r");
        let (ticket, sid) = (client.ticket(None), client.sid.clone());
        drop(client);
        let mut sessions: Vec<Session> = (0..9)
            .map(|index| Session::open(pod(&cluster, index % 3).port()))
            .collect();
        for session in &mut sessions {
            session.send(&format!("40/live,{ticket}"));
        }
        let clients: Vec<Client> = sessions
            .into_iter()
            .map(|session| Client::accepted(session, "/live"))
            .collect();
        assert!(clients.iter().any(|client| client.is(&sid)));
        wait::until("one has it", || {
            let holders = sockets(pod(&cluster, 0), "/live");
            let holders = holders.iter().filter(|socket| socket["id"] == *sid);
            (holders.count() == 1).then_some(())
        });
    }
}

/// The record of a session, once it is there.
pub(crate) fn record(redis: &Redis, key: &str) -> String {
    wait::until("the session is saved", || {
        match redis.command(&["GET", key]) {
            Reply::Bulk(None) => None,
            kept => Some(kept.text()),
        }
    })
}

/// Whoever has proved to be somebody else, or nobody, gets a new session, and the one who it is of can still come back.
#[test]
fn of_another_user() {
    let redis = Redis::start();
    let cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway]);
    let here = pod(&cluster, 0);
    let client = Client::connect(here, "/live", "r");
    let (ticket, sid, key) = (client.ticket(None), client.sid.clone(), key(&client.pid));
    drop(client);
    wait::until("it is gone", || {
        sockets(here, "/live").is_empty().then_some(())
    });
    let bytes = STANDARD.decode(record(&redis, &key)).unwrap();
    let nobody = bytes
        .windows(10)
        .position(|part| part == b"\xa4user\xa4null")
        .unwrap();
    let mut of_other = bytes;
    of_other[nobody + 6..nobody + 10].copy_from_slice(b"\"me\"");
    let value = STANDARD.encode(of_other);
    redis.command(&["SET", &key, &value, "PX", "60000"]);
    assert!(!Client::claim(here, "/live", &ticket).is(&sid));
    let kept = record(&redis, &key);
    assert!(
        STANDARD
            .decode(kept)
            .unwrap()
            .windows(9)
            .any(|part| part == b"user\xa4\"me\"")
    );
}

/// A Redis that has lost everything: new sessions, no errors, and messages go on.
#[test]
fn after_a_flush() {
    let redis = Redis::start();
    let cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 2]);
    let (here, there) = (pod(&cluster, 0), pod(&cluster, 1));
    let client = Client::connect(here, "/live", "r");
    let mut other = Client::connect(there, "/live", "r");
    let (ticket, sid) = (client.ticket(None), client.sid.clone());
    drop(client);
    wait::until("it is gone", || {
        (sockets(here, "/live").len() == 1).then_some(())
    });
    redis.command(&["FLUSHALL"]);
    assert!(!Client::claim(there, "/live", &ticket).is(&sid));
    emit(here, "/live", &json!(1));
    assert_eq!(other.event().0, json!(1));
}

/// A pod that cannot know what a client has missed gives it a new session.
#[test]
fn what_was_cut_off() {
    let redis = Redis::start();
    let setup = setup();
    let mut cluster = Cluster::start(&redis, &setup, &[Kind::Gateway]);
    let mut client = Client::connect(pod(&cluster, 0), "/live", "r");
    (1..=3).for_each(|n| emit(pod(&cluster, 0), "/live", &json!(n)));
    let (_, offset) = client.event();
    let stream = format!("{}-stream", setup.prefix);
    redis.command(&["XTRIM", &stream, "MAXLEN", "1"]);
    cluster.members.push(setup.start(&redis, Kind::Gateway, 1));
    let there = pod(&cluster, 1);
    let (missed, new) = come_back(there.port(), "/live", &client.ticket(Some(&offset)));
    assert!(!new.is(&client.sid) && missed.is_empty());
}

/// What is cut off before a pod has read it, as the pod was away for a moment, is told by a counter; who may have missed it gets
/// a new session.
#[test]
fn what_was_cut_off_unread() {
    let redis = Redis::start();
    let setup = setup();
    let cluster = Cluster::start(&redis, &setup, &[Kind::Gateway]);
    let here = pod(&cluster, 0);
    let mut client = Client::connect(here, "/live", "r");
    emit(here, "/live", &json!(1));
    let (_, offset) = client.event();
    let ticket = client.ticket(Some(&offset));
    let sid = client.sid.clone();
    drop(client);
    let reader = wait::until("the pod reads", || {
        let clients = redis.command(&["CLIENT", "LIST"]).text();
        let reader = clients.lines().find(|line| line.contains("cmd=xread"))?;
        let id = reader.strip_prefix("id=")?.split(' ').next()?;
        Some(id.to_owned())
    });
    let stream = format!("{}-stream", setup.prefix);
    let mut at_once = redis.client();
    for command in [
        &["MULTI"][..],
        &["CLIENT", "KILL", "ID", &reader],
        &["XADD", &stream, "*", "lost", "1"],
        &["XADD", &stream, "*", "left", "2"],
        &["XTRIM", &stream, "MAXLEN", "1"],
        &["EXEC"],
    ] {
        at_once.command(command).unwrap();
    }
    wait::until("it is counted", || {
        let gap = Metrics::of(here).sum("carillon_bus_errors_total", &["kind=\"stream_gap\""]);
        (gap == 1.0).then_some(())
    });
    assert!(!Client::claim(here, "/live", &ticket).is(&sid));
    emit(here, "/live", &json!(2));
}

/// A session of a Node server goes on here, and back.
#[test]
fn beside_node() {
    let redis = Redis::start();
    let rules = include_str!("../../fixtures/cluster.yaml")
        .replace("  events:\n", "  recovery: { window: 1m }\n  events:\n");
    let setup = Setup::new(Mode::Streams)
        .rules(&rules)
        .recovery(Duration::from_secs(60));
    let cluster = Cluster::start(&redis, &setup, &[Kind::Node, Kind::Gateway]);
    let (node, here) = (cluster.members[0].port(), pod(&cluster, 1));
    // Two publishers: the second has to come after the first in the stream too.
    let emit = |n: u64| {
        cluster.members[(n % 2) as usize].emit(&Emit::new(To::room("room-r"), "n", &[json!(n)]));
        until_streamed(&redis, &setup.prefix, n);
    };
    let (_, mut client) = come_back(node, "/", "{}");
    client.session.send(r#"421["join","r"]"#);
    client.session.expect("431[]");
    emit(1);
    let (first, offset) = client.event();
    assert_eq!(first, json!(1));
    let (ticket, sid, pid) = (
        client.ticket(Some(&offset)),
        client.sid.clone(),
        client.pid.clone(),
    );
    drop(client);
    until_written(&redis, &pid);
    (2..=3).for_each(emit);
    let (missed, mut client) = come_back(here.port(), "/", &ticket);
    assert_eq!(
        (missed, client.sid.as_str()),
        (numbers(2..=3), sid.as_str())
    );
    (4..=5).for_each(emit);
    assert_eq!(client.event().0, json!(4));
    let (last, offset) = client.event();
    assert_eq!(last, json!(5));
    let ticket = client.ticket(Some(&offset));
    drop(client);
    wait::until("it is gone", || sockets(here, "/").is_empty().then_some(()));
    (6..=7).for_each(emit);
    let (missed, mut client) = come_back(node, "/", &ticket);
    assert_eq!(
        (missed, client.sid.as_str()),
        (numbers(6..=7), sid.as_str())
    );
    emit(8);
    assert_eq!(client.event().0, json!(8));
}
