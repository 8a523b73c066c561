//! Websockets, RFC 6455.

pub mod frame;
pub mod handshake;
