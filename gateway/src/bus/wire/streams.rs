//! What the streams adapter keeps in Redis: entries of streams, and sessions that can be restored.
//!
//! Its pub/sub messages are those of [`cluster`](super::cluster) in the dialect [`Streams`](super::cluster::Dialect::Streams).

mod entry;
mod names;
mod session;

pub use entry::{Entry, decode, encode, encode_broadcast};
pub use names::{Names, entry_id, session_key};
pub use session::Session;

#[cfg(test)]
mod tests;
