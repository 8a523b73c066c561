//! What makes a socket recoverable, beside what every socket has.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::id::{EntryId, PrivateId, Version};

/// The recovery side of a socket; absent where its namespace has none.
#[derive(Debug)]
pub struct Restorable {
    /// By what its client is known when it comes back.
    pub pid: PrivateId,
    /// The order in which its messages come.
    pub lane: usize,
    /// The position at which the socket connected for the first time.
    pub position: EntryId,
    /// The last message that it may have been told before it came here, and the position at which that was.
    pub told: (EntryId, EntryId),
    /// Its data, as JSON text.
    pub data: Box<str>,
    /// Its rooms, without its own, each with the position at which it entered.
    rooms: RefCell<Vec<(Arc<str>, EntryId)>>,
    ended: Cell<bool>,
    is_unwritten: Cell<bool>,
    /// Of the last writing of its session.
    version: Cell<Version>,
}

impl Restorable {
    /// Of a new socket at this position of an order.
    #[must_use]
    pub fn new(pid: PrivateId, lane: usize, position: EntryId) -> Self {
        Self {
            pid,
            lane,
            position,
            told: (position, position),
            data: "{}".into(),
            rooms: RefCell::default(),
            ended: Cell::new(false),
            is_unwritten: Cell::new(false),
            version: Cell::default(),
        }
    }

    /// Of a socket that goes on: with its data, in rooms that it entered at these positions, told so much, and later than this
    /// version.
    #[must_use]
    pub fn going_on(
        self,
        data: Box<str>,
        rooms: Vec<(Arc<str>, EntryId)>,
        told: (EntryId, EntryId),
        version: Version,
    ) -> Self {
        Self {
            data,
            rooms: RefCell::new(rooms),
            told,
            version: Cell::new(version),
            ..self
        }
    }

    /// Its session has changed, or is written; whether it was to be written before.
    pub fn set_unwritten(&self, is_unwritten: bool) -> bool {
        self.is_unwritten.replace(is_unwritten)
    }

    /// The version of what is written of its session now.
    pub fn next_version(&self) -> Version {
        let version = self.version.get().next();
        self.version.set(version);
        version
    }

    /// Its client cannot come back any more.
    pub fn end(&self) {
        self.ended.set(true);
    }

    /// Whether its client cannot come back any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// It has entered a room.
    pub fn entered(&self, room: &Arc<str>, position: EntryId) {
        self.rooms.borrow_mut().push((room.clone(), position));
    }

    /// It has left a room.
    pub fn left(&self, room: &str) {
        self.rooms.borrow_mut().retain(|(name, _)| **name != *room);
    }

    /// Its rooms, each with the position at which it entered.
    #[must_use]
    pub fn rooms(&self) -> Vec<(Arc<str>, EntryId)> {
        self.rooms.borrow().clone()
    }
}
