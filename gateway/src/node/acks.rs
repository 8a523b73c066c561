//! Acks that clients owe for broadcasts that asked for them.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use crate::bus::gather::{AckGather, AckReply};
use crate::id::SocketId;

/// The broadcasts whose acks are awaited on this shard, by packet id.
#[derive(Default)]
pub(super) struct Pending(HashMap<u64, Waiting>);

struct Waiting {
    gather: AckGather,
    sockets: HashSet<SocketId>,
}

impl Pending {
    /// Expects an ack from each of `sockets`.
    pub(super) fn expect(&mut self, gather: AckGather, sockets: HashSet<SocketId>) {
        gather.expect(sockets.len() as u64);
        if !sockets.is_empty() {
            self.0.insert(gather.id(), Waiting { gather, sockets });
        }
    }

    /// Takes a client's ack; one that nobody asked this socket for is ignored.
    pub(super) fn answer(
        &mut self,
        id: u64,
        socket: SocketId,
        args: &str,
        attachments: Vec<Bytes>,
    ) {
        let Some(waiting) = self.0.get_mut(&id) else {
            return;
        };
        if waiting.sockets.remove(&socket) {
            waiting.gather.reply(AckReply {
                socket: socket.as_str().into(),
                args: args.into(),
                attachments,
            });
            self.forget_if_done(id);
        }
    }

    /// Whether an ack of this socket is awaited.
    pub(super) fn owes(&self, socket: SocketId) -> bool {
        let mut waiting = self.0.values();
        waiting.any(|waiting| waiting.sockets.contains(&socket))
    }

    /// A socket that left answers nothing any more.
    pub(super) fn gone(&mut self, socket: SocketId) {
        self.0.retain(|_, waiting| {
            if waiting.sockets.remove(&socket) {
                waiting.gather.gone();
            }
            !waiting.sockets.is_empty()
        });
    }

    /// Nobody waits for these acks any more.
    pub(super) fn forget(&mut self, id: u64) {
        self.0.remove(&id);
    }

    fn forget_if_done(&mut self, id: u64) {
        if self
            .0
            .get(&id)
            .is_some_and(|waiting| waiting.sockets.is_empty())
        {
            self.0.remove(&id);
        }
    }
}
