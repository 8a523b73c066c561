//! Names of sockets, sessions and nodes.
//!
//! A socket id is public: rooms are named by it. A session id is a secret that opens the session, so it
//! is never derived from a socket id, and its debug form hides it.

mod entry;
mod private;
mod ring;
mod session;
mod version;

use std::fmt;
use std::sync::Arc;

pub use entry::{EntryId, EntryIdError};
pub use private::PrivateId;
pub use ring::{KEY_BYTES, KeyRing};
pub use session::{SESSION_ID_CHARS, SessionId, Tag};
pub use version::Version;

/// Characters of every socket id: peers tell rooms from ids by this length.
pub const SOCKET_ID_CHARS: usize = 20;

/// How each socket id begins. No room template may render to a name that begins so.
pub const SOCKET_ID_PREFIX: &str = "-_";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The public id of one socket (a client in one namespace), also the name of its own room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; SOCKET_ID_CHARS]);

impl SocketId {
    /// A new id with 108 random bits.
    pub fn random() -> Self {
        let mut id: [u8; SOCKET_ID_CHARS] = rand::random();
        for byte in &mut id {
            *byte = ALPHABET[usize::from(*byte & 63)];
        }
        id[..SOCKET_ID_PREFIX.len()].copy_from_slice(SOCKET_ID_PREFIX.as_bytes());
        Self(id)
    }

    /// Reads an id of ours; `None` for a room name or a foreign id.
    pub fn parse(text: &str) -> Option<Self> {
        let id: [u8; SOCKET_ID_CHARS] = text.as_bytes().try_into().ok()?;
        let ours =
            text.starts_with(SOCKET_ID_PREFIX) && id.iter().all(|byte| ALPHABET.contains(byte));
        ours.then_some(Self(id))
    }

    /// Reads the id of a socket that another server of the cluster may have named: of the same length and alphabet.
    pub fn of_peer(text: &str) -> Option<Self> {
        let id: [u8; SOCKET_ID_CHARS] = text.as_bytes().try_into().ok()?;
        id.iter()
            .all(|byte| ALPHABET.contains(byte))
            .then_some(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only characters of the alphabet are stored")
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The name of one process among its peers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A name that was chosen from outside.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// 16 random hexadecimal digits.
    pub fn random() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()).into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_ids_are_twenty_characters_with_our_prefix() {
        let id = SocketId::random();
        assert_eq!(id.as_str().len(), SOCKET_ID_CHARS);
        assert!(id.as_str().starts_with(SOCKET_ID_PREFIX));
        assert_eq!(SocketId::parse(id.as_str()), Some(id));
        assert_ne!(id, SocketId::random());
    }

    #[test]
    fn foreign_names_are_no_socket_ids() {
        for name in [
            "",
            "-_",
            "-_short",
            "AAAAAAAAAAAAAAAAAAAA",
            "-_AAAAAAAAAAAAAAAAA AA",
            "-_AAAAAAAAAAAAAAAA\u{e9}",
        ] {
            assert_eq!(SocketId::parse(name), None, "{name}");
        }
        let of_node = "HY5IDOBt1GyRnlldAAAC";
        assert_eq!(SocketId::of_peer(of_node).unwrap().as_str(), of_node);
        for name in ["", "short", "HY5IDOBt1GyRnlldAAA C"] {
            assert_eq!(SocketId::of_peer(name), None, "{name}");
        }
    }

    #[test]
    fn a_random_node_name_is_sixteen_digits() {
        let name = NodeId::random();
        assert_eq!(name.as_str().len(), 16);
        assert_eq!(NodeId::named(name.as_str()), name);
    }
}
