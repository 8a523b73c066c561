//! The sockets and rooms of one namespace on this shard.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::client::Client;
use super::log::MeterId;
use super::room::{Room, Socket};
use crate::id::SocketId;
use crate::target::Target;

/// One namespace.
pub struct Namespace {
    /// Its name, with the slash.
    pub name: Arc<str>,
    pub(super) meter: Cell<MeterId>,
    pub(super) backlog: Cell<BacklogLimit>,
    pub(super) everyone: Rc<Room>,
    pub(super) rooms: RefCell<HashMap<Arc<str>, Rc<Room>>>,
    pub(super) by_id: RefCell<HashMap<SocketId, Rc<Socket>>>,
    epoch: Cell<u64>,
    watch: Option<Rc<dyn Watch>>,
}

/// Told what this shard uses, for a bus that listens to no more than that.
pub trait Watch {
    /// A namespace has its first socket here (`used`), or none any more.
    fn namespace(&self, name: &Arc<str>, used: bool);
    /// A room has its first member here (`used`), or none any more; the own room of a socket counts as one.
    fn room(&self, namespace: &Arc<str>, room: &Arc<str>, used: bool);
}

/// The unsent bytes that a socket may hold, and what happens to a message above it (rules: `backlog`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogLimit {
    /// Bytes of frames.
    pub bytes: usize,
    /// `skip` drops the message; else the connection is cut.
    pub skip: bool,
}

impl Namespace {
    pub(super) fn new(
        name: Arc<str>,
        meter: MeterId,
        backlog: BacklogLimit,
        watch: Option<Rc<dyn Watch>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            everyone: Room::new(name.clone()),
            name,
            meter: Cell::new(meter),
            backlog: Cell::new(backlog),
            rooms: RefCell::default(),
            by_id: RefCell::default(),
            epoch: Cell::new(0),
            watch,
        })
    }

    /// How many sockets are connected here.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.everyone.len()
    }

    /// Every socket that is connected here.
    #[must_use]
    pub fn sockets(&self) -> Vec<Rc<Socket>> {
        self.everyone
            .members
            .borrow()
            .iter()
            .map(|member| member.socket.clone())
            .collect()
    }

    /// How many rooms have a member here.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.rooms.borrow().len()
    }

    /// The rooms that have a member here, with how many.
    #[must_use]
    pub fn rooms(&self) -> Vec<(Arc<str>, usize)> {
        self.rooms
            .borrow()
            .values()
            .map(|room| (room.name.clone(), room.len()))
            .collect()
    }

    /// The socket of that id.
    #[must_use]
    pub fn socket(&self, id: &SocketId) -> Option<Rc<Socket>> {
        self.by_id.borrow().get(id).cloned()
    }

    /// Connects a socket of `client`.
    pub(super) fn connect(
        self: &Rc<Self>,
        id: SocketId,
        client: &Rc<Client>,
        connected: u64,
    ) -> Rc<Socket> {
        let socket = Rc::new(Socket {
            id,
            client: client.clone(),
            namespace: self.clone(),
            connected,
            seats: RefCell::default(),
            mark: Cell::new(0),
            replayed: RefCell::default(),
            restorable: OnceCell::new(),
        });
        self.everyone.seat(&socket);
        if let (Some(watch), 1) = (&self.watch, self.socket_count()) {
            watch.namespace(&self.name, true);
        }
        if let Some(watch) = &self.watch {
            watch.room(&self.name, &Arc::from(id.as_str()), true);
        }
        self.by_id.borrow_mut().insert(id, socket.clone());
        socket
    }

    /// Takes a socket out of all its rooms and of the namespace.
    pub(super) fn disconnect(&self, socket: &Rc<Socket>) {
        loop {
            let seat = socket.seats.borrow_mut().pop();
            let Some(seat) = seat else { break };
            seat.room.unseat(seat.index);
            self.forget_if_empty(&seat.room);
        }
        let mut by_id = self.by_id.borrow_mut();
        // Its client may be here by another connection already.
        let is_it = by_id.get(&socket.id);
        let is_it = is_it.is_some_and(|known| Rc::ptr_eq(known, socket));
        if is_it {
            by_id.remove(&socket.id);
        }
        drop(by_id);
        if let Some(watch) = self.watch.as_ref().filter(|_| is_it) {
            watch.room(&self.name, &Arc::from(socket.id.as_str()), false);
        }
    }

    /// Puts a socket into a room; false if it was there.
    pub(super) fn join(&self, socket: &Rc<Socket>, name: &str) -> bool {
        if socket.is_in(name) || !socket.is_connected() {
            return false;
        }
        let existing = self.rooms.borrow().get(name).cloned();
        let room = existing.unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let room = Room::new(name.clone());
            if let Some(watch) = &self.watch {
                watch.room(&self.name, &name, true);
            }
            self.rooms.borrow_mut().insert(name, room.clone());
            room
        });
        room.seat(socket);
        true
    }

    /// Takes a socket out of a room; false if it was not there.
    pub(super) fn leave(&self, socket: &Rc<Socket>, name: &str) -> bool {
        let position = socket
            .seats
            .borrow()
            .iter()
            .skip(1)
            .position(|seat| &*seat.room.name == name);
        let Some(position) = position else {
            return false;
        };
        let seat = socket.seats.borrow_mut().remove(position + 1);
        seat.room.unseat(seat.index);
        self.forget_if_empty(&seat.room);
        true
    }

    /// Calls `each` once for every socket that `target` selects.
    pub(super) fn select(&self, target: &Target, mut each: impl FnMut(&Rc<Client>, &Rc<Socket>)) {
        if let ([], []) = (&*target.rooms, &*target.except) {
            return self
                .everyone
                .members
                .borrow()
                .iter()
                .for_each(|member| each(&member.client, &member.socket));
        }
        if let ([name], []) = (&*target.rooms, &*target.except) {
            return self.visit(name, &mut each);
        }
        let epoch = self.epoch.get() + 1;
        self.epoch.set(epoch);
        for name in &target.except {
            self.visit(name, &mut |_, socket| socket.mark.set(epoch));
        }
        let mut once = |client: &Rc<Client>, socket: &Rc<Socket>| {
            if socket.mark.replace(epoch) != epoch {
                each(client, socket);
            }
        };
        if target.rooms.is_empty() {
            self.everyone
                .members
                .borrow()
                .iter()
                .for_each(|member| once(&member.client, &member.socket));
        }
        target
            .rooms
            .iter()
            .for_each(|name| self.visit(name, &mut once));
    }

    /// The members of a room, or the socket whose own room it is.
    fn visit(&self, name: &str, each: &mut impl FnMut(&Rc<Client>, &Rc<Socket>)) {
        if let Some(socket) = SocketId::of_peer(name).and_then(|id| self.socket(&id)) {
            return each(&socket.client, &socket);
        }
        let room = self.rooms.borrow().get(name).cloned();
        if let Some(room) = room {
            room.members
                .borrow()
                .iter()
                .for_each(|member| each(&member.client, &member.socket));
        }
    }

    fn forget_if_empty(&self, room: &Rc<Room>) {
        if room.len() > 0 {
            return;
        }
        let is_room = !Rc::ptr_eq(room, &self.everyone);
        if is_room {
            self.rooms.borrow_mut().remove(&room.name);
        }
        match &self.watch {
            Some(watch) if is_room => watch.room(&self.name, &room.name, false),
            Some(watch) => watch.namespace(&self.name, false),
            None => {}
        }
    }
}
