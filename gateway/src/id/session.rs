//! Session ids that say where their session lives, and cannot be made up.
//!
//! 26 bytes: key id 1 · incarnation 4 · shard 1 · random 12 · MAC 8, as 35 base64url characters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::ring::Key;

/// Characters of a session id.
pub const SESSION_ID_CHARS: usize = 35;

const BYTES: usize = 26;
const SIGNED: usize = 18;

/// The secret name of one Engine.IO session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; SESSION_ID_CHARS]);

impl SessionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only base64url characters are stored")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SessionId(…)")
    }
}

/// Where a session lives, as its id tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The start of a process; a restarted process has another.
    pub incarnation: u32,
    /// The shard of that process.
    pub shard: u8,
}

/// A new id, signed with this key.
pub(super) fn mint(key: &Key, place: Tag) -> SessionId {
    let mut bytes: [u8; BYTES] = rand::random();
    bytes[0] = key.id;
    bytes[1..5].copy_from_slice(&place.incarnation.to_be_bytes());
    bytes[5] = place.shard;
    let mac = key.sign_session(&bytes[..SIGNED]);
    bytes[SIGNED..].copy_from_slice(&mac[..BYTES - SIGNED]);
    let mut text = [0; SESSION_ID_CHARS];
    URL_SAFE_NO_PAD
        .encode_slice(bytes, &mut text)
        .expect("26 bytes are 35 characters");
    SessionId(text)
}

/// The id and its place, if a key signed it. A key id that two pods have chosen alike means two keys.
pub(super) fn open(keys: &[Key], text: &str) -> Option<(SessionId, Tag)> {
    let chars: [u8; SESSION_ID_CHARS] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; BYTES];
    let filled = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    let signed_by = |key: &Key| {
        let mac = key.sign_session(&bytes[..SIGNED]);
        bool::from(mac[..BYTES - SIGNED].ct_eq(&bytes[SIGNED..]))
    };
    let mut named = keys.iter().filter(|key| key.id == bytes[0]);
    let genuine = filled == BYTES && named.any(signed_by);
    let [_, a, b, c, d, shard, ..] = bytes;
    let incarnation = u32::from_be_bytes([a, b, c, d]);
    genuine.then_some((SessionId(chars), Tag { incarnation, shard }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{KEY_BYTES, KeyRing};

    #[test]
    fn an_id_tells_its_place_to_the_holders_of_the_key() {
        let ring = KeyRing::new(0xdead_beef, 7, &[1; KEY_BYTES]);
        let id = ring.mint(3);
        assert_eq!(id.as_str().len(), SESSION_ID_CHARS);
        assert_eq!(
            ring.session(id.as_str()),
            Some((
                id,
                Tag {
                    incarnation: 0xdead_beef,
                    shard: 3
                }
            ))
        );
        let other = KeyRing::new(1, 8, &[2; KEY_BYTES]);
        assert_eq!(other.open(id.as_str()), None);
        other.accept(7, &[1; KEY_BYTES]);
        assert_eq!(
            other.open(id.as_str()),
            Some(Tag {
                incarnation: 0xdead_beef,
                shard: 3
            })
        );
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let ring = KeyRing::random();
        let id = ring.mint(0).to_string();
        for at in 0..id.len() {
            for other in ["A", "B", "_", "=", " "] {
                let mut changed = id.clone();
                changed.replace_range(at..=at, other);
                assert!(
                    changed == id || ring.open(&changed).is_none(),
                    "{id} {changed}"
                );
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let ring = KeyRing::random();
        for text in [
            "",
            "zzz",
            "__proto__",
            "\u{e9}",
            &"A".repeat(35),
            &"A".repeat(36),
            &"\u{e9}".repeat(35),
        ] {
            assert_eq!(ring.open(text), None, "{text}");
        }
    }

    #[test]
    fn debug_keeps_the_secret() {
        let ring = KeyRing::random();
        let id = ring.mint(0);
        assert!(!format!("{id:?} {ring:?}").contains(&id.to_string()));
    }
}
