//! What the servers of a cluster tell one another through Redis, in the formats of the Socket.IO world.
//!
//! Pure: texts and bytes in, values out. The three formats (`classic`, and the ClusterAdapter family in its `sharded` and
//! `streams` dialects) are codecs of the same few commands and replies, so that what answers a peer never asks which one it
//! speaks. Whatever a peer sends is decoded leniently or refused with a [`WireError`]; nothing panics.

use std::sync::Arc;

use bytes::Bytes;

pub mod classic;
pub mod cluster;
mod cut;
#[cfg(test)]
mod fixtures;
mod out;
mod parts;
pub mod streams;
pub mod value;
mod view;

/// The `uid` of an emitter, which is no server and is never counted as one.
pub const EMITTER: &str = "emitter";

/// Arrays and objects nest at most so deep: a Node peer ends with a RangeError at about 4,000.
pub const MAX_DEPTH: usize = 512;

/// A JSON value with the binary parts taken out: `{"_placeholder":true,"num":n}` stands for the n-th attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// The text. For an event it is the array `["name",…arguments]`.
    pub json: Box<str>,
    /// What the placeholders stand for, in order.
    pub attachments: Vec<Bytes>,
}

impl Data {
    /// A text without binary parts.
    pub fn text(json: impl Into<Box<str>>) -> Self {
        Self {
            json: json.into(),
            attachments: Vec::new(),
        }
    }

    /// The same, borrowed.
    pub fn borrow(&self) -> DataRef<'_> {
        DataRef {
            json: &self.json,
            attachments: &self.attachments,
        }
    }
}

/// A borrowed [`Data`]: what is published need not be copied first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRef<'a> {
    /// The text.
    pub json: &'a str,
    /// What its placeholders stand for. Without any, an object that looks like a placeholder is an object.
    pub attachments: &'a [Bytes],
}

/// Which sockets a command is for, and how a broadcast is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opts {
    /// The rooms, united; empty means the whole namespace.
    pub rooms: Vec<Arc<str>>,
    /// The rooms whose members are left out.
    pub except: Vec<Arc<str>>,
    /// The flags; unknown ones are ignored.
    pub flags: Flags,
}

impl Opts {
    /// The same, borrowed.
    pub fn borrow(&self) -> OptsRef<'_> {
        OptsRef {
            rooms: &self.rooms,
            except: &self.except,
            flags: self.flags,
        }
    }
}

/// A borrowed [`Opts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptsRef<'a> {
    /// The rooms, united; empty means the whole namespace.
    pub rooms: &'a [Arc<str>],
    /// The rooms whose members are left out.
    pub except: &'a [Arc<str>],
    /// The flags.
    pub flags: Flags,
}

/// The flags of a broadcast or a fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Dropped where it cannot go out at once.
    pub volatile: bool,
    /// Whether to compress, where it was said.
    pub compress: Option<bool>,
    /// How long the sender waits for acks or answers, in milliseconds.
    pub timeout: Option<u64>,
    /// Only one socket is expected to acknowledge.
    pub expect_single_response: bool,
    /// Ours alone, and ignored by all others: which entry of the history the message is.
    pub mark: Option<u64>,
}

/// A command to the other servers of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The `uid` of the server that sent it; [`EMITTER`] for an emitter, empty where the format has none.
    pub from: Box<str>,
    /// The namespace, with its slash.
    pub namespace: Arc<str>,
    /// What is to be done.
    pub command: Command,
}

