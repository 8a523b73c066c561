//! A client that has gone on to another connection, while an earlier one still claims its session.

use carillon_tests::cluster::{Cluster, Kind};
use carillon_tests::gateway::Gateway;
use carillon_tests::http::Connection;
use carillon_tests::packets;
use carillon_tests::polling::Polling;
use carillon_tests::redis::Redis;
use carillon_tests::session::Session;
use serde_json::{Value, json};

use super::client::{Client, emit, sockets};
use super::each;
use super::late::on_its_way;
use super::pods::{come_back, pod, setup};

/// Nobody listens to a connection that was opened, and is not polled: the client has gone on, or polls soon.
fn takes_nothing(there: &Gateway, here: &Gateway) {
    let mut client = Client::connect(there, "/live", "r");
    let ticket = client.ticket(None);
    let earlier = Polling::open(here.port());
    let connect = format!("40/live,{ticket}");
    assert_eq!(earlier.post(&connect).status, 200);
    emit(here, "/live", &json!(1));
    assert_eq!(client.event().0, json!(1));
    client.session.assert_quiet();
    let reply = earlier.packets();
    assert!(reply.iter().any(|packet| packet.contains(&client.sid)));
    client.ends();
    assert_eq!(sockets(here, "/live").len(), 1);
}

#[test]
fn without_a_poll() {
    each(|gateway| takes_nothing(gateway, gateway));
    let redis = Redis::start();
    let cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 2]);
    takes_nothing(pod(&cluster, 0), pod(&cluster, 1));
}

/// An earlier connection of a client, that claims its session; a poll of it waits, passed on by another pod.
fn earlier(here: &Gateway, by: &Gateway, ticket: &str) -> (Polling, Connection) {
    let session = Polling::open(here.port());
    let poll = session.by(by.port()).heard_poll();
    let connect = format!("40/live,{ticket}");
    assert_eq!(session.post(&connect).status, 200);
    (session, poll)
}

/// The pod that has taken the session dies with it, and so does the one that passes the client's polls on: it opens one connection
/// after the other. All claim the session, and wait for the dead pod; the client has the last one, and keeps it.
#[test]
fn whose_polls_have_broken() {
    let redis = Redis::start();
    let mut cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 5]);
    let (client, first) = on_its_way(&redis, &mut cluster);
    cluster.members[1].process().signal("KILL");
    cluster.members[0].process().signal("KILL");
    drop(first);
    let ticket = client.ticket(None);
    let (here, by) = (pod(&cluster, 2), pod(&cluster, 3));
    let earlier: Vec<_> = (0..8).map(|_| earlier(here, by, &ticket)).collect();
    cluster.members[3].process().signal("KILL");
    let (here, last) = (pod(&cluster, 2), pod(&cluster, 4));
    let (_, mut back) = come_back(last.port(), "/live", &ticket);
    assert!(back.is(&client.sid));
    // Each of the others would have it in that time.
    for n in 1..=100 {
        emit(here, "/live", &json!(n));
        assert_eq!(back.event().0, json!(n));
    }
    back.session.assert_quiet();

    // A client that is there after all polls again, and gets it.
    let (again, _) = &earlier[0];
    let text = again.poll().text();
    let reply = packets::split(&text);
    assert!(reply.iter().any(|packet| packet.contains(&client.sid)));
    back.ends();
    assert_eq!(sockets(here, "/live").len(), 1);
}

/// A loss that was not noticed: the client takes along what it has in each of its namespaces. The first that is taken ends the old
/// connection, and with it the sockets of the others while they are asked for.
fn takes_all(there: &Gateway, here: &Gateway) {
    for round in 1..=20 {
        let mut client = Client::connect(there, "/live", "r");
        client.session.send("40/kept");
        let kept = client.session.next();
        let kept: Value = serde_json::from_str(kept.split_once(',').unwrap().1).unwrap();
        client.session.event("/kept", r#"1["join","r"]"#);
        client.session.expect("43/kept,1[]");
        let mut next = Session::open(here.port());
        next.send(&format!("40/live,{}", client.ticket(None)));
        next.send(&format!("40/kept,{}", json!({ "pid": kept["pid"] })));
        let replies = [next.next(), next.next()];
        for sid in [&client.sid, kept["sid"].as_str().unwrap()] {
            let has = replies.iter().any(|reply| reply.contains(sid));
            assert!(has, "round {round}: {sid} of {kept} in {replies:?}");
        }
        client.ends();
        next.assert_quiet();
    }
}

#[test]
fn with_all_its_namespaces() {
    each(|gateway| takes_all(gateway, gateway));
    for shards in [1, 3] {
        let redis = Redis::start();
        let setup = setup().shards(shards);
        let cluster = Cluster::start(&redis, &setup, &[Kind::Gateway; 2]);
        takes_all(pod(&cluster, 0), pod(&cluster, 1));
    }
}
