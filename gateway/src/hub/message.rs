//! What a message is to the hub.

use std::time::Instant;

/// How a message is delivered.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Dropped where it cannot go out at once.
    pub volatile: bool,
    /// When it was accepted, for the delivery histogram.
    pub accepted: Instant,
    /// It lies in a stream, where another process finds it for who is recoverable.
    pub stored: bool,
}

/// Encoded frames, and roughly how many bytes they are.
pub struct Frames<F: FnOnce(&mut Vec<u8>)> {
    /// An upper bound that saves the log a reallocation.
    pub hint: usize,
    /// Appends whole websocket server frames.
    pub encode: F,
}
