//! The format of `createAdapter` of `@socket.io/redis-adapter` and of `@socket.io/redis-emitter`.
//!
//! Broadcasts are MessagePack on the channel of the namespace or of its one room. Everything else goes over a request and a
//! response channel a namespace, in JSON unless it carries an event with ack or binary parts.

mod channels;
mod decode;
mod encode;

pub use channels::{Channels, Heard};
pub use decode::{
    broadcast as decode_broadcast, request as decode_request, response as decode_response,
};
pub use encode::{broadcast as encode_broadcast, command as encode, response as encode_response};

/// The numbers of the protocol.
mod kind {
    pub(super) const SOCKETS: u64 = 0;
    pub(super) const ALL_ROOMS: u64 = 1;
    pub(super) const JOIN: u64 = 2;
    pub(super) const LEAVE: u64 = 3;
    pub(super) const DISCONNECT: u64 = 4;
    pub(super) const FETCH: u64 = 5;
    pub(super) const SERVER_SIDE_EMIT: u64 = 6;
    pub(super) const BROADCAST: u64 = 7;
    pub(super) const CLIENT_COUNT: u64 = 8;
    pub(super) const ACK: u64 = 9;
}

#[cfg(test)]
mod tests;
