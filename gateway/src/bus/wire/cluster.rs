//! The messages of the ClusterAdapter family, in the dialects of the sharded adapter and of the streams adapter's pub/sub.

mod channels;
mod decode;
mod encode;

use std::sync::Arc;

use super::{Envelope, Response};

pub use channels::{Channels, SubscriptionMode};
pub use decode::decode;
pub(super) use decode::message;
pub(super) use encode::{body, broadcast_body, kind_of};
pub use encode::{broadcast as encode_broadcast, command as encode, response as encode_response};
pub(super) use kind::BROADCAST;

/// In which notation messages are sent; both are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON, or MessagePack where there are binary parts.
    Sharded,
    /// Always MessagePack.
    Streams,
}

/// A message of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Something is to be done.
    Command(Envelope),
    /// Something was asked, and is answered.
    Response {
        /// The `uid` of the server that answers.
        from: Box<str>,
        /// The namespace.
        namespace: Arc<str>,
        /// The answer.
        response: Response,
    },
}

/// The numbers of the protocol.
mod kind {
    pub(super) const INITIAL_HEARTBEAT: u64 = 1;
    pub(super) const HEARTBEAT: u64 = 2;
    pub(in crate::bus::wire) const BROADCAST: u64 = 3;
    pub(super) const JOIN: u64 = 4;
    pub(super) const LEAVE: u64 = 5;
    pub(super) const DISCONNECT: u64 = 6;
    pub(super) const FETCH: u64 = 7;
    pub(super) const FETCH_RESPONSE: u64 = 8;
    pub(super) const SERVER_SIDE_EMIT: u64 = 9;
    pub(super) const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
    pub(super) const CLIENT_COUNT: u64 = 11;
    pub(super) const ACK: u64 = 12;
    pub(super) const CLOSE: u64 = 13;
}

#[cfg(test)]
mod tests;
