//! A session that goes on on another pod: what is handed over, and how it is taken.
//!
//! The *outline* says which sockets there are, in which rooms. With it the other pod puts them into its own rooms and keeps what
//! comes for them, before it asks for the rest, the *snapshot*. What cannot be handed over whole is not handed over. What a
//! recoverable socket takes along beside is in [`super::carried`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_crds::names;
use futures_util::future;
use serde::{Deserialize, Serialize};

use super::carried::Carried;
use super::{Member, Session};
use crate::clock;
use crate::hub::{Client, Namespace, Unsent};
use crate::id::{EntryId, SocketId};
use crate::node::Node;
use crate::node::heard::Hearing;
use crate::node::replay::Lately;
use crate::policy::{Bucket, Kept, SocketState};

/// A session that was put into its rooms here, and keeps what comes for it.
pub struct Held {
    /// The session.
    pub session: Rc<Session>,
    missing: Vec<Hearing>,
    positions: Vec<Option<EntryId>>,
}

/// What another pod needs to hold the place of a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outline {
    /// Its sockets and where they are.
    pub seats: String,
    /// Up to where each was told, if it is recoverable.
    pub positions: Vec<Option<String>>,
}

/// Why a session is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// It cannot be moved.
    Always,
    /// It waits for something.
    Now,
}

/// A socket and where it is.
#[derive(Serialize, Deserialize)]
struct Seat {
    nsp: String,
    id: String,
    connected: u64,
    rooms: Vec<String>,
    /// The order to which its messages belong, if it is recoverable.
    lane: Option<usize>,
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
    carried: Option<Carried>,
    lately: Option<Lately>,
}

/// A bucket: what is left, and how many microseconds ago it was used.
#[derive(Serialize, Deserialize)]
struct Level(f64, u64);

/// A message that was not sent: its namespace, whether it is volatile, and its frames in base64.
#[derive(Serialize, Deserialize)]
struct Message(Option<usize>, bool, String);

impl Session {
    /// Which sockets there are, in which rooms.
    ///
    /// # Errors
    /// The session cannot be moved now: a socket waits for something, as a client does that is being told what it missed, or an
    /// ack waits. Or not at all: a socket owes an ack, was taken out of its namespace without its client knowing it yet, or is
    /// recoverable in this process alone.
    pub fn outline(&self) -> Result<Outline, Stays> {
        let (node, members) = (&self.node, self.members.borrow());
        let acks = node.acks.borrow();
        let can_move = |member: &Rc<Member>| {
            let socket = &member.socket;
            let is_own = socket.restorable().is_some() && node.lane_of(socket).is_none();
            socket.is_connected() && !is_own && !acks.owes(socket.id)
        };
        let ends = self.assembler.borrow().is_waiting() || self.client.is_closing();
        if ends || !members.iter().all(can_move) {
            return Err(Stays::Always);
        }
        let waits = |member: &Rc<Member>| member.is_parked() || member.owes_answer();
        let returns = !self.parked.borrow().is_empty();
        if returns && self.client.unsent() > 0 {
            // Its next page waits for a poll, and no poll comes any more.
            return Err(Stays::Always);
        }
        if returns || members.iter().any(waits) {
            return Err(Stays::Now);
        }
        let seats: Vec<Seat> = members.iter().map(|it| self.seat_of(it)).collect();
        let position = |seat: &Seat| seat.lane.map(|lane| node.position(lane).to_string());
        Ok(Outline {
            positions: seats.iter().map(position).collect(),
            seats: serde_json::to_string(&seats).map_err(|_| Stays::Always)?,
        })
    }

