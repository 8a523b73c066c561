//! Sockets of other members are found, moved between rooms, and disconnected.

use std::collections::BTreeSet;

use carillon_tests::cluster::Kind;
use carillon_tests::cluster::calls::{Emit, Socket, To};
use carillon_tests::wait;
use serde_json::json;

use super::world::{Client, World};

/// Every member does all of it to the sockets of all.
pub(crate) fn check(world: &World<'_>) {
    for sender in 0..world.cluster.members.len() {
        finds(world, sender);
        moves(world, sender);
        disconnects(world, sender);
    }
}

fn finds(world: &World<'_>, sender: usize) {
    let member = &world.cluster.members[sender];
    for to in [
        To::all("/"),
        To::all("/chat"),
        To::room("room-a"),
        To::room("room-a").and("room-c"),
    ] {
        let rooms: Vec<&str> = to.rooms.iter().map(String::as_str).collect();
        let found = member.sockets(&to.namespace, &rooms);
        assert!(found.complete, "{}: all answered", member.name());
        assert_eq!(
            found.sockets.len(),
            found.ids().len(),
            "none twice: {found:?}"
        );
        assert_eq!(
            found.ids(),
            ids(world, &to),
            "{} finds {to:?}",
            member.name()
        );
        for socket in &found.sockets {
            let client = world.crowd.iter().find(|client| client.id == socket.id);
            assert_described(world, socket, client.unwrap());
        }
    }
    let none = member.sockets("/", &["room-nobody"]);
    assert!(none.complete && none.sockets.is_empty(), "{none:?}");
    for (namespace, rooms) in [
        ("/", vec!["room-a", "room-b", "room-c"]),
        ("/chat", vec!["room-a"]),
    ] {
        let expected: BTreeSet<String> = rooms.into_iter().map(str::to_owned).collect();
        assert_eq!(
            member.rooms(namespace),
            expected,
            "{}: {namespace}",
            member.name()
        );
    }
}

fn assert_described(world: &World<'_>, socket: &Socket, client: &Client) {
    let rooms: BTreeSet<String> = client.rooms.iter().cloned().collect();
    assert_eq!(socket.rooms, rooms, "{}", client.name);
    let handshake = &socket.handshake;
    assert!(
        handshake["address"]
            .as_str()
            .is_some_and(|address| address.contains("127.0.0.1")),
        "{handshake}"
    );
    assert!(
        handshake["headers"].is_object() && handshake["issued"].is_u64(),
        "{handshake}"
    );
    if world.cluster.members[client.member].kind() == Kind::Node {
        assert_eq!(
            socket.data["name"],
            json!(client.name),
            "data of {}",
            client.name
        );
    }
}

fn moves(world: &World<'_>, sender: usize) {
    let member = &world.cluster.members[sender];
    let late = format!("room-late-{sender}");
    let to = |event: &str, is_in: &[&str]| {
        let mut emit = Emit::new(To::room(&late), event, &[]);
        member.emit(&emit);
        emit.to = is_in
            .iter()
            .fold(To::room("room-a"), |to, room| to.but(room));
        emit
    };
    let from = To::room("room-a");
    member.join(&from, &[&late]);
    until_in(world, &late, &ids(world, &from));
    world
        .cluster
        .wait_for_room("/", &late, world.cluster.members.len());
    let joined = to("joined", &[]);

    // Those in `a` and `b` leave; they remain in the others.
    let some = To::room("room-b");
    member.leave(&some, &[&late]);
    let rest = To::room("room-a").but("room-b");
    until_in(world, &late, &ids(world, &rest));
    world
        .cluster
        .wait_for_room("/", &late, world.cluster.members.len());
    let left = to("left", &["room-b"]);

    member.leave(&To::all("/"), &[&late]);
    until_in(world, &late, &BTreeSet::new());
    member.emit(&Emit::new(To::room(&late), "nobody is left", &[]));
    world.assert_all_received(sender, &[joined, left]);
}

/// A client of each member, and one more of its sockets on the same connection, is thrown out.
fn disconnects(world: &World<'_>, sender: usize) {
    for close in [false, true] {
        // A room that node-redis is about to unsubscribe cannot be subscribed again.
        let room = format!("room-victims-{sender}-{close}");
        let members = 0..world.cluster.members.len();
        let victims: Vec<(Client, String)> =
            members.map(|member| victim(world, member, &room)).collect();
        let clients: Vec<Client> = victims.iter().map(|(client, _)| client.clone()).collect();
        world.settle(&clients);
        let member = &world.cluster.members[sender];
        member.disconnect(&To::room(&room), close);
        for (client, other) in &victims {
            world.until_expelled(&client.name, close);
            if close {
                world.until_expelled(other, close);
            } else {
                assert_eq!(world.clients.ask(other, "echo", &[json!(1)]), [json!(1)]);
            }
            world.clients.close(&client.name);
            world.clients.close(other);
        }
        until_in(world, &room, &BTreeSet::new());
        wait::until("the other sockets have left too", || {
            (member.sockets("/chat", &[]).ids() == ids(world, &To::all("/chat"))).then_some(())
        });
    }
    // The crowd has not noticed.
    world.assert_all_received(sender, &[]);
}

fn victim(world: &World<'_>, member: usize, room: &str) -> (Client, String) {
    let name = format!("victim-{member}");
    let client = world.client(&name, member, "/", &[room]);
    let other = format!("{name}-chat");
    let port = world.cluster.members[member].port();
    let shares = json!({ "shares": name });
    world.clients.connect_with(&other, port, "/chat", &shares);
    (client, other)
}

/// Waits until every member says that the room of `/` has these members.
pub(crate) fn until_in(world: &World<'_>, room: &str, ids: &BTreeSet<String>) {
    for member in &world.cluster.members {
        wait::until(
            &format!("{} finds {ids:?} in {room}", member.name()),
            || (member.sockets("/", &[room]).ids() == *ids).then_some(()),
        );
    }
}

fn ids(world: &World<'_>, to: &To) -> BTreeSet<String> {
    let meant = world.crowd.iter().filter(|client| client.is_in(to));
    meant.map(|client| client.id.clone()).collect()
}
