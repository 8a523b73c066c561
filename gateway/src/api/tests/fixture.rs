//! A router in front of a real bus, whose shards are tasks that keep a list of sockets.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use carillon_crds::compile::{self, Rulebook};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::{
    api::{Control, Door, keys::KeyRing, router},
    bus::{
        Bounds, Bus,
        gather::AckReply,
        inbox::{Inbound, Inbox},
        query::{Answer, Change, Counts, Page, Query, RoomView, SocketView},
    },
    config::Environment,
    target::Target,
};

pub(super) const RULES: &str = r#"
cors: { origins: ["https://game.example"], credentials: true }
namespaces:
- { name: /open }
- { name: /past, history: { size: 3, ttl: 1h, read: [{ room: "company-*" }] } }
"#;

pub(super) const BOOT: u64 = 1000;

pub(super) struct Fixture {
    pub(super) router: Router,
    pub(super) rules: watch::Sender<Arc<Rulebook>>,
    pub(super) accepted: Arc<Mutex<Vec<String>>>,
    pub(super) shards: Vec<Shard>,
    door: Door,
}

/// One shard's sockets, and the packets that reached each of them.
#[derive(Clone, Default)]
pub(super) struct Shard(Arc<Mutex<Vec<Socket>>>);

pub(super) struct Socket {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) rooms: BTreeSet<String>,
    pub(super) packets: Vec<String>,
    /// What it answers when it is asked for an ack; `None`: nothing.
    pub(super) ack: Option<String>,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// The environment of a test: variables, and files by their path.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) variables: Vec<(&'static str, &'static str)>,
    pub(super) files: Arc<Mutex<Vec<(&'static str, String)>>>,
}

impl Environment for Given {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let pairs = self.variables.iter();
        pairs
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let files = self.files.lock().unwrap();
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found
            .map(|(_, text)| text.clone())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn parallelism(&self) -> usize {
        1
    }
}

impl Fixture {
    /// Two shards, no key, on loopback.
    pub(super) fn new(rules: &str) -> Self {
        Self::with(rules, Given::default(), Door::Loopback)
    }

    pub(super) fn with(rules: &str, given: Given, door: Door) -> Self {
        let (bus, inboxes) = Bus::memory(2, BOOT, Bounds::default());
        let shards: Vec<Shard> = inboxes.into_iter().map(Shard::run).collect();
        let (sender, receiver) = watch::channel(Arc::new(compile::load(rules).unwrap()));
        let accepted = Arc::<Mutex<Vec<String>>>::default();
        let counted = Arc::clone(&accepted);
        let control = Control {
            bus,
            rules: receiver,
            keys: Arc::new(KeyRing::new(Box::new(given), None)),
            node: "node-1".into(),
            accepted: Arc::new(move |label| counted.lock().unwrap().push(label.to_owned())),
        };
        Self {
            router: router(control, door),
            rules: sender,
            accepted,
            shards,
            door,
        }
    }

    /// The same on loopback, where a test gives the host itself.
    pub(super) fn hostless(rules: &str) -> Self {
        let mut fixture = Self::new(rules);
        fixture.door = Door::Open;
        fixture
    }

    /// Connects a socket to a shard.
    pub(super) fn socket(
        &self,
        shard: usize,
        namespace: &str,
        id: &str,
        rooms: &[&str],
        ack: Option<&str>,
    ) {
        let mut sockets = self.shards[shard].0.lock().unwrap();
        sockets.push(Socket {
            id: id.to_owned(),
            namespace: namespace.to_owned(),
            rooms: rooms.iter().map(|room| (*room).to_owned()).collect(),
            packets: Vec::new(),
            ack: ack.map(ToOwned::to_owned),
        });
    }

    /// What reached a socket.
    pub(super) fn packets(&self, id: &str) -> Vec<String> {
        self.read(id, |socket| socket.packets.clone())
    }

    /// The rooms of a socket.
    pub(super) fn rooms(&self, id: &str) -> Vec<String> {
        self.read(id, |socket| socket.rooms.iter().cloned().collect())
    }

    fn read<T>(&self, id: &str, read: impl Fn(&Socket) -> T) -> T {
        let found = self.shards.iter().find_map(|shard| {
            let sockets = shard.0.lock().unwrap();
            sockets.iter().find(|socket| socket.id == id).map(&read)
        });
        found.unwrap()
    }