/// What one server asks of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Deliver an event; with `ack`, count the clients and pass on their acks under that request id.
    Broadcast {
        /// The event.
        data: Data,
        /// Whom it is for.
        opts: Opts,
        /// The request id of a broadcast with acks.
        ack: Option<Box<str>>,
    },
    /// The sockets of a selection join rooms.
    Join {
        /// Which sockets.
        opts: Opts,
        /// Which rooms.
        rooms: Vec<Arc<str>>,
    },
    /// The sockets of a selection leave rooms.
    Leave {
        /// Which sockets.
        opts: Opts,
        /// Which rooms.
        rooms: Vec<Arc<str>>,
    },
    /// The sockets of a selection are disconnected.
    Disconnect {
        /// Which sockets.
        opts: Opts,
        /// Whether the whole connection ends.
        close: bool,
    },
    /// Describe the sockets of a selection.
    FetchSockets {
        /// The request id.
        request: Box<str>,
        /// Which sockets.
        opts: Opts,
    },
    /// An event for the servers themselves.
    ServerSideEmit {
        /// The request id, if an answer is waited for.
        request: Option<Box<str>>,
        /// The array `["name",…arguments]`.
        data: Data,
    },
    /// Classic only: the ids of the sockets in these rooms.
    SocketIds {
        /// The request id.
        request: Box<str>,
        /// The rooms; empty means the whole namespace.
        rooms: Vec<Arc<str>>,
    },
    /// Classic only: the names of all rooms, own rooms of sockets included.
    AllRooms {
        /// The request id.
        request: Box<str>,
    },
    /// Classic only, of old peers: one socket joins (`join`) or leaves one room; its owner answers [`Reply::Done`].
    LegacyRoom {
        /// The request id.
        request: Box<str>,
        /// The socket.
        socket: Box<str>,
        /// The room.
        room: Arc<str>,
        /// Join, else leave.
        join: bool,
    },
    /// Classic only, of old peers: one socket is disconnected; its owner answers [`Reply::Done`].
    LegacyDisconnect {
        /// The request id.
        request: Box<str>,
        /// The socket.
        socket: Box<str>,
        /// Whether the whole connection ends.
        close: bool,
    },
    /// ClusterAdapter: a server has started and asks who is here.
    InitialHeartbeat,
    /// ClusterAdapter: a server lives.
    Heartbeat,
    /// ClusterAdapter: a server goes.
    AdapterClose,
}

/// An answer to a command that has a request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The request id.
    pub request: Box<str>,
    /// The answer.
    pub reply: Reply,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Command::FetchSockets`].
    Sockets(Vec<RemoteSocket>),
    /// To [`Command::SocketIds`].
    SocketIds(Vec<Box<str>>),
    /// To [`Command::AllRooms`].
    Rooms(Vec<Arc<str>>),
    /// To [`Command::LegacyRoom`] and [`Command::LegacyDisconnect`].
    Done,
    /// To [`Command::ServerSideEmit`]: one value.
    ServerSideEmit(Data),
    /// To [`Command::Broadcast`] with `ack`, at once: how many clients were sent it.
    ClientCount(u64),
    /// To [`Command::Broadcast`] with `ack`, once a client: what it answered, one value.
    Ack(Data),
}

/// A socket as its server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSocket {
    /// Its id.
    pub id: Box<str>,
    /// Its handshake, as JSON text.
    pub handshake: Box<str>,
    /// Its rooms, its own one included.
    pub rooms: Vec<Arc<str>>,
    /// Its data, as JSON text.
    pub data: Box<str>,
}

/// What is published, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel.
    pub channel: String,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// Why bytes from Redis are not taken, or a value cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// They end too early, or go on after their end.
    #[error("the message has the wrong length")]
    Length,
    /// They are no MessagePack, JSON, UTF-8 or base64.
    #[error("the message is not well-formed")]
    Malformed,
    /// Deeper than [`MAX_DEPTH`].
    #[error("the message nests deeper than 512")]
    Depth,
    /// A field is missing or of another type.
    #[error("the field {0} is missing or of another type")]
    Field(&'static str),
    /// A type that is not in the protocol.
    #[error("the message is of no known type")]
    Kind,
    /// Its channel, or the message around it, is of another namespace.
    #[error("the message names another namespace than its channel")]
    Namespace,
    /// A placeholder without its attachment.
    #[error("a placeholder names no attachment")]
    Placeholder,
}

impl WireError {
    /// The `kind` label of `carillon_bus_errors_total`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Malformed => "malformed",
            Self::Depth => "depth",
            Self::Field(_) => "field",
            Self::Kind => "kind",
            Self::Namespace => "namespace",
            Self::Placeholder => "placeholder",
        }
    }
}
