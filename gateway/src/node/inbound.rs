//! What comes by the bus: broadcasts, changes of selections, questions.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::Node;
use crate::bus::broadcast::Broadcast;
use crate::bus::history::Replay;
use crate::bus::inbox::{Inbound, Inbox};
use crate::bus::query::Change;
use crate::hub::{Frames, Socket, Terms};
use crate::target::Target;

/// So many messages are taken before other tasks get their turn.
const TURN: usize = 64;

impl Node {
    /// Takes what comes, until the bus is gone.
    pub async fn listen(self: Rc<Self>, mut inbox: Inbox) {
        while let Some(first) = inbox.recv().await {
            self.take(first);
            for _ in 1..TURN {
                let Some(next) = inbox.try_recv() else { break };
                self.take(next);
            }
            tokio::task::yield_now().await;
        }
    }

    fn take(self: &Rc<Self>, inbound: Inbound) {
        match inbound {
            Inbound::Broadcast(broadcast) => self.receive(&broadcast),
            Inbound::Change {
                target,
                change,
                reply,
            } => reply.add(self.change(&target, &change)),
            Inbound::Query { query, reply } => reply.send(self.answer_query(&query)),
            Inbound::Position { lane, id } => self.latest[lane].set(id),
            Inbound::Renew => self.renew_sessions(),
            Inbound::ForgetAck(id) => self.acks.borrow_mut().forget(id),
            Inbound::Yield {
                namespace,
                socket,
                pid,
                reply,
            } => drop(reply.send(self.give_up(&namespace, socket, pid))),
        }
    }

    fn receive(&self, broadcast: &Arc<Broadcast>) {
        if let Some(entry) = broadcast.entry {
            self.latest[broadcast.lane].set(entry);
        }
        let recipients = self.deliver(broadcast);
        if recipients == 0
            && let Some(gather) = broadcast
                .ack
                .as_ref()
                .filter(|_| self.hub.namespace(&broadcast.target.namespace).is_none())
        {
            gather.expect(0);
        }
        if let Some(counted) = &broadcast.counted {
            counted.add(recipients);
        }
    }

    fn change(self: &Rc<Self>, target: &Target, change: &Change) -> u64 {
        let sockets = self.hub.select(target);
        for socket in &sockets {
            match change {
                Change::Join(rooms) => rooms.iter().for_each(|room| _ = self.join(socket, room)),
                Change::Leave(rooms) => rooms.iter().for_each(|room| _ = self.leave(socket, room)),
                Change::Disconnect { close } => self.expel(socket, *close),
            }
        }
        sockets.len() as u64
    }

    /// Sends the past of rooms to a socket, and remembers up to where that was for those that it has `entered` just now. In a
    /// room where it was before, what its shard has not heard yet still comes by the inbox, in order; to a recoverable
    /// socket in every room, as it is told the shard's position.
    pub(super) fn replay(
        &self,
        socket: &Rc<Socket>,
        entered: &[Arc<str>],
        past: &Replay,
        now: Instant,
    ) {
        let terms = Terms {
            volatile: false,
            accepted: now,
            stored: false,
        };
        let mut replayed = Vec::with_capacity(past.entries.len());
        let is_recoverable = socket.restorable().is_some();
        for entry in &past.entries {
            let Some(keep) = &entry.keep else { continue };
            let comes = entry.entry.is_some_and(|id| id > self.position(entry.lane));
            let is_new = entry.target.rooms.iter().any(|room| entered.contains(room));
            if comes && (is_recoverable || !is_new) {
                continue;
            }
            if is_recoverable || keep.frames.is_empty() {
                self.emit(socket, &keep.name, &keep.args, &keep.attachments, terms);
            } else {
                let encode = |out: &mut Vec<u8>| out.extend_from_slice(&keep.frames);
                let hint = keep.frames.len();
                self.hub.emit(socket, terms, Frames { hint, encode });
            }
            replayed.extend(entry.entry.map(|entry| entry.sequence));
        }
        if is_recoverable {
            return;
        }
        if !entered.is_empty() {
            socket.remember_replay(entered, past.head.sequence, replayed);
        }
    }
}