    fn seat_of(&self, member: &Member) -> Seat {
        let socket = &member.socket;
        let rooms = socket.rooms();
        Seat {
            nsp: socket.namespace.name.to_string(),
            id: socket.id.to_string(),
            connected: socket.connected,
            rooms: rooms.iter().map(|room| room.to_string()).collect(),
            lane: self.node.lane_of(socket),
        }
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
                .map(|member| Memory::of(&self.node, member, now))
                .collect(),
            unsent: unsent.into_iter().map(Message::from).collect(),
        };
        serde_json::to_string(&state).ok()
    }

    /// The session goes on elsewhere: its sockets leave their rooms here, and that is no end of them.
    pub fn moved(&self) {
        for member in self.members.take() {
            self.node.hand_over(&member.socket);
            self.node.hub.disconnect(&member.socket);
            self.node.holding.end(&member.socket);
            self.node.acks.borrow_mut().gone(member.socket.id);
        }
    }

    /// Takes a snapshot, once this shard has heard all that its sockets were told elsewhere; false if it does not belong to the
    /// outline that this session was held by, or if they cannot be told here what follows.
    pub async fn restore(&self, snapshot: &str) -> bool {
        let Ok(mut state) = serde_json::from_str::<State>(snapshot) else {
            return false;
        };
        let unsent = std::mem::take(&mut state.unsent);
        let unsent: Option<Vec<_>> = unsent.into_iter().map(Message::unsent).collect();
        let Some(unsent) = unsent else { return false };
        let carried = state.members.iter().map(|memory| memory.carried.as_ref());
        let Some(arriving) = self.arriving(&carried.collect::<Vec<_>>()).await else {
            return false;
        };
        self.has_connected.set(state.has_connected);
        let now = clock::now();
        let mut members = self.members.borrow_mut();
        for (member, memory) in members.iter_mut().zip(&state.members) {
            *member = Rc::new(memory.member(member, now));
        }
        drop(members);
        self.node
            .hub
            .put_before(&self.client, &unsent, &self.namespaces());
        let memories = state.members.into_iter().zip(arriving);
        for (place, (memory, arriving)) in memories.enumerate() {
            let socket = self.members.borrow()[place].socket.clone();
            if let Some(lately) = memory.lately {
                self.node.replays.go_on(&socket, lately, now);
            }
            arriving.into_iter().for_each(|it| self.arrive(&socket, it));
        }
        true
    }

    fn namespaces(&self) -> Vec<Rc<Namespace>> {
        let members = self.members.borrow();
        let namespaces = members.iter().map(|member| member.socket.namespace.clone());
        namespaces.collect()
    }

    fn seat(&self, seat: &Seat, missing: &mut Vec<Hearing>) -> Option<()> {
        // It may have been a Node server that gave it.
        let id = SocketId::of_peer(&seat.id)?;
        let known = names::is_namespace_name(&seat.nsp) && self.member(&seat.nsp).is_none();
        let space = known.then(|| self.node.open_space(&seat.nsp)).flatten()?;
        let (hub, namespace) = (&self.node.hub, &space.namespace);
        let follows = |lane| space.recovery().is_some() && lane == self.node.bus.lane(&seat.nsp);
        if !seat.lane.is_none_or(follows) {
            return None;
        }
        let socket = hub.connect(namespace, id, &self.client, seat.connected);
        if seat.lane.is_some() {
            self.node.holding.begin(&socket);
        }
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
            unanswered: Cell::default(),
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
        outline: &Outline,
    ) -> Option<Held> {
        let seats: Vec<Seat> = serde_json::from_str(&outline.seats).ok()?;
        let positions = outline.positions.iter();
        let positions = positions.map(|position| position.as_deref().map(str::parse).transpose());
        let positions = positions.collect::<Result<Vec<_>, _>>().ok()?;
        let session = self.open(client, max_payload);
        let mut missing = Vec::new();
        for seat in seats {
            if session.seat(&seat, &mut missing).is_none() {
                session.moved();
                return None;
            }
        }
        Some(Held {
            session,
            missing,
            positions,
        })
    }

    /// Waits until the bus has passed all that was published up to now in the namespaces of an outline; false if that is not
    /// known.
    pub fn pass_fences(&self, outline: &Outline) -> impl Future<Output = bool> + use<> {
        let seats = serde_json::from_str::<Vec<Seat>>(&outline.seats);
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
    /// The session, and what it has to wait for until its rooms are heard; false if what its sockets are told next cannot be had
    /// here.
    pub fn into_parts(self) -> (Rc<Session>, impl Future<Output = bool> + use<>) {
        let Self {
            session,
            missing,
            positions,
        } = self;
        let missing = future::join_all(missing);
        let held = session.clone();
        let heard = async move {
            missing.await;
            held.follows(&positions).await
        };
        (session, heard)
    }
}

impl Memory {
    fn of(node: &Node, member: &Member, now: Instant) -> Self {
        let carried = node.lane_of(&member.socket).and_then(|_| {
            let record = node.record(&member.socket)?;
            Some(Carried::of(record))
        });
        let (all, each) = member.state.borrow().buckets();
        let each = each.into_iter();
        let each = each.map(|(name, bucket)| (name.to_string(), Level::of(bucket, now)));
        let kept = member.kept.parts();
        Self {
            kept: kept.map(|(auth, query)| (auth.to_owned(), query.to_owned())),
            all: all.map(|bucket| Level::of(bucket, now)),
            each: each.collect(),
            carried,
            lately: node.replays.lately(&member.socket, now),
        }
    }

    /// The held member, with its memory.
    fn member(&self, held: &Member, now: Instant) -> Member {
        let each = self.each.iter();
        let each = each.map(|(name, level)| (name.as_str().into(), level.bucket(now)));
        let all = self.all.as_ref().map(|level| level.bucket(now));
        Member {
            socket: held.socket.clone(),
            space: held.space.clone(),
            state: RefCell::new(SocketState::restored(all, each.collect())),
            kept: Kept::restored(self.kept.clone()),
            parked: RefCell::default(),
            unanswered: Cell::default(),
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
