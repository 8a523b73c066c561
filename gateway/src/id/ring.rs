//! The keys that the pods of a cluster share: they sign session ids and the requests of one pod to another.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::session::{self, SessionId, Tag};

/// Bytes of a key of the ring.
pub const KEY_BYTES: usize = 32;

/// Keys beyond so many are not taken: each costs a MAC for an id that names it.
const MOST_KEYS: usize = 256;

/// What the second key that is made of each one is for.
const LINK: &[u8] = b"carillon peer link";

/// One key that signs, and all that are still accepted. It grows while it is in use: take it as an `Arc`.
///
/// A ring starts with a key of its own. When the cluster's is known, [`KeyRing::adopt`] has every pod sign with the same key,
/// and [`KeyRing::entries`] is what a pod puts back into a Redis that has lost it.
pub struct KeyRing {
    incarnation: u32,
    keys: RwLock<Keys>,
}

struct Keys {
    current: usize,
    all: Vec<Key>,
}

/// A key, and what is made of it.
pub(super) struct Key {
    pub(super) id: u8,
    bytes: [u8; KEY_BYTES],
    sessions: Hmac<Sha256>,
    link: Hmac<Sha256>,
    /// It came from elsewhere, or something was signed with it.
    in_use: AtomicBool,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(incarnation: u32, key_id: u8, key: &[u8; KEY_BYTES]) -> Self {
        let keys = Keys {
            current: 0,
            all: vec![Key::new(key_id, key, false)],
        };
        Self {
            incarnation,
            keys: RwLock::new(keys),
        }
    }

    /// A ring of one random key and a random incarnation.
    pub fn random() -> Self {
        let key = rand::random();
        Self::new(rand::random(), Self::key_id(&key), &key)
    }

    /// A ring of the key that a text stands for, and a random incarnation.
    pub fn of_text(text: &str) -> Self {
        let key = Sha256::digest(text).into();
        Self::new(rand::random(), Self::key_id(&key), &key)
    }

    /// The id for a key that one makes: two pods that start without a ring are unlikely to choose alike.
    pub fn key_id(key: &[u8; KEY_BYTES]) -> u8 {
        Sha256::digest(key)[0]
    }

    /// Accepts what was signed with this key too. False if the ring is full.
    pub fn accept(&self, key_id: u8, key: &[u8; KEY_BYTES]) -> bool {
        self.write().place_of(key_id, key).is_some()
    }

    /// Signs with this key from now on, which is accepted too. False if the ring is full.
    pub fn sign_with(&self, key_id: u8, key: &[u8; KEY_BYTES]) -> bool {
        let mut keys = self.write();
        let place = keys.place_of(key_id, key);
        keys.current = place.unwrap_or(keys.current);
        place.is_some()
    }

    /// Accepts the keys of the cluster, and signs with that of the lowest id, as every pod does that sees the same keys.
    pub fn adopt(&self, ring: impl IntoIterator<Item = (u8, [u8; KEY_BYTES])>) {
        let ring: Vec<_> = ring.into_iter().collect();
        for (key_id, key) in &ring {
            self.accept(*key_id, key);
        }
        if let Some((key_id, key)) = ring.iter().min() {
            self.sign_with(*key_id, key);
        }
    }

    /// The key that signs now, with its id: what a pod puts into an empty ring.
    pub fn current(&self) -> (u8, [u8; KEY_BYTES]) {
        let keys = self.read();
        let key = &keys.all[keys.current];
        (key.id, key.bytes)
    }

    /// Every key that came from elsewhere or has signed something: what a pod puts back.
    pub fn entries(&self) -> Vec<(u8, [u8; KEY_BYTES])> {
        let keys = self.read();
        let used = keys.all.iter();
        used.filter(|key| key.in_use.load(Ordering::Relaxed))
            .map(|key| (key.id, key.bytes))
            .collect()
    }

    /// What the ids of this ring carry as their process.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// A new id for a session of this process on `shard`.
    pub fn mint(&self, shard: u8) -> SessionId {
        let incarnation = self.incarnation;
        session::mint(self.read().signer(), Tag { incarnation, shard })
    }

    /// The session's place if one of our keys signed the id.
    pub fn open(&self, text: &str) -> Option<Tag> {
        self.session(text).map(|(_, tag)| tag)
    }

    /// The id as a value, if one of our keys signed it.
    pub fn session(&self, text: &str) -> Option<(SessionId, Tag)> {
        session::open(&self.read().all, text)
    }

    /// Signs a request to another pod: the id of the key, and the MAC.
    pub fn sign_link(&self, message: &[u8]) -> (u8, [u8; 32]) {
        let keys = self.read();
        let key = keys.signer();
        (key.id, mac(&key.link, message))
    }

