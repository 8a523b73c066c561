//! What makes a socket recoverable, beside what every socket has.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::id::{EntryId, PrivateId};

/// The recovery side of a socket; absent where its namespace has none.
#[derive(Debug)]
pub struct Restorable {
    /// By what its client is known when it comes back.
    pub pid: PrivateId,
    /// The position at which the socket connected for the first time.
    pub position: EntryId,
    /// Its rooms, without its own, each with the position at which it entered.
    rooms: RefCell<Vec<(Arc<str>, EntryId)>>,
    ended: Cell<bool>,
}

impl Restorable {
    /// Of a socket that is in these rooms already.
    #[must_use]
    pub fn new(pid: PrivateId, position: EntryId, rooms: Vec<(Arc<str>, EntryId)>) -> Self {
        Self {
            pid,
            position,
            rooms: RefCell::new(rooms),
            ended: Cell::new(false),
        }
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
