//! One message on its way to every socket that it is for.

use std::{
    fmt,
    num::ParseIntError,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
    time::Instant,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::gather::{AckGather, Tally};
use crate::target::Target;

/// A message, encoded once, with what a shard needs to deliver and to account for it.
#[derive(Debug)]
pub struct Broadcast {
    /// Whom it is for.
    pub target: Target,
    /// Complete websocket server frames: the packet, then its attachments.
    pub frames: Bytes,
    /// Whether it may be dropped for a socket that has unsent bytes.
    pub volatile: bool,
    /// When this process took responsibility for it.
    pub accepted: Instant,
    /// Who sent it.
    pub source: Source,
    /// Its place in the history; given by the bus.
    pub entry: Option<EntryId>,
    /// By which it is known again, in the history that all processes share and on its way to them; given by the bus.
    pub mark: Option<Mark>,
    /// What the history keeps of it; set for every message of a namespace that has history.
    pub keep: Option<Keep>,
    /// Where its id in the history that all processes share is told.
    pub stored: Option<Stored>,
    /// Where its acks go; its frames then carry the gather's id.
    pub ack: Option<AckGather>,
    /// Where each shard reports how many sockets it delivered to.
    pub counted: Option<Arc<Tally>>,
}

impl Broadcast {
    /// A message from `source` that is neither volatile, kept, acknowledged nor counted.
    pub fn new(target: Target, frames: Bytes, accepted: Instant, source: Source) -> Self {
        Self {
            target,
            frames,
            volatile: false,
            accepted,
            source,
            entry: None,
            mark: None,
            keep: None,
            stored: None,
            ack: None,
            counted: None,
        }
    }

    /// What it occupies in an inbox, near enough for a bound.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.frames.len()
    }
}

/// What the history keeps of a message, and for how long.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The namespace's history rule when the message was accepted.
    pub limits: HistoryLimits,
    /// The event's name as JSON text, quotes included.
    pub name: Box<str>,
    /// The arguments as JSON text without the surrounding brackets.
    pub args: Box<str>,
    /// The binary arguments that placeholders in `args` name.
    pub attachments: Vec<Bytes>,
    /// The frames to replay: those of the broadcast, without an ack id.
    pub frames: Bytes,
}

/// Told once of the id that Redis gave; gone without a word where it gave none.
#[derive(Debug)]
pub struct Stored(Mutex<Option<oneshot::Sender<EntryId>>>);

impl Stored {
    /// Both ends.
    pub fn new() -> (Self, oneshot::Receiver<EntryId>) {
        let (to, from) = oneshot::channel();
        (Self(Mutex::new(Some(to))), from)
    }

    /// Takes it out: who drops it says that there is no id.
    pub(super) fn take(&self) -> Option<oneshot::Sender<EntryId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(pub u64);

impl Mark {
    /// Of the `count`th message of a process, in the order in which it publishes.
    pub const fn own(publisher: u32, count: u32) -> Self {
        Self(((publisher & !FOREIGN) as u64) << 32 | count as u64)
    }

    /// Of a message of a server that gives none: its content, so equal messages have the same.
    pub fn of_content(target: &Target, json: &str, attachments: &[Bytes]) -> Self {
        let mut hash = Sha256::new();
        let rooms = target.rooms.iter().map(|room| room.as_bytes());
        let binary = attachments.iter().map(|bytes| &**bytes);
        for part in rooms.chain([json.as_bytes()]).chain(binary) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self(u64::from_be_bytes(*first) | (FOREIGN as u64) << 32)
    }

    /// Whether it is of a server that gives none.
    pub const fn is_foreign(self) -> bool {
        self.0 >> 63 == 1
    }

    /// Whether it was published by the same process as `other`, and not after it.
    pub const fn is_up_to(self, other: Self) -> bool {
        let ahead = (other.0 as u32).wrapping_sub(self.0 as u32);
        !self.is_foreign() && self.0 >> 32 == other.0 >> 32 && ahead < 1 << 31
    }
}

/// The bit of a publisher that says that there is none.
const FOREIGN: u32 = 1 << 31;

/// How much of a room's past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The most entries a room.
    pub size: usize,
    /// The age at which an entry is forgotten.
    pub ttl: Duration,
}

/// Who sent a message; the `source` label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A client's event, by a rule's `publish`.
    Client,
    /// A call of the HTTP API.
    Http,
    /// Another server of the cluster.
    Bus,
    /// An emitter that is no server.
    Emitter,
    /// The answer of a webhook.
    Upstream,
}

impl Source {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Http => "http",
            Self::Bus => "bus",
            Self::Emitter => "emitter",
            Self::Upstream => "upstream",
        }
    }
}

/// The id of a history entry, `<milliseconds>-<sequence>`; later entries have greater ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since the epoch; on the memory bus those of the boot.
    pub millis: u64,
    /// The order within `millis`.
    pub sequence: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (millis, sequence) = text.split_once('-').ok_or(EntryIdError::NoDash)?;
        Ok(Self {
            millis: millis.parse()?,
            sequence: sequence.parse()?,
        })
    }
}

/// Why a text is no entry id.
#[derive(Debug, thiserror::Error)]
pub enum EntryIdError {
    /// The dash between the two numbers is missing.
    #[error("an entry id is <milliseconds>-<sequence>")]
    NoDash,
    /// One of the two is no number.
    #[error("an entry id is <milliseconds>-<sequence>: {0}")]
    Number(#[from] ParseIntError),
}
