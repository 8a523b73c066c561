//! What waits for a shard: one FIFO, bounded in bytes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    broadcast::{Broadcast, EntryId},
    gather::Tally,
    query::{Change, Query, Reply},
    recovery::Record,
};
use crate::{
    id::{PrivateId, SocketId},
    target::Target,
};

/// A message to a shard. All kinds share one FIFO, so a change holds for every broadcast that was accepted after it.
#[derive(Debug)]
pub enum Inbound {
    /// Deliver it to the local sockets that it is for.
    Broadcast(Arc<Broadcast>),
    /// Change the local sockets of a selection.
    Change {
        /// Which.
        target: Target,
        /// How.
        change: Change,
        /// Where to report how many sockets it was.
        reply: Arc<Tally>,
    },
    /// Answer a question.
    Query {
        /// The question.
        query: Query,
        /// Where to.
        reply: Reply,
    },
    /// Nobody waits for the acks of this packet id any more.
    ForgetAck(u64),
    /// An order has been heard up to there, by entries that are for nobody here.
    Position {
        /// Which order.
        lane: usize,
        /// Its last id.
        id: EntryId,
    },
    /// Write the sessions of all sockets again.
    Renew,
    /// A client has come back elsewhere before this shard noticed that it was gone: its socket goes.
    Yield {
        /// The namespace.
        namespace: Arc<str>,
        /// The socket.
        socket: SocketId,
        /// By what the client is known.
        pid: PrivateId,
        /// Where to tell what the socket was.
        reply: oneshot::Sender<Option<Box<Record>>>,
    },
}

impl Inbound {
    fn weight(&self) -> usize {
        match self {
            Self::Broadcast(broadcast) => broadcast.weight(),
            Self::Change { .. }
            | Self::Query { .. }
            | Self::ForgetAck(_)
            | Self::Position { .. }
            | Self::Renew
            | Self::Yield { .. } => 0,
        }
    }
}

/// The receiving half, owned by its shard.
#[derive(Debug)]
pub struct Inbox {
    from: mpsc::UnboundedReceiver<Inbound>,
    load: Arc<Load>,
}

impl Inbox {
    /// The next message; `None` once the bus is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Inbound> {
        let message = self.from.recv().await?;
        Some(self.taken(message))
    }

    /// The next message, if one waits.
    pub fn try_recv(&mut self) -> Option<Inbound> {
        let message = self.from.try_recv().ok()?;
        Some(self.taken(message))
    }

    fn taken(&self, message: Inbound) -> Inbound {
        self.load.release(&message);
        message
    }
}

/// The sending half, of which the bus holds one a shard.
#[derive(Debug)]
pub(super) struct Outlet {
    to: mpsc::UnboundedSender<Inbound>,
    load: Arc<Load>,
    bound: usize,
}

/// What an inbox holds that its shard has not taken.
#[derive(Debug, Default)]
struct Load {
    bytes: AtomicUsize,
    broadcasts: AtomicUsize,
}

impl Load {
    fn release(&self, message: &Inbound) {
        self.bytes.fetch_sub(message.weight(), Ordering::AcqRel);
        if let Inbound::Broadcast(_) = message {
            self.broadcasts.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Outlet {
    /// Both halves of an inbox that holds at most `bound` bytes of broadcasts.
    pub(super) fn new(bound: usize) -> (Self, Inbox) {
        let (to, from) = mpsc::unbounded_channel();
        let load = Arc::new(Load::default());
        let inbox = Inbox {
            from,
            load: Arc::clone(&load),
        };
        (Self { to, load, bound }, inbox)
    }

    /// Takes room for a broadcast of that weight, or leaves all as it was. An empty inbox takes any size.
    pub(super) fn reserve(&self, weight: usize) -> bool {
        let before = self.load.bytes.fetch_add(weight, Ordering::AcqRel);
        let fits = before == 0 || before + weight <= self.bound;
        if !fits {
            self.release(weight);
        }
        fits
    }

    /// Gives reserved room back.
    pub(super) fn release(&self, weight: usize) {
        self.load.bytes.fetch_sub(weight, Ordering::AcqRel);
    }

    /// Sends a broadcast for which room was reserved.
    pub(super) fn broadcast(&self, broadcast: Arc<Broadcast>) {
        self.load.broadcasts.fetch_add(1, Ordering::AcqRel);
        self.send(Inbound::Broadcast(broadcast));
    }

    /// Sends anything else. A shard that is gone takes nothing; its questions time out.
    pub(super) fn send(&self, message: Inbound) {
        if let Err(mpsc::error::SendError(message)) = self.to.send(message) {
            self.load.release(&message);
        }
    }

    /// How many broadcasts wait.
    pub(super) fn waiting(&self) -> usize {
        self.load.broadcasts.load(Ordering::Acquire)
    }
}
