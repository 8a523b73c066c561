//! Recoverable sockets: what is remembered of them, and when.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::{task, time};

use super::Node;
use crate::bus::recovery::Record;
use crate::clock;
use crate::hub::{Close, Restorable, Socket};
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

/// The user of a socket without an identity.
pub(super) const NOBODY: &str = "null";

/// The sockets whose sessions are to be written in this turn.
#[derive(Clone, Default)]
pub(super) struct Unwritten(Rc<RefCell<Vec<Rc<Socket>>>>);

/// Sessions of a third of the window are written in so many parts.
const PARTS: u32 = 50;
/// How often it is looked where no namespace is recoverable.
const IDLE: Duration = Duration::from_secs(5);

impl Node {
    /// Puts a socket into a room; false if it was there.
    pub(super) fn join(self: &Rc<Self>, socket: &Rc<Socket>, room: &Arc<str>) -> bool {
        let is_new = self.hub.join(socket, room);
        if !is_new {
            return false;
        }
        if let Some(restorable) = socket.restorable() {
            restorable.entered(room, self.position(restorable.lane));
            self.touch(socket);
        } else {
            let lane = self.bus.lane(&socket.namespace.name);
            self.holding.entered(socket, room, self.position(lane));
        }
        true
    }

    /// Takes a socket out of a room; false if it was not there.
    pub(super) fn leave(self: &Rc<Self>, socket: &Rc<Socket>, room: &str) -> bool {
        let was_in = self.hub.leave(socket, room);
        if let Some(restorable) = socket.restorable().filter(|_| was_in) {
            restorable.left(room);
            self.touch(socket);
        }
        was_in
    }

    /// Makes a socket recoverable.
    pub(super) fn enlist(self: &Rc<Self>, socket: &Rc<Socket>, restorable: Restorable) {
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
        if reason == MOVED {
            return self.bus.release(socket.id, restorable.pid);
        }
        match self.record(socket).filter(|_| LOSSES.contains(&reason)) {
            Some(record) => self.bus.save(record, clock::now()),
            None => self.forget(socket, restorable),
        }
    }

    /// A client is back on another connection: its socket here, if it still lives, goes without being saved, and its old connection
    /// ends. A client that listens there after all comes back for what is its own: it is not told that it was disconnected, after
    /// which it would stay away.
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
        self.disconnect(&socket, MOVED);
        self.hub.close(&socket.client, Close::Forced);
        record.map(Box::new)
    }

    /// The order to which the messages of a socket belong, if it lies in a stream by which another process can go on with it.
    pub(super) fn lane_of(&self, socket: &Socket) -> Option<usize> {
        let restorable = socket.restorable().filter(|it| !it.has_ended())?;
        self.bus.shares_sessions().then_some(restorable.lane)
    }

    /// A socket goes on in another process: until that has written its session, it is given out here.
    pub(super) fn hand_over(&self, socket: &Socket) {
        if let Some(record) = self.record(socket) {
            self.bus.hand_over(record, clock::now());
        }
    }

    /// Rules without recovery leave nothing to come back to.
    pub(super) fn end_recovery(&self, socket: &Socket) {
        if let Some(restorable) = socket.restorable() {
            restorable.end();
            self.forget(socket, restorable);
        }
    }

    fn forget(&self, socket: &Socket, restorable: &Restorable) {
        let version = restorable.next_version();
        self.bus.forget(socket.id, restorable.pid, version);
    }

    /// The session of a socket has changed: it is written at the end of this turn.
    fn touch(self: &Rc<Self>, socket: &Rc<Socket>) {
        let is_new = |it: &Restorable| !it.set_unwritten(true);
        if !self.bus.shares_sessions() || !socket.restorable().is_some_and(is_new) {
            return;
        }
        let mut unwritten = self.unwritten.0.borrow_mut();
        unwritten.push(socket.clone());
        if unwritten.len() == 1 {
            let node = self.clone();
            task::spawn_local(async move {
                let sockets = node.unwritten.0.take();
                sockets.iter().for_each(|socket| drop(node.write(socket)));
            });
        }
    }

    /// Writes the session of a socket, if it has changed; the answer comes when that is done, or failed.
    pub(super) fn write(&self, socket: &Socket) -> Option<LocalBoxFuture<'static, ()>> {
        let restorable = socket.restorable()?;
        if !restorable.set_unwritten(false) || !socket.is_connected() {
            return None;
        }
        let written = self.bus.touch(|| self.record(socket))?;
        Some(written.map(drop).boxed_local())
    }

    /// Writes the sessions of all sockets anew, a part at a time, so that they live on; for the life of the shard.
    pub async fn keep_sessions(self: Rc<Self>) {
        while self.bus.shares_sessions() {
            let spaces: Vec<_> = self.spaces.borrow().values().cloned().collect();
            let shortest = spaces.iter().filter_map(|space| space.recovery()).min();
            let Some(window) = shortest else {
                time::sleep(IDLE).await;
                continue;
            };
            let pause = (window / 3 / PARTS).max(Duration::from_millis(1));
            let sockets = spaces.iter().filter(|space| space.recovery().is_some());
            let sockets: Vec<_> = sockets
                .flat_map(|space| space.namespace.sockets())
                .collect();
            let part = sockets.len().div_ceil(PARTS as usize).max(1);
            let mut parts = sockets.chunks(part);
            for _ in 0..PARTS {
                for socket in parts.next().unwrap_or_default() {
                    self.touch(socket);
                }
                time::sleep(pause).await;
            }
        }
    }

    /// Writes the sessions of all sockets anew.
    pub(super) fn renew_sessions(self: &Rc<Self>) {
        let spaces: Vec<_> = self.spaces.borrow().values().cloned().collect();
        let sockets = spaces.iter().flat_map(|space| space.namespace.sockets());
        sockets.for_each(|socket| self.touch(&socket));
    }

    /// What is to be remembered of a socket; `None` where that would lead nowhere.
    pub(super) fn record(&self, socket: &Socket) -> Option<Record> {
        let restorable = socket.restorable().filter(|it| !it.has_ended())?;
        let window = self.space(&socket.namespace.name)?.recovery()?;
        let upto = self.position(restorable.lane);
        let mut record = Record {
            namespace: socket.namespace.name.clone(),
            sid: socket.id,
            pid: restorable.pid,
            rooms: restorable.rooms(),
            position: restorable.position,
            upto,
            last: upto,
            is_foreign: false,
            data: restorable.data.clone(),
            user: NOBODY.into(),
            owner: self.shard,
            window,
            version: restorable.next_version(),
        };
        record.last = self.bus.last_told(&record, restorable.told);
        Some(record)
    }
}
