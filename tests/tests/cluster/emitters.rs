//! Processes that only publish reach every client of the cluster that hears them.

use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Kind, Member, Mode};
use carillon_tests::emitter::Emitter;
use carillon_tests::wait;
use serde_json::json;

use super::delivery;
use super::world::{Client, World};

/// The classic emitter is heard by gateways in every mode, by Node servers in its own; the
/// streams emitter by all that read streams.
pub(crate) fn check(world: &World<'_>) {
    let mode = world.cluster.setup().mode;
    let classic = Emitter::classic(&world.cluster);
    let heard = |kind| world.hear_classic(kind);
    publishes(world, "the classic emitter", &classic, heard);
    if mode == Mode::Streams {
        publishes(
            world,
            "the streams emitter",
            &Emitter::streams(&world.cluster),
            |_| true,
        );
    }
}

fn publishes(world: &World<'_>, name: &str, emitter: &Emitter, heard: impl Fn(Kind) -> bool) {
    let hears = |client: &&Client| heard(world.cluster.members[client.member].kind());
    let (hearing, deaf): (Vec<&Client>, Vec<&Client>) = world.crowd.iter().partition(hears);
    let table = delivery::table(name, &world.crowd);
    for emit in &table {
        emitter.emit(emit);
    }
    if !hearing.is_empty() {
        world.assert_received(name, &hearing, &table, |emit| emitter.emit(emit));
        let volatile = [delivery::volatile(name)];
        emitter.emit(&volatile[0]);
        world.assert_received(name, &hearing, &volatile, |emit| emitter.emit(emit));
        moves(world, name, emitter, &hearing);
        disconnects(world, emitter, &hearing);
    }
    tells(world, name, emitter, &heard);
    if !deaf.is_empty() {
        world.clients.forget();
        let member = &world.cluster.members[deaf[0].member];
        // By a last event that comes to everybody, so that none of it is still on its way afterwards.
        let what = format!("{name} (which nobody here hears)");
        let all: Vec<&Client> = world.crowd.iter().collect();
        world.assert_received(&what, &all, &[], |emit| member.emit(emit));
    }
}

/// Joins and leaves at a distance, each told from the room that follows.
fn moves(world: &World<'_>, name: &str, emitter: &Emitter, hearing: &[&Client]) {
    let member = &world.cluster.members[hearing[0].member];
    let late = "room-emitted";
    let until = |count: usize| {
        wait::until(&format!("{count} sockets are in {late}"), || {
            (member.sockets("/", &[late]).sockets.len() == count).then_some(())
        });
    };
    let from = To::room("room-a");
    let meant: Vec<&&Client> = hearing
        .iter()
        .filter(|client| client.is_in(&from))
        .collect();
    emitter.join(&from, &[late]);
    until(meant.len());
    let mut members: Vec<usize> = meant.iter().map(|client| client.member).collect();
    members.dedup();
    world.cluster.wait_for_room("/", late, members.len());
    let mut joined = Emit::new(To::room(late), "joined", &[]);
    emitter.emit(&joined);
    emitter.leave(&To::all("/"), &[late]);
    until(0);
    joined.to = from;
    world.assert_received(name, hearing, &[joined], |emit| emitter.emit(emit));
}

fn disconnects(world: &World<'_>, emitter: &Emitter, hearing: &[&Client]) {
    let client = world.client("unwanted", hearing[0].member, "/", &["room-unwanted"]);
    world.settle(std::slice::from_ref(&client));
    emitter.disconnect(&To::room("room-unwanted"), true);
    world.until_expelled("unwanted", true);
    world.clients.close("unwanted");
}

fn tells(world: &World<'_>, name: &str, emitter: &Emitter, heard: &impl Fn(Kind) -> bool) {
    let args = [json!(name)];
    emitter.server_side_emit("/chat", "told", &args);
    for member in &world.cluster.members {
        let Member::Node(node) = member else { continue };
        if heard(Kind::Node) {
            let expected = json!({ "namespace": "/chat", "args": args });
            wait::until(&format!("{name} tells every Node server"), || {
                (node.told().last() == Some(&expected)).then_some(())
            });
        }
    }
}