    pub(super) fn sockets(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.0.lock().unwrap().len())
            .sum()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body)
            .await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if self.door == Door::Loopback {
            request = request.header("host", "localhost:3002");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        Reply::of(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

impl Reply {
    pub(super) async fn of(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    /// The code of a problem.
    pub(super) fn problem(&self) -> &'static str {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.body
        );
        let code = self.json()["code"].as_str().unwrap().to_owned();
        code.leak()
    }

    /// The pointers of a problem's faults.
    pub(super) fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let faults = body["errors"].as_array().cloned().unwrap_or_default();
        faults
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Shard {
    fn run(mut inbox: Inbox) -> Self {
        let shard = Self::default();
        let own = shard.clone();
        tokio::spawn(async move {
            while let Some(message) = inbox.recv().await {
                own.handle(message);
            }
        });
        shard
    }

    fn handle(&self, message: Inbound) {
        let mut sockets = self.0.lock().unwrap();
        match message {
            Inbound::Broadcast(broadcast) => {
                let mut reached = 0;
                let frames = String::from_utf8_lossy(&broadcast.frames).into_owned();
                let mut acks = Vec::new();
                for socket in sockets.iter_mut().filter(|s| s.is_in(&broadcast.target)) {
                    reached += 1;
                    // The header of a short frame is two bytes, of which the second may be no text.
                    let packet = frames.char_indices().find(|(_, c)| *c == '4').unwrap().0;
                    socket.packets.push(frames[packet..].to_owned());
                    acks.extend(socket.ack.clone().map(|args| (socket.id.clone(), args)));
                }
                if let Some(gather) = &broadcast.ack {
                    gather.expect(reached);
                    for (id, args) in acks {
                        gather.reply(AckReply {
                            socket: id.into(),
                            args: args.into(),
                            attachments: Vec::new(),
                        });
                    }
                }
                if let Some(tally) = &broadcast.counted {
                    tally.add(reached);
                }
            }
            Inbound::Change {
                target,
                change,
                reply,
            } => {
                let mut changed = 0;
                for socket in sockets.iter_mut().filter(|s| s.is_in(&target)) {
                    changed += 1;
                    match &change {
                        Change::Join(rooms) => {
                            socket.rooms.extend(rooms.iter().map(ToString::to_string))
                        }
                        Change::Leave(rooms) => socket
                            .rooms
                            .retain(|room| !rooms.iter().any(|r| **r == *room)),
                        Change::Disconnect { .. } => {}
                    }
                }
                if matches!(change, Change::Disconnect { .. }) {
                    sockets.retain(|socket| !socket.is_in(&target));
                }
                reply.add(changed);
            }
            Inbound::Query { query, reply } => reply.send(answer(&sockets, query)),
            Inbound::ForgetAck(_)
            | Inbound::Position { .. }
            | Inbound::Renew
            | Inbound::Yield { .. } => {}
        }
    }
}

impl Socket {
    fn is_in(&self, target: &Target) -> bool {
        *self.namespace == *target.namespace
            && target.selects(|room| room == self.id || self.rooms.contains(room))
    }
}

fn answer(sockets: &[Socket], query: Query) -> Answer {
    match query {
        Query::Sockets { target, page } => {
            let mut found: Vec<&Socket> = sockets.iter().filter(|s| s.is_in(&target)).collect();
            found.sort_by(|a, b| a.id.cmp(&b.id));
            let views = found.iter().map(|socket| SocketView {
                id: socket.id.as_str().into(),
                rooms: socket
                    .rooms
                    .iter()
                    .map(|room| Arc::from(room.as_str()))
                    .collect(),
                data: "{}".into(),
                user: "null".into(),
                handshake: "{}".into(),
            });
            Answer::Sockets(paged(views.collect(), &page, |view| &view.id))
        }
        Query::Rooms {
            namespace,
            rooms,
            page,
        } => {
            let here = sockets.iter().filter(|s| *s.namespace == *namespace);
            let mut names: Vec<&String> = here.clone().flat_map(|s| &s.rooms).collect();
            names.sort();
            names.dedup();
            names.retain(|name| rooms.is_empty() || rooms.iter().any(|room| **room == ***name));
            let views = names.iter().map(|name| RoomView {
                name: name.as_str().into(),
                sockets: here.clone().filter(|s| s.rooms.contains(*name)).count() as u64,
            });
            Answer::Rooms(paged(views.collect(), &page, |view| &view.name))
        }
        Query::Counts => Answer::Counts(Counts {
            sessions: sockets.len() as u64,
            sockets: sockets.len() as u64,
            rooms: 0,
        }),
    }
}

fn paged<T>(mut all: Vec<T>, page: &Page, name: impl Fn(&T) -> &str) -> Vec<T> {
    all.retain(|one| page.after.as_ref().is_none_or(|after| name(one) > &**after));
    all.truncate(page.limit);
    all
}
