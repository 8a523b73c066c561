//! Events reach whom they are for, once and in order, and nobody else.

use carillon_tests::cluster::calls::{Emit, To};
use serde_json::{Value, json};

use super::world::{Client, World};

/// What is emitted by each sender, `sender` being in the arguments.
pub(crate) fn table(sender: &str, crowd: &[Client]) -> Vec<Emit> {
    let emit = |what: &str, to: To| Emit::new(to, what, &[json!(sender)]);
    let mut table = vec![
        emit("namespace", To::all("/")),
        emit("other namespace", To::all("/chat")),
        emit("room", To::room("room-a")),
        emit(
            "room of the other namespace",
            To::all("/chat").and("room-a"),
        ),
        emit("room without members", To::room("room-nobody")),
        emit("two rooms", To::room("room-a").and("room-b")),
        emit(
            "two rooms but one",
            To::room("room-a").and("room-b").but("room-c"),
        ),
        emit("namespace but a room", To::all("/").but("room-a")),
        Emit::new(To::room("room-a"), "arguments", &arguments()),
        Emit::new(To::all("/"), "binary", &binary()),
        Emit::new(To::room("room-b"), "binary to a room", &binary()),
        Emit::new(To::room("room-a"), "no arguments", &[]),
    ];
    for client in crowd.iter().filter(|client| client.namespace == "/") {
        table.push(emit("one socket", To::room(&client.id)));
        table.push(emit(
            "all but one socket",
            To::room("room-a").but(&client.id),
        ));
    }
    table
}

/// It may be dropped while there is other traffic, so it is emitted when there is none.
pub(crate) fn volatile(sender: &str) -> Emit {
    let mut emit = Emit::new(To::room("room-a"), "volatile", &[json!(sender)]);
    emit.volatile = true;
    emit
}

fn arguments() -> Vec<Value> {
    let large = "x".repeat(70_000);
    vec![
        json!([
            null,
            true,
            -1,
            65_536,
            4_294_967_296_i64,
            1.5,
            -0.25,
            "é🙂\"\\",
            "",
            [],
            {}
        ]),
        json!({ "nested": [{ "deep": [[1]] }], "key with # and \u{1}": null }),
        json!(large),
    ]
}

fn binary() -> Vec<Value> {
    vec![
        json!({ "$b64": "AQID" }),
        json!({ "text": "between", "bytes": [{ "$b64": "/////w==" }, { "$b64": "" }] }),
    ]
}

/// Every member emits to all of them, and a client of each publishes.
pub(crate) fn check(world: &World<'_>) {
    for sender in 0..world.cluster.members.len() {
        let member = &world.cluster.members[sender];
        let table = table(member.name(), &world.crowd);
        for emit in &table {
            member.emit(emit);
        }
        world.assert_all_received(sender, &table);
        let volatile = [volatile(member.name())];
        member.emit(&volatile[0]);
        world.assert_all_received(sender, &volatile);
        by_client(world, sender);
    }
}

/// What a client publishes goes to the room on all members, without itself.
fn by_client(world: &World<'_>, sender: usize) {
    let of = |client: &&Client| client.member == sender && client.namespace == "/";
    for client in world.crowd.iter().filter(of) {
        let mut emitted = Vec::new();
        for payload in [
            vec![json!(client.name), json!({ "n": 1 })],
            binary(),
            vec![],
        ] {
            let args = [vec![json!("a")], payload].concat();
            world.clients.ask(&client.name, "publish", &args);
            emitted.push(Emit::new(
                To::room("room-a").but(&client.id),
                "publish",
                &args,
            ));
        }
        world.assert_all_received(sender, &emitted);
    }
}