    /// Whether a pod that holds this key signed the message.
    pub fn verify_link(&self, key_id: u8, message: &[u8], signature: &[u8]) -> bool {
        let keys = self.read();
        let mut named = keys.all.iter().filter(|key| key.id == key_id);
        named.any(|key| mac(&key.link, message).ct_eq(signature).into())
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn signer(&self) -> &Key {
        let key = &self.all[self.current];
        if !key.in_use.load(Ordering::Relaxed) {
            key.in_use.store(true, Ordering::Relaxed);
        }
        key
    }

    /// Where a key that came from elsewhere stands; `None` if there is no room for it.
    fn place_of(&mut self, id: u8, bytes: &[u8; KEY_BYTES]) -> Option<usize> {
        let known = |key: &Key| key.id == id && bool::from(key.bytes.ct_eq(bytes));
        if let Some(place) = self.all.iter().position(known) {
            self.all[place].in_use.store(true, Ordering::Relaxed);
            return Some(place);
        }
        (self.all.len() < MOST_KEYS).then(|| {
            self.all.push(Key::new(id, bytes, true));
            self.all.len() - 1
        })
    }
}

impl Key {
    fn new(id: u8, bytes: &[u8; KEY_BYTES], in_use: bool) -> Self {
        let sessions = keyed(bytes);
        let link = keyed(&mac(&sessions, LINK));
        Self {
            id,
            bytes: *bytes,
            sessions,
            link,
            in_use: AtomicBool::new(in_use),
        }
    }

    pub(super) fn sign_session(&self, message: &[u8]) -> [u8; 32] {
        mac(&self.sessions, message)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeyRing")
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

fn keyed(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; KEY_BYTES] = [1; KEY_BYTES];
    const B: [u8; KEY_BYTES] = [2; KEY_BYTES];

    #[test]
    fn pods_that_see_the_same_keys_sign_with_the_same() {
        let (one, two) = (KeyRing::new(1, 9, &A), KeyRing::new(2, 4, &B));
        let early = one.mint(0);
        assert_eq!(two.open(early.as_str()), None);
        let ring = [one.current(), two.current()];
        one.adopt(ring);
        two.adopt(ring.into_iter().rev());
        assert_eq!((one.current(), two.current()), ((4, B), (4, B)));
        for id in [early, one.mint(0)] {
            assert_eq!(two.open(id.as_str()).map(|tag| tag.incarnation), Some(1));
        }
    }

    #[test]
    fn two_keys_of_one_id_are_both_accepted() {
        let (one, two) = (KeyRing::new(1, 7, &A), KeyRing::new(2, 7, &B));
        let id = two.mint(0);
        assert!(one.accept(7, &B) && one.accept(7, &B));
        assert!(one.open(id.as_str()).is_some() && one.open(one.mint(0).as_str()).is_some());
        assert_eq!(one.current(), (7, A));
    }

    #[test]
    fn only_keys_in_use_are_put_back() {
        let ring = KeyRing::new(1, 7, &A);
        assert_eq!(ring.entries(), []);
        ring.adopt([(3, B)]);
        assert_eq!(ring.entries(), [(3, B)]);
        ring.adopt([]);
        ring.mint(0);
        assert_eq!(ring.current(), (3, B));
        let alone = KeyRing::new(1, 7, &A);
        alone.mint(0);
        assert_eq!(alone.entries(), [(7, A)]);
    }

    #[test]
    fn a_ring_has_a_bound() {
        let ring = KeyRing::random();
        for n in 0..300_u32 {
            let mut key = [0; KEY_BYTES];
            key[..4].copy_from_slice(&n.to_be_bytes());
            assert_eq!(ring.accept(0, &key), n < 255, "{n}");
        }
        assert!(!ring.sign_with(1, &[9; KEY_BYTES]));
    }

    #[test]
    fn a_text_is_a_key() {
        let (one, two) = (KeyRing::of_text("a text"), KeyRing::of_text("a text"));
        assert!(two.open(one.mint(0).as_str()).is_some());
        assert!(KeyRing::of_text("b").open(one.mint(0).as_str()).is_none());
    }

    #[test]
    fn a_signature_of_the_link_holds_for_its_message_and_its_key() {
        let (one, two) = (KeyRing::new(1, 7, &A), KeyRing::new(2, 7, &A));
        let (id, signature) = one.sign_link(b"message");
        assert!(two.verify_link(id, b"message", &signature));
        for (id, message, signature) in [
            (id, &b"massage"[..], &signature[..]),
            (id + 1, b"message", &signature),
            (id, b"message", &signature[..8]),
            (id, b"message", &[]),
        ] {
            assert!(!two.verify_link(id, message, signature));
        }
        assert!(!KeyRing::new(2, 7, &B).verify_link(id, b"message", &signature));
    }
}
