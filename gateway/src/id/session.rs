//! Session ids that say where their session lives, and cannot be made up.
//!
//! 26 bytes: key id 1 · incarnation 4 · shard 1 · random 12 · MAC 8, as 35 base64url characters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Characters of a session id.
pub const SESSION_ID_CHARS: usize = 35;

/// Bytes of a key of the ring.
pub const KEY_BYTES: usize = 32;

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

/// The keys that sign session ids: one that signs, and all that are still accepted.
#[derive(Clone)]
pub struct KeyRing {
    incarnation: u32,
    current: u8,
    keys: Vec<(u8, Hmac<Sha256>)>,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(incarnation: u32, key_id: u8, key: &[u8; KEY_BYTES]) -> Self {
        Self {
            incarnation,
            current: key_id,
            keys: vec![(key_id, keyed(key))],
        }
    }

    /// A ring of one random key and a random incarnation, for a process that is alone.
    pub fn random() -> Self {
        Self::new(rand::random(), 0, &rand::random())
    }

    /// Accepts ids that were signed with this key too; a known key id keeps its key.
    pub fn accept(&mut self, key_id: u8, key: &[u8; KEY_BYTES]) {
        if self.key(key_id).is_none() {
            self.keys.push((key_id, keyed(key)));
        }
    }

    /// What the ids of this ring carry as their process.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// A new id for a session of this process on `shard`.
    pub fn mint(&self, shard: u8) -> SessionId {
        let mut bytes: [u8; BYTES] = rand::random();
        bytes[0] = self.current;
        bytes[1..5].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[5] = shard;
        let key = self
            .key(self.current)
            .expect("the current key is put in by the constructor");
        let mac = sign(key, &bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&mac);
        let mut text = [0; SESSION_ID_CHARS];
        URL_SAFE_NO_PAD
            .encode_slice(bytes, &mut text)
            .expect("26 bytes are 35 characters");
        SessionId(text)
    }

    /// The session's place if one of our keys signed the id.
    pub fn open(&self, text: &str) -> Option<Tag> {
        let mut bytes = [0; BYTES];
        let filled = (text.len() == SESSION_ID_CHARS)
            .then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())
            .flatten()?;
        let key = self.key(bytes[0])?;
        let mac = sign(key, &bytes[..SIGNED]);
        let genuine = filled == BYTES && bool::from(mac.ct_eq(&bytes[SIGNED..]));
        let [_, a, b, c, d, shard, ..] = bytes;
        genuine.then_some(Tag {
            incarnation: u32::from_be_bytes([a, b, c, d]),
            shard,
        })
    }

    /// The id as a value, if one of our keys signed it.
    pub fn session(&self, text: &str) -> Option<(SessionId, Tag)> {
        let tag = self.open(text)?;
        Some((SessionId(text.as_bytes().try_into().ok()?), tag))
    }

    fn key(&self, id: u8) -> Option<&Hmac<Sha256>> {
        self.keys
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, key)| key)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeyRing")
            .field("incarnation", &self.incarnation)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

fn keyed(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn sign(key: &Hmac<Sha256>, message: &[u8]) -> [u8; BYTES - SIGNED] {
    let mut mac = key.clone();
    mac.update(message);
    let full = mac.finalize().into_bytes();
    let mut short = [0; BYTES - SIGNED];
    short.copy_from_slice(&full[..BYTES - SIGNED]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut other = KeyRing::new(1, 8, &[2; KEY_BYTES]);
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
