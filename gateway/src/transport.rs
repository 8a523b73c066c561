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

use std::future;
use std::pin::Pin;
use std::rc::Rc;

pub use self::body::Body;
pub use self::cors::Cors;
pub use self::forward::{Fallback, Forwarded};
pub use self::gate::{Accepted, Gate, GateParts, Port, Seat};
pub use self::peer::{Directory, Found, PeerAddress, Static};
pub use self::settings::Settings;
use crate::hub::{Client, Close};
use crate::node::{Outline, Stays};

/// What stands above Engine.IO: it is asked once for each session.
pub trait Upper {
    /// A session has opened, whose messages have at most `max_payload` bytes each.
    fn open(&self, client: &Rc<Client>, max_payload: usize) -> Box<dyn Application>;

    /// A session of another pod, with this outline of its ([`Application::outline`]), is about to move here: it takes its
    /// place, and keeps what comes for it. `None` if that cannot be.
    fn hold(&self, _client: &Rc<Client>, _max_payload: usize, _outline: &Outline) -> Option<Held> {
        None
    }

    /// Waits until all pods have taken what was published up to now for the sockets of an outline; false if that is not known.
    fn pass_fences(&self, _outline: &Outline) -> Pin<Box<dyn Future<Output = bool>>> {
        Box::pin(future::ready(false))
    }

    /// Whether a query parameter of handshakes is kept, because a rule names it.
    fn keeps_query(&self, name: &str) -> bool;

    /// Whether a header of handshakes is kept beside `user-agent` and `origin`; lower case.
    fn keeps_header(&self, name: &str) -> bool;
}

/// A session that is held, and what comes once all that is for it reaches it.
pub struct Held {
    /// Its upper half.
    pub application: Box<dyn Application>,
    /// It is heard; false if something of that is not to be had here.
    pub heard: Pin<Box<dyn Future<Output = bool>>>,
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

    /// Whether the client takes what it is sent, from now on: by a websocket, as at first, or by a poll that has come and whose link
    /// has not broken.
    fn listening(&self, _listens: bool) {}

    /// The session is over, for this reason of Engine.IO. Nothing is called afterwards.
    fn closed(&self, reason: &str);

    /// What another pod needs to hold its place.
    ///
    /// # Errors
    /// The session cannot be moved, or not now.
    fn outline(&self) -> Result<Outline, Stays> {
        Err(Stays::Always)
    }

    /// All that another pod needs beside the outline.
    fn snapshot(&self) -> Option<String> {
        None
    }

    /// The session goes on elsewhere. Nothing but [`Self::closed`] is called afterwards.
    fn moved(&self) {}

    /// Takes a snapshot of the other pod; false if it does not fit the outline by which this session was held.
    fn restore<'a>(&'a self, _snapshot: &'a str) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
        Box::pin(future::ready(false))
    }
}
