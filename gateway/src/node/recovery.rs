//! Recoverable sockets: what is remembered of them, and when.

use std::rc::Rc;
use std::sync::Arc;

use super::Node;
use crate::bus::recovery::Record;
use crate::clock;
use crate::hub::{Restorable, Socket};
use crate::id::{PrivateId, SocketId};

/// Why a connection ends without its client wanting it: it may come back.
const LOSSES: &[&str] = &[
    "transport error",
    "transport close",
    "forced close",
    "ping timeout",
    "server shutting down",
    "backlog",
    "overload",
];
/// Why a socket ends whose client has come back already.
const MOVED: &str = "recovered elsewhere";

impl Node {
    /// Puts a socket into a room; false if it was there.
    pub(super) fn join(&self, socket: &Rc<Socket>, room: &Arc<str>) -> bool {
        let is_new = self.hub.join(socket, room);
        if let Some(restorable) = socket.restorable().filter(|_| is_new) {
            restorable.entered(room, self.latest.get());
            self.touch(socket);
        }
        is_new
    }

    /// Takes a socket out of a room; false if it was not there.
    pub(super) fn leave(&self, socket: &Rc<Socket>, room: &str) -> bool {
        let was_in = self.hub.leave(socket, room);
        if let Some(restorable) = socket.restorable().filter(|_| was_in) {
            restorable.left(room);
            self.touch(socket);
        }
        was_in
    }

    /// Makes a socket recoverable.
    pub(super) fn enlist(&self, socket: &Rc<Socket>, restorable: Restorable) {
        let namespace = &socket.namespace.name;
        self.bus
            .enlist(self.shard, namespace, socket.id, restorable.pid);
        socket.set_restorable(restorable);
        self.touch(socket);
    }

    /// A socket ends: its session is saved if its client may come back.
    pub(super) fn part(&self, socket: &Socket, reason: &str) {
        let Some(restorable) = socket.restorable() else {
            return;
        };
        match self.record(socket).filter(|_| LOSSES.contains(&reason)) {
            Some(record) => self.bus.save(record, clock::now()),
            None => self.bus.forget(socket.id, restorable.pid),
        }
    }

    /// A client is back on another connection: its socket here, if it still lives, goes without being saved. Its old
    /// connection is told, in case somebody still listens.
    pub(super) fn give_up(
        &self,
        namespace: &str,
        id: SocketId,
        pid: PrivateId,
    ) -> Option<Box<Record>> {
        let is_it = |socket: &Rc<Socket>| socket.restorable().is_some_and(|it| it.pid == pid);
        let found = self.hub.namespace(namespace);
        let found = found.and_then(|namespace| namespace.socket(&id));
        let Some(socket) = found.filter(is_it) else {
            // It was lost, and perhaps saved, while the question was on its way.
            return self.bus.take_saved(namespace, pid, clock::now());
        };
        let record = self.record(&socket);
        self.tell_end(&socket);
        self.disconnect(&socket, MOVED);
        record.map(Box::new)
    }

    /// Rules without recovery leave nothing to come back to.
    pub(super) fn end_recovery(&self, socket: &Socket) {
        if let Some(restorable) = socket.restorable() {
            restorable.end();
            self.bus.forget(socket.id, restorable.pid);
        }
    }

    fn touch(&self, socket: &Socket) {
        self.bus.touch(|| self.record(socket));
    }

    /// What is to be remembered of a socket; `None` where that would lead nowhere.
    fn record(&self, socket: &Socket) -> Option<Record> {
        let restorable = socket.restorable().filter(|it| !it.has_ended())?;
        let window = self.space(&socket.namespace.name)?.recovery()?;
        Some(Record {
            namespace: socket.namespace.name.clone(),
            sid: socket.id,
            pid: restorable.pid,
            rooms: restorable.rooms(),
            position: restorable.position,
            data: "{}".into(),
            user: "null".into(),
            owner: self.shard,
            window,
        })
    }
}
