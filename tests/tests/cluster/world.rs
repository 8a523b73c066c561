//! A cluster with clients on every member, and what each client is expected to receive.

use std::collections::BTreeMap;

use carillon_tests::clients::Clients;
use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Mode, Setup};
use carillon_tests::redis::Redis;
use carillon_tests::wait;
use serde_json::{Value, json};

/// A client: what it is called, where it is, what it is in.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) member: usize,
    pub(crate) namespace: &'static str,
    pub(crate) rooms: Vec<String>,
}

impl Client {
    /// Whether a selection means it.
    pub(crate) fn is_in(&self, to: &To) -> bool {
        let is = |room: &String| *room == self.id || self.rooms.contains(room);
        self.namespace == to.namespace
            && (to.rooms.is_empty() || to.rooms.iter().any(is))
            && !to.except.iter().any(is)
    }
}

/// Each member has these: a name, a namespace, and the rooms that it joins.
const CAST: [(&str, &str, &[&str]); 5] = [
    ("w", "/", &[]),
    ("x", "/", &["room-a"]),
    ("y", "/", &["room-a", "room-b"]),
    ("z", "/", &["room-b", "room-c"]),
    ("chat", "/chat", &["room-a"]),
];

/// The cluster and its clients.
pub(crate) struct World<'a> {
    pub(crate) cluster: Cluster<'a>,
    pub(crate) clients: Clients,
    pub(crate) crowd: Vec<Client>,
}

impl<'a> World<'a> {
    /// Starts it: every client is connected, and in its rooms.
    pub(crate) fn start(redis: &'a Redis, setup: &Setup, kinds: &[Kind]) -> Self {
        let mut world = Self {
            cluster: Cluster::start(redis, setup, kinds),
            clients: Clients::start(),
            crowd: Vec::new(),
        };
        for member in 0..kinds.len() {
            for (name, namespace, rooms) in CAST {
                let name = format!("{}.{name}", world.cluster.members[member].name());
                let client = world.client(&name, member, namespace, rooms);
                world.crowd.push(client);
            }
        }
        world.settle(&world.crowd);
        world
    }

    /// Connects a client that is in some rooms, and that does not reconnect.
    pub(crate) fn client(
        &self,
        name: &str,
        member: usize,
        namespace: &'static str,
        rooms: &[&str],
    ) -> Client {
        let port = self.cluster.members[member].port();
        let more = json!({ "options": { "reconnection": false } });
        let id = self.clients.connect_with(name, port, namespace, &more);
        for room in rooms {
            let room = room.strip_prefix("room-");
            self.clients.join(name, room.expect("a room of the tests"));
        }
        Client {
            name: name.to_owned(),
            id,
            member,
            namespace,
            rooms: rooms.iter().map(|room| (*room).to_owned()).collect(),
        }
    }

    /// Waits until a client is disconnected by its server. Where its connection is closed too, the
    /// client may see the end of the connection before it has looked at the packet that came first.
    pub(crate) fn until_expelled(&self, name: &str, close: bool) {
        wait::until(&format!("{name} is disconnected"), || {
            (!self.clients.state(name).0).then_some(())
        });
        let reason = self.clients.state(name).1.unwrap_or_default();
        let told = reason == "io server disconnect" || (close && reason == "transport close");
        assert!(told, "{name} is disconnected by {reason:?}");
    }

    /// Whether members of that kind hear the classic format here: gateways in every mode.
    pub(crate) fn hear_classic(&self, kind: Kind) -> bool {
        kind == Kind::Gateway || self.cluster.setup().mode == Mode::Classic
    }

    /// Waits until what is published to any room of these clients reaches all of them.
    pub(crate) fn settle(&self, clients: &[Client]) {
        let mut members: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for client in clients {
            for room in &client.rooms {
                members
                    .entry((client.namespace, room))
                    .or_default()
                    .push(client.member);
            }
        }
        for ((namespace, room), mut members) in members {
            members.sort_unstable();
            members.dedup();
            self.cluster.wait_for_room(namespace, room, members.len());
        }
        if self.cluster.setup().subscription == "dynamic-private" {
            for client in clients {
                self.cluster.wait_for_room(client.namespace, &client.id, 1);
            }
        }
    }

    /// Who of these must receive what, when this was emitted, in this order.
    pub(crate) fn expected<'c>(
        clients: impl IntoIterator<Item = &'c Client>,
        emitted: &[Emit],
    ) -> BTreeMap<String, Vec<Value>> {
        let event = |emit: &Emit| {
            let mut event = vec![json!(emit.event)];
            event.extend(emit.args.iter().cloned());
            Value::Array(event)
        };
        let ledger = |client: &Client| {
            let meant = emitted.iter().filter(|emit| client.is_in(&emit.to));
            (client.name.clone(), meant.map(event).collect())
        };
        clients.into_iter().map(ledger).collect()
    }

    /// Emits a last event to everybody by `emit`, waits until it has come to each of these
    /// clients, and compares what each has received before it, exactly and in order.
    pub(crate) fn assert_received(
        &self,
        what: &str,
        clients: &[&Client],
        emitted: &[Emit],
        emit: impl Fn(&Emit),
    ) {
        let fence = json!(["fence"]);
        for namespace in ["/", "/chat"] {
            emit(&Emit::new(To::all(namespace), "fence", &[]));
        }
        let ledgers = wait::until(&format!("the last event of {what} is everywhere"), || {
            let ledgers = self.clients.ledgers();
            let came = |client: &&Client| ledgers[&client.name].contains(&fence);
            clients.iter().all(came).then_some(ledgers)
        });
        let expected = Self::expected(clients.iter().copied(), emitted);
        for client in clients {
            let mut ledger = ledgers[&client.name].clone();
            assert_eq!(
                ledger.pop(),
                Some(fence.clone()),
                "{what}: {} gets it last",
                client.name
            );
            assert_same(
                &format!("{what}: {}", client.name),
                &ledger,
                &expected[&client.name],
            );
        }
        self.clients.forget();
    }

    /// As [`World::assert_received`], for what a member has emitted and the whole crowd.
    pub(crate) fn assert_all_received(&self, member: usize, emitted: &[Emit]) {
        let member = &self.cluster.members[member];
        let crowd: Vec<&Client> = self.crowd.iter().collect();
        self.assert_received(member.name(), &crowd, emitted, |emit| member.emit(emit));
    }
}

/// Says where two ledgers part; the whole of them would hide it.
fn assert_same(whose: &str, got: &[Value], expected: &[Value]) {
    let parted = (0..got.len().max(expected.len())).find(|&at| got.get(at) != expected.get(at));
    let show = |ledger: &[Value], at: usize| {
        let event = ledger.get(at).map(Value::to_string);
        let mut event = event.unwrap_or_else(|| "nothing".to_owned());
        event.truncate(event.floor_char_boundary(200));
        event
    };
    if let Some(at) = parted {
        let (got, expected) = (show(got, at), show(expected, at));
        panic!("{whose}: got as number {at} {got}, not {expected}");
    }
}
