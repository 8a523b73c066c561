//! Questions that every member answers: acks of clients, acks of servers, with a dead one too.

use std::time::{Duration, Instant};

use carillon_tests::cluster::calls::{Emit, Gathered, To};
use carillon_tests::cluster::{Kind, Member, Mode};
use carillon_tests::wait;
use serde_json::{Value, json};

use super::world::{Client, World};

/// Every member asks all others, and then while one of them hangs.
pub(crate) fn check(world: &mut World<'_>) {
    check_living(world);
    for sender in 0..world.cluster.members.len() {
        survives_a_dead_peer(world, sender);
    }
}

/// Every member asks all others.
pub(crate) fn check_living(world: &World<'_>) {
    for sender in 0..world.cluster.members.len() {
        gathers_acks(world, sender);
        misses_the_mute(world, sender);
        tells_servers(world, sender);
        asks_servers(world, sender);
    }
}

fn gathers_acks(world: &World<'_>, sender: usize) {
    let member = &world.cluster.members[sender];
    let arguments = [json!({ "n": 1 }), json!({ "$b64": "AAEC" })];
    for (to, first) in [
        (To::room("room-a"), &arguments[0]),
        (To::room("room-a"), &arguments[1]),
        (
            To::room("room-a").and("room-b").but("room-c"),
            &arguments[0],
        ),
        (To::all("/chat"), &arguments[0]),
        (To::room("room-nobody"), &arguments[0]),
    ] {
        let emit = Emit::new(to, "ack", std::slice::from_ref(first));
        let gathered = member.emit_with_ack(&emit, Duration::from_secs(5));
        let meant = world.crowd.iter().filter(|client| client.is_in(&emit.to));
        let expected = answers(meant, first);
        assert_eq!(
            sorted(gathered),
            (expected, true),
            "{}: {emit:?}",
            member.name()
        );
    }
    world.clients.forget();
}

/// A client that does not answer costs the timeout, and is seen to be missing.
fn misses_the_mute(world: &World<'_>, sender: usize) {
    let members = 0..world.cluster.members.len();
    let mutes: Vec<String> = members
        .clone()
        .map(|member| format!("mute-{member}"))
        .collect();
    for member in members {
        let port = world.cluster.members[member].port();
        let mute = json!({ "mute": true });
        world.clients.connect_with(&mutes[member], port, "/", &mute);
        world.clients.join(&mutes[member], "c");
    }
    let emit = Emit::new(To::room("room-c"), "ack", &[json!(0)]);
    let member = &world.cluster.members[sender];
    let gathered = member.emit_with_ack(&emit, Duration::from_millis(500));
    let meant = world.crowd.iter().filter(|client| client.is_in(&emit.to));
    assert_eq!(
        sorted(gathered),
        (answers(meant, &json!(0)), false),
        "{}",
        member.name()
    );
    for mute in &mutes {
        world.clients.close(mute);
    }
    wait::until("the mute are gone everywhere", || {
        (member.sockets("/", &["room-c"]).sockets.len() == mutes.len()).then_some(())
    });
    world.clients.forget();
}

/// Every Node server but the sender hears it, once and in order.
fn tells_servers(world: &World<'_>, sender: usize) {
    let members = &world.cluster.members;
    let before: Vec<usize> = members.iter().map(|member| told(member).len()).collect();
    let events = [
        ("/", vec![json!(sender), richest(world)]),
        ("/", vec![]),
        ("/chat", vec![json!("last")]),
    ];
    for (namespace, args) in &events {
        members[sender].server_side_emit(namespace, "told", args);
    }
    let expected = events.map(|(namespace, args)| json!({ "namespace": namespace, "args": args }));
    let others = members.iter().enumerate();
    let others = others.filter(|(index, member)| *index != sender && member.kind() == Kind::Node);
    for (index, member) in others {
        let heard = wait::until(&format!("{} is told", member.name()), || {
            let heard = told(member).split_off(before[index]);
            (heard.len() >= expected.len()).then_some(heard)
        });
        assert_eq!(heard, expected, "{} is told", member.name());
    }
    assert_eq!(
        told(&members[sender]).len(),
        before[sender],
        "not to itself"
    );
}

