//! Who is in a room, and which rooms a socket is in: a member knows its seat, so leaving costs no search.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use super::client::Client;
use super::namespace::Namespace;
use super::restorable::Restorable;
use crate::id::SocketId;

/// A set of sockets of one namespace.
pub struct Room {
    pub(super) name: Arc<str>,
    pub(super) members: RefCell<Vec<Member>>,
}

/// A socket in a room. The connection stands beside it, so that a delivery touches nothing else.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) client: Rc<Client>,
    pub(super) socket: Rc<Socket>,
}

/// One namespace of one connection.
pub struct Socket {
    /// Its public id; the name of its own room.
    pub id: SocketId,
    /// The connection.
    pub client: Rc<Client>,
    /// The namespace.
    pub namespace: Rc<Namespace>,
    /// When it connected, in milliseconds since the epoch.
    pub connected: u64,
    pub(super) seats: RefCell<SmallVec<[Seat; 2]>>,
    /// The last selection that took this socket: unions have no duplicates.
    pub(super) mark: Cell<u64>,
    /// The replays whose live entries may still be on their way.
    pub(super) replayed: RefCell<Vec<Replayed>>,
    pub(super) restorable: OnceCell<Box<Restorable>>,
}

/// A join with replay: which live entries it has made superfluous.
pub(super) struct Replayed {
    pub(super) rooms: Vec<Arc<str>>,
    /// The last id given when the past was read.
    head: u64,
    /// The ids that were sent.
    sent: Vec<u64>,
}

/// A place in a room.
pub(super) struct Seat {
    pub(super) room: Rc<Room>,
    pub(super) index: usize,
}

/// A socket remembers at most so many replays.
const REPLAYS: usize = 100;

impl Room {
    pub(super) fn new(name: Arc<str>) -> Rc<Self> {
        Rc::new(Self {
            name,
            members: RefCell::default(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.members.borrow().len()
    }

    /// Seats a socket that has no seat here.
    pub(super) fn seat(self: &Rc<Self>, socket: &Rc<Socket>) {
        let mut members = self.members.borrow_mut();
        socket.seats.borrow_mut().push(Seat {
            room: self.clone(),
            index: members.len(),
        });
        members.push(Member {
            client: socket.client.clone(),
            socket: socket.clone(),
        });
    }

    /// Takes the member at `index` out; the last member moves to its place.
    pub(super) fn unseat(self: &Rc<Self>, index: usize) {
        let mut members = self.members.borrow_mut();
        members.swap_remove(index);
        if let Some(moved) = members.get(index) {
            let mut seats = moved.socket.seats.borrow_mut();
            let seat = seats.iter_mut().find(|seat| Rc::ptr_eq(&seat.room, self));
            seat.expect("a member has a seat").index = index;
        }
        if members.capacity() > 64 && members.len() * 4 < members.capacity() {
            members.shrink_to_fit();
        }
    }
}

impl Socket {
    /// The names of its rooms, without its own.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.seats
            .borrow()
            .iter()
            .skip(1)
            .map(|seat| seat.room.name.clone())
            .collect()
    }

    /// How many rooms it is in, without its own.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.seats.borrow().len().saturating_sub(1)
    }

    /// Whether it is in `room`.
    #[must_use]
    pub fn is_in(&self, room: &str) -> bool {
        self.seats
            .borrow()
            .iter()
            .skip(1)
            .any(|seat| &*seat.room.name == room)
    }

    /// Remembers a replay of `rooms`, read when `head` was the last id given.
    pub fn remember_replay(&self, rooms: &[Arc<str>], head: u64, sent: Vec<u64>) {
        let mut replayed = self.replayed.borrow_mut();
        replayed.retain(|earlier| !earlier.rooms.iter().all(|room| rooms.contains(room)));
        if replayed.len() == REPLAYS {
            replayed.remove(0);
        }
        replayed.push(Replayed {
            rooms: rooms.to_vec(),
            head,
            sent,
        });
    }

    /// Whether a live entry of history is still to be sent: not if a replay has sent it, nor if it comes by no room but
    /// those that were replayed after it. Entries come in the order of their ids.
    pub fn admits(&self, id: u64, rooms: &[Arc<str>]) -> bool {
        let mut replayed = self.replayed.borrow_mut();
        if replayed.is_empty() {
            return true;
        }
        replayed.retain(|replay| id <= replay.head);
        if replayed.iter().any(|replay| replay.sent.contains(&id)) {
            return false;
        }
        let is_replayed = |room: &str| {
            replayed
                .iter()
                .any(|replay| replay.rooms.iter().any(|name| &**name == room))
        };
        rooms.is_empty()
            || rooms
                .iter()
                .any(|room| !is_replayed(room) && self.is_in(room))
    }

    /// What makes it recoverable, if it is.
    #[must_use]
    pub fn restorable(&self) -> Option<&Restorable> {
        self.restorable.get().map(|restorable| &**restorable)
    }

    /// Whether its client may come back.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        self.restorable().is_some_and(|it| !it.has_ended())
    }

    /// Makes it recoverable; once, when it connects.
    pub fn set_restorable(&self, restorable: Restorable) {
        self.restorable.set(Box::new(restorable)).ok();
    }

    /// Whether it still belongs to its namespace.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.seats.borrow().is_empty()
    }
}
