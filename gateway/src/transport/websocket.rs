//! Websockets: the opening handshake, and the loop that reads without a buffer of its own.

pub mod frame;
pub mod handshake;
mod read;
pub(super) mod session;

use std::rc::Rc;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub use self::read::{Ended, Handler, read};

/// An upgraded connection, taken out of the HTTP machinery.
pub struct Stream {
    /// To read from.
    pub reader: OwnedReadHalf,
    /// To write to.
    pub writer: Rc<OwnedWriteHalf>,
    /// What was read past the handshake.
    pub ahead: Vec<u8>,
}

impl Stream {
    /// Takes the TCP connection out of an upgrade; `None` if it is none. `is_foreign` says that it belongs to another
    /// thread's reactor, from which it is moved to this one's.
    #[must_use]
    pub fn take(upgraded: Upgraded, is_foreign: bool) -> Option<Self> {
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
        let mut stream = parts.io.into_inner();
        if is_foreign {
            stream = TcpStream::from_std(stream.into_std().ok()?).ok()?;
        }
        let (reader, writer) = stream.into_split();
        Some(Self {
            reader,
            writer: Rc::new(writer),
            ahead: parts.read_buf.to_vec(),
        })
    }
}