/// Node servers answer by their handlers, gateways by null.
fn asks_servers(world: &World<'_>, sender: usize) {
    let members = &world.cluster.members;
    for got in [json!({ "by": sender }), richest(world)] {
        let asked = std::slice::from_ref(&got);
        let gathered = members[sender].server_side_emit_with_ack("/", "asked", asked);
        let others = members
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != sender);
        let answer = |(_, member): (usize, &Member)| match member.kind() {
            Kind::Node => json!({ "node": member.name(), "got": got }),
            Kind::Gateway => Value::Null,
        };
        let expected = others.map(answer).collect();
        assert_eq!(
            sorted(gathered),
            (in_order(expected), true),
            "{}",
            members[sender].name()
        );
    }
}

/// What servers can tell one another: in the classic format these events are JSON.
fn richest(world: &World<'_>) -> Value {
    match world.cluster.setup().mode {
        Mode::Classic => json!([null, 1.5, "é🙂", { "a": [] }]),
        Mode::Sharded | Mode::Streams => json!({ "$b64": "AQ==" }),
    }
}

/// A peer that hangs costs the timeout (2 s for requests, as the cluster is set up), and the answers of the others come all the same.
fn survives_a_dead_peer(world: &mut World<'_>, sender: usize) {
    let dead = (sender + 1) % world.cluster.members.len();
    let emit = Emit::new(To::room("room-a"), "ack", &[json!("dead")]);
    world.cluster.members[dead].process().signal("STOP");
    let asked = Instant::now();
    let member = &world.cluster.members[sender];
    let gathered = member.emit_with_ack(&emit, Duration::from_secs(1));
    assert_in_time(asked, Duration::from_secs(1));
    let meant = world
        .crowd
        .iter()
        .filter(|client| client.is_in(&emit.to) && client.member != dead);
    assert_eq!(
        sorted(gathered),
        (answers(meant, &json!("dead")), false),
        "{}",
        member.name()
    );

    let asked = Instant::now();
    let found = member.sockets("/", &["room-a"]);
    assert!(
        !found.complete,
        "{} does not know all: {found:?}",
        member.name()
    );
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    if member.kind() == Kind::Gateway {
        let living = |client: &&Client| client.is_in(&emit.to) && client.member != dead;
        assert_eq!(
            found.sockets.len(),
            world.crowd.iter().filter(living).count(),
            "{found:?}"
        );
    }

    world.cluster.members[dead].process().signal("CONT");
    let member = &world.cluster.members[sender];
    wait::until("all answer again", || {
        let gathered = member.emit_with_ack(&emit, Duration::from_secs(1));
        gathered.complete.then_some(())
    });
    world.cluster.wait_until_whole(world.cluster.members.len());
    world.clients.forget();
}

fn assert_in_time(asked: Instant, timeout: Duration) {
    let took = asked.elapsed();
    assert!(
        took >= timeout && took < timeout + Duration::from_secs(2),
        "{took:?} of {timeout:?}"
    );
}

fn told(member: &Member) -> Vec<Value> {
    match member {
        Member::Node(node) => node.told(),
        Member::Gateway(_) => Vec::new(),
    }
}

fn answers<'c>(clients: impl Iterator<Item = &'c Client>, got: &Value) -> Vec<Value> {
    in_order(
        clients
            .map(|client| json!({ "client": client.name, "got": got }))
            .collect(),
    )
}

fn sorted(gathered: Gathered) -> (Vec<Value>, bool) {
    (in_order(gathered.answers), gathered.complete)
}

fn in_order(mut answers: Vec<Value>) -> Vec<Value> {
    answers.sort_by_key(Value::to_string);
    answers
}
