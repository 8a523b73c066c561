//! A session that goes on on another pod: what is handed over, and how it is taken.
//!
//! The *outline* says which sockets there are, in which rooms. With it the other pod puts them into its own rooms and keeps what
//! comes for them, before it asks for the rest, the *snapshot*. What cannot be handed over whole is not handed over.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_crds::names;
use futures_util::future;
use serde::{Deserialize, Serialize};

use super::{Member, Session};
use crate::clock;
use crate::hub::{Client, Namespace, Unsent};
use crate::id::SocketId;
use crate::node::Node;
use crate::node::heard::Hearing;
use crate::policy::{Bucket, Kept, SocketState};

/// A session that was put into its rooms here, and keeps what comes for it.
pub struct Held {
    /// The session.
    pub session: Rc<Session>,
    missing: Vec<Hearing>,
}

#[derive(Serialize, Deserialize)]
struct Outline(Vec<Seat>);

/// A socket and where it is.
#[derive(Serialize, Deserialize)]
struct Seat {
    nsp: String,
    id: String,
    connected: u64,
    rooms: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct State {
    has_connected: bool,
    /// In the order of the outline.
    members: Vec<Memory>,
    unsent: Vec<Message>,
}

/// What is remembered of a socket.
#[derive(Serialize, Deserialize)]
struct Memory {
    kept: Option<(String, String)>,
    all: Option<Level>,
    each: Vec<(String, Level)>,
}

/// A bucket: what is left, and how many microseconds ago it was used.
#[derive(Serialize, Deserialize)]
struct Level(f64, u64);

/// A message that was not sent: its namespace, whether it is volatile, and its frames in base64.
#[derive(Serialize, Deserialize)]
struct Message(Option<usize>, bool, String);

impl Session {
    /// Which sockets there are, in which rooms; `None` while the session cannot be moved: a socket waits for something, owes
    /// an ack, or was taken out of its namespace without its client knowing it yet; a client that is being told what it missed
    /// waits too, and what makes a socket recoverable is this process's own.
    #[must_use]
    pub fn outline(&self) -> Option<String> {
        let (members, acks) = (self.members.borrow(), self.node.acks.borrow());
        let is_whole = |member: &Rc<Member>| {
            let socket = &member.socket;
            let is_own = socket.restorable().is_some();
            socket.is_connected() && !is_own && !member.is_parked() && !acks.owes(socket.id)
        };
        let waits = self.assembler.borrow().is_waiting() || self.client.is_closing();
        let waits = waits || !self.parked.borrow().is_empty();
        if waits || !members.iter().all(is_whole) {
            return None;
        }
        let seats = members.iter().map(|member| Seat {
            nsp: member.socket.namespace.name.to_string(),
            id: member.socket.id.to_string(),
            connected: member.socket.connected,
            rooms: member
                .socket
                .rooms()
                .iter()
                .map(|room| room.to_string())
                .collect(),
        });
        serde_json::to_string(&Outline(seats.collect())).ok()
    }

    /// All that another pod needs beside the outline.
    #[must_use]
    pub fn snapshot(&self) -> Option<String> {
        let now = clock::now();
        let unsent = self.node.hub.unsent(&self.client, &self.namespaces());
        let members = self.members.borrow();
        let state = State {
            has_connected: self.has_connected.get(),
            members: members
                .iter()
                .map(|member| Memory::of(member, now))
                .collect(),
            unsent: unsent.into_iter().map(Message::from).collect(),
        };
        serde_json::to_string(&state).ok()
    }

    /// The session goes on elsewhere: its sockets leave their rooms here, and that is no end of them.
    pub fn moved(&self) {
        for member in self.members.take() {
            self.node.hub.disconnect(&member.socket);
            self.node.acks.borrow_mut().gone(member.socket.id);
        }
    }

    /// Takes a snapshot; false if it does not belong to the outline that this session was held by.
    #[must_use]
    pub fn restore(&self, snapshot: &str) -> bool {
        let Ok(state) = serde_json::from_str::<State>(snapshot) else {
            return false;
        };
        let unsent: Option<Vec<_>> = state.unsent.into_iter().map(Message::unsent).collect();
        let fits = state.members.len() == self.members.borrow().len();
        let Some(unsent) = unsent.filter(|_| fits) else {
            return false;
        };
        self.has_connected.set(state.has_connected);
        let now = clock::now();
        let mut members = self.members.borrow_mut();
        for (member, memory) in members.iter_mut().zip(state.members) {
            *member = Rc::new(memory.member(member, now));
        }
        drop(members);
        self.node
            .hub
            .put_before(&self.client, &unsent, &self.namespaces());
        true
    }

