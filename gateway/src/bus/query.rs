//! What is asked of the shards, and what they answer.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time};

use crate::target::Target;

/// A change to the sockets of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They join these rooms.
    Join(Vec<Arc<str>>),
    /// They leave these rooms.
    Leave(Vec<Arc<str>>),
    /// They are told to go (`41`); `close` ends their whole connection.
    Disconnect {
        /// Whether the connection ends too, with every other namespace on it.
        close: bool,
    },
}

/// A question to every shard.
#[derive(Clone, Debug)]
pub enum Query {
    /// The sockets of a selection, in the order of their ids.
    Sockets {
        /// Which.
        target: Target,
        /// The page.
        page: Page,
    },
    /// The rooms of a namespace, in the order of their names; never the own rooms of sockets.
    Rooms {
        /// The namespace.
        namespace: Arc<str>,
        /// Only these; empty means all.
        rooms: Vec<Arc<str>>,
        /// The page.
        page: Page,
    },
    /// How much there is of everything.
    Counts,
}

/// The part of an ordered answer that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only what follows this id or name.
    pub after: Option<Box<str>>,
    /// At most so many, the first ones in order.
    pub limit: usize,
}

/// One shard's answer, of the kind that was asked for.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Query::Sockets`].
    Sockets(Vec<SocketView>),
    /// To [`Query::Rooms`].
    Rooms(Vec<RoomView>),
    /// To [`Query::Counts`].
    Counts(Counts),
}

/// What others may know of a socket.
#[derive(Clone, Debug)]
pub struct SocketView {
    /// Its id.
    pub id: Box<str>,
    /// The rooms it is in, its own one left out.
    pub rooms: Vec<Arc<str>>,
    /// Its data, as JSON text.
    pub data: Box<str>,
    /// Its user, as JSON text; `null` without an identity.
    pub user: Box<str>,
    /// What is kept of its handshake, as JSON text.
    pub handshake: Box<str>,
}

/// A room of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// Its name.
    pub name: Arc<str>,
    /// How many sockets are in it.
    pub sockets: u64,
}

/// How much there is of everything on one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open sessions.
    pub sessions: u64,
    /// Connected sockets.
    pub sockets: u64,
    /// Rooms with a member, own rooms left out.
    pub rooms: u64,
}

/// Where a shard answers a [`Query`].
#[derive(Clone, Debug)]
pub struct Reply(mpsc::UnboundedSender<Answer>);

impl Reply {
    /// Answers; each shard calls this once.
    pub fn send(self, answer: Answer) {
        let _ = self.0.send(answer);
    }
}

/// The answers of all shards, as they come.
#[derive(Debug)]
pub struct Answers {
    from: mpsc::UnboundedReceiver<Answer>,
    shards: usize,
}

impl Answers {
    pub(super) fn new(shards: usize) -> (Reply, Self) {
        let (to, from) = mpsc::unbounded_channel();
        (Reply(to), Self { from, shards })
    }

    /// Waits for all shards, but not longer than `timeout`; `None` if one did not answer.
    pub async fn all(mut self, timeout: Duration) -> Option<Vec<Answer>> {
        let gather = async {
            let mut answers = Vec::with_capacity(self.shards);
            while answers.len() < self.shards {
                answers.push(self.from.recv().await?);
            }
            Some(answers)
        };
        time::timeout(timeout, gather).await.ok().flatten()
    }
}
