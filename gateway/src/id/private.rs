//! The secret by which a client takes a lost socket up again.

use std::fmt;

use super::{ALPHABET, SOCKET_ID_CHARS};

/// A client's private id in one namespace. Whoever knows it can take the socket over, so its debug form hides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrivateId([u8; SOCKET_ID_CHARS]);

impl PrivateId {
    /// A new id with 120 random bits.
    pub fn random() -> Self {
        let mut id: [u8; SOCKET_ID_CHARS] = rand::random();
        for byte in &mut id {
            *byte = ALPHABET[usize::from(*byte & 63)];
        }
        Self(id)
    }

    /// Reads an id of the form that ours and Node's have.
    pub fn parse(text: &str) -> Option<Self> {
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

impl fmt::Debug for PrivateId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PrivateId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_id_is_read_back_and_hidden() {
        let id = PrivateId::random();
        assert_eq!(PrivateId::parse(id.as_str()), Some(id));
        assert_ne!(id, PrivateId::random());
        assert!(!format!("{id:?}").contains(id.as_str()));
        for text in [
            "",
            "short",
            "AAAAAAAAAAAAAAAAA AA",
            "AAAAAAAAAAAAAAAAAA\u{e9}",
        ] {
            assert_eq!(PrivateId::parse(text), None, "{text}");
        }
    }
}
