//! Which pod has which incarnation, and where it listens.

use std::collections::HashMap;
use std::future::{self, Future};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a pod's peer port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// Its address and port.
    pub address: SocketAddr,
    /// It takes no new sessions any more; those that it has it still serves.
    pub draining: bool,
}

/// What is known of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its lease is live.
    Here(PeerAddress),
    /// Its lease is absent, which is no proof of death, and here it was last: only a refused connection, or another incarnation
    /// there, means that it is gone.
    Stale(PeerAddress),
    /// Nobody knows it.
    Gone,
}

/// Finds pods. It is shared by the shards and asked on their threads: an answer comes from memory, or from the control thread.
pub trait Directory: Send + Sync {
    /// Looks up an incarnation other than our own.
    fn find(&self, incarnation: u32) -> Pin<Box<dyn Future<Output = Found>>>;
}

/// A directory that is filled by hand.
#[derive(Debug, Default)]
pub struct Static(Mutex<HashMap<u32, Found>>);

impl Static {
    /// Says what is found for an incarnation from now on.
    pub fn set(&self, incarnation: u32, found: Found) {
        self.entries().insert(incarnation, found);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<u32, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory for Static {
    fn find(&self, incarnation: u32) -> Pin<Box<dyn Future<Output = Found>>> {
        let found = self.entries().get(&incarnation).copied();
        Box::pin(future::ready(found.unwrap_or(Found::Gone)))
    }
}
