//! How bytes come in and go out: HTTP, long polling and websockets, all on the shards.
//!
//! A [`Gate`] is a shard's door. What a session means is somebody else's business: the gate asks an [`Upper`] for an
//! [`Application`] per session and hands it the messages.

mod address;
pub mod admission;
mod body;
mod connection;
mod cors;
mod forward;
mod gate;
mod http;
mod peer;
mod polling;
mod settings;
pub mod websocket;
mod wheel;

use std::rc::Rc;

pub use self::body::Body;
pub use self::cors::Cors;
pub use self::forward::{Fallback, Forwarded};
pub use self::gate::{Accepted, Gate, GateParts, Port, Seat};
pub use self::peer::{Directory, Found, PeerAddress, Static};
pub use self::settings::Settings;
use crate::hub::{Client, Close};

/// What stands above Engine.IO: it is asked once for each session.
pub trait Upper {
    /// A session has opened, whose messages have at most `max_payload` bytes each.
    fn open(&self, client: &Rc<Client>, max_payload: usize) -> Box<dyn Application>;

    /// Whether a query parameter of handshakes is kept, because a rule names it.
    fn keeps_query(&self, name: &str) -> bool;

    /// Whether a header of handshakes is kept beside `user-agent` and `origin`; lower case.
    fn keeps_header(&self, name: &str) -> bool;
}

/// One session's upper half.
pub trait Application {
    /// An Engine.IO text message.
    ///
    /// # Errors
    /// The session has to end.
    fn text(&self, text: &str) -> Result<(), Close>;

    /// An Engine.IO binary message.
    ///
    /// # Errors
    /// The session has to end.
    fn binary(&self, bytes: &[u8]) -> Result<(), Close>;

    /// Whether the client has not done yet what it came for: then `connectTimeout` ends the session.
    fn is_waiting(&self) -> bool;

    /// The session is over, for this reason of Engine.IO. Nothing is called afterwards.
    fn closed(&self, reason: &str);
}