    fn namespaces(&self) -> Vec<Rc<Namespace>> {
        let members = self.members.borrow();
        let namespaces = members.iter().map(|member| member.socket.namespace.clone());
        namespaces.collect()
    }

    fn seat(&self, seat: &Seat, missing: &mut Vec<Hearing>) -> Option<()> {
        let id = SocketId::parse(&seat.id)?;
        let known = names::is_namespace_name(&seat.nsp) && self.member(&seat.nsp).is_none();
        let space = known.then(|| self.node.open_space(&seat.nsp)).flatten()?;
        let (hub, namespace) = (&self.node.hub, &space.namespace);
        let socket = hub.connect(namespace, id, &self.client, seat.connected);
        for room in &seat.rooms {
            hub.join(&socket, room);
        }
        let mut rooms = socket.rooms();
        rooms.push(id.as_str().into());
        missing.extend(self.node.heard.missing(&namespace.name, &rooms));
        let member = Member {
            socket,
            space,
            state: RefCell::default(),
            kept: Kept::default(),
            parked: RefCell::default(),
        };
        self.members.borrow_mut().push(Rc::new(member));
        Some(())
    }
}

impl Node {
    /// Puts the sockets of another pod's session into their rooms here, and keeps what comes for them; `None` if the rules
    /// here do not have their namespaces.
    #[must_use]
    pub fn hold(
        self: &Rc<Self>,
        client: &Rc<Client>,
        max_payload: usize,
        outline: &str,
    ) -> Option<Held> {
        let Outline(seats) = serde_json::from_str(outline).ok()?;
        let session = self.open(client, max_payload);
        let mut missing = Vec::new();
        for seat in seats {
            if session.seat(&seat, &mut missing).is_none() {
                session.moved();
                return None;
            }
        }
        Some(Held { session, missing })
    }

    /// Waits until the bus has passed all that was published up to now in the namespaces of an outline; false if that is not
    /// known.
    pub fn pass_fences(&self, outline: &str) -> impl Future<Output = bool> + use<> {
        let seats = serde_json::from_str::<Outline>(outline).map(|outline| outline.0);
        let fence = |seat: &Seat| self.fence(&seat.nsp.as_str().into());
        let fences = seats.map(|seats| seats.iter().map(fence).collect::<Vec<_>>());
        async move {
            let Ok(fences) = fences else { return false };
            let passed = future::join_all(fences).await;
            passed.into_iter().all(|passed| passed)
        }
    }
}

impl Held {
    /// The session, and what it has to wait for until its rooms are heard.
    pub fn into_parts(self) -> (Rc<Session>, impl Future<Output = ()> + use<>) {
        let missing = future::join_all(self.missing);
        (self.session, async move { drop(missing.await) })
    }
}

impl Memory {
    fn of(member: &Member, now: Instant) -> Self {
        let (all, each) = member.state.borrow().buckets();
        let each = each.into_iter();
        let each = each.map(|(name, bucket)| (name.to_string(), Level::of(bucket, now)));
        let kept = member.kept.parts();
        Self {
            kept: kept.map(|(auth, query)| (auth.to_owned(), query.to_owned())),
            all: all.map(|bucket| Level::of(bucket, now)),
            each: each.collect(),
        }
    }

    /// The held member, with its memory.
    fn member(self, held: &Member, now: Instant) -> Member {
        let each = self.each.iter();
        let each = each.map(|(name, level)| (name.as_str().into(), level.bucket(now)));
        let all = self.all.map(|level| level.bucket(now));
        Member {
            socket: held.socket.clone(),
            space: held.space.clone(),
            state: RefCell::new(SocketState::restored(all, each.collect())),
            kept: Kept::restored(self.kept),
            parked: RefCell::default(),
        }
    }
}

impl Level {
    fn of(bucket: Bucket, now: Instant) -> Self {
        let (level, at) = bucket.level();
        let ago = now.saturating_duration_since(at).as_micros();
        Self(level, u64::try_from(ago).unwrap_or(u64::MAX))
    }

    /// A machine that has just started knows no earlier moments.
    fn bucket(&self, now: Instant) -> Bucket {
        let at = now.checked_sub(Duration::from_micros(self.1));
        Bucket::restored(self.0, at.unwrap_or(now))
    }
}

impl From<Unsent> for Message {
    fn from(unsent: Unsent) -> Self {
        let Unsent {
            namespace,
            volatile,
            frames,
        } = unsent;
        Self(namespace, volatile, STANDARD.encode(frames))
    }
}

impl Message {
    fn unsent(self) -> Option<Unsent> {
        let Self(namespace, volatile, frames) = self;
        Some(Unsent {
            namespace,
            volatile,
            frames: STANDARD.decode(frames).ok()?,
        })
    }
}
