//! Requests of the classic format as other implementations write them, with the older forms that
//! Node's adapter still answers but no longer sends: each is answered once by everyone it concerns.

use std::collections::BTreeSet;

use carillon_tests::cluster::calls::To;
use carillon_tests::resp::Client;
use serde_json::{Value, json};

use super::remote::until_in;
use super::world::World;

/// Asks every member that hears the classic format, by a stranger to the cluster.
pub(crate) fn check(world: &World<'_>) {
    let members = &world.cluster.members;
    let hearing = members
        .iter()
        .filter(|member| world.hear_classic(member.kind()));
    let count = hearing.count();
    if count == 0 {
        assert_eq!(
            Stranger::new(world).ask(&json!({ "type": 0, "rooms": [] })),
            0
        );
        return;
    }
    let mut stranger = Stranger::new(world);
    asks(world, &mut stranger, count);
    moves(world, &mut stranger);
    // Had anything been answered twice, it would be seen before the last answers.
    stranger.ask(&json!({ "type": 1 }));
    stranger.answers(count);
}

fn asks(world: &World<'_>, stranger: &mut Stranger<'_>, count: usize) {
    let meant = world.crowd.iter().filter(|client| {
        let kind = world.cluster.members[client.member].kind();
        client.is_in(&To::room("room-a")) && world.hear_classic(kind)
    });
    let ids: BTreeSet<String> = meant.map(|client| client.id.clone()).collect();

    stranger.ask(&json!({ "type": 0, "rooms": ["room-a"] }));
    let sockets = stranger.answers(count);
    let found = sockets
        .iter()
        .flat_map(|answer| strings(&answer["sockets"]));
    assert_eq!(found.collect::<BTreeSet<_>>(), ids, "SOCKETS: {sockets:?}");

    stranger.ask(&json!({ "type": 1 }));
    let rooms = stranger.answers(count);
    for answer in &rooms {
        let named = strings(&answer["rooms"]);
        let made: BTreeSet<&String> = named
            .iter()
            .filter(|room| room.starts_with("room-"))
            .collect();
        let made: Vec<&str> = made.into_iter().map(String::as_str).collect();
        assert_eq!(made, ["room-a", "room-b", "room-c"], "ALL_ROOMS");
    }

    stranger.ask(&json!({ "type": 5, "opts": { "rooms": ["room-a"], "except": [] } }));
    let fetched = stranger.answers(count);
    let sockets = fetched
        .iter()
        .filter_map(|answer| answer["sockets"].as_array());
    let found = sockets.flatten().filter_map(|socket| socket["id"].as_str());
    assert_eq!(
        found.map(str::to_owned).collect::<BTreeSet<_>>(),
        ids,
        "REMOTE_FETCH"
    );

    stranger.ask(&json!({ "type": 6, "data": ["asked", "stranger"] }));
    let answers = stranger.answers(count);
    assert!(
        answers.iter().all(|answer| answer["type"] == 6),
        "SERVER_SIDE_EMIT: {answers:?}"
    );
}

/// Only the member that has the socket acts, and says so.
fn moves(world: &World<'_>, stranger: &mut Stranger<'_>) {
    for (index, member) in world.cluster.members.iter().enumerate() {
        if !world.hear_classic(member.kind()) {
            continue;
        }
        let name = format!("old-{index}");
        let client = world.client(&name, index, "/", &[]);
        let room = format!("room-old-{index}");
        for (kind, ids) in [
            (2, BTreeSet::from([client.id.clone()])),
            (3, BTreeSet::new()),
        ] {
            stranger.ask(&json!({ "type": kind, "sid": client.id, "room": room }));
            stranger.answers(1);
            until_in(world, &room, &ids);
        }
        stranger.ask(&json!({ "type": 4, "sid": client.id, "close": false }));
        stranger.answers(1);
        world.until_expelled(&name, false);
        world.clients.close(&name);
    }
}

/// One that publishes requests and listens to both channels on which answers may come.
struct Stranger<'w> {
    world: &'w World<'w>,
    listener: Client,
    asked: usize,
}

impl<'w> Stranger<'w> {
    fn new(world: &'w World<'_>) -> Self {
        let mut listener = world.cluster.redis().client();
        let shared = format!("{}-response#/#", world.cluster.setup().prefix);
        let own = format!("{shared}{UID}#");
        listener.command(&["SUBSCRIBE", &shared, &own]).unwrap();
        listener.reply().unwrap();
        Self {
            world,
            listener,
            asked: 0,
        }
    }

    /// Publishes a request under an id of its own; how many connections heard it.
    fn ask(&mut self, request: &Value) -> i64 {
        self.asked += 1;
        let mut request = request.clone();
        request["uid"] = json!(UID);
        request["requestId"] = json!(self.id());
        let channel = format!("{}-request#/#", self.world.cluster.setup().prefix);
        let redis = self.world.cluster.redis();
        redis
            .command(&["PUBLISH", &channel, &request.to_string()])
            .integer()
    }

    /// So many answers to the last request.
    fn answers(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.answer()).collect()
    }

    /// The next answer that is for this one; on the shared channel others read theirs too.
    fn answer(&mut self) -> Value {
        loop {
            let reply = self.listener.reply();
            let reply = reply.unwrap_or_else(|error| panic!("no answer to {}: {error}", self.id()));
            let answer: Value = serde_json::from_str(&reply.array()[2].text()).unwrap();
            let id = answer["requestId"].as_str().unwrap();
            if id == self.id() {
                return answer;
            }
            assert!(!id.starts_with(ID), "an answer too many: {answer}");
        }
    }

    fn id(&self) -> String {
        format!("{ID}{}", self.asked)
    }
}

const UID: &str = "strange";
const ID: &str = "of-a-stranger-";

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
