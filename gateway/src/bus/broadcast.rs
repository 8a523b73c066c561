//! One message on its way to every socket that it is for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
    time::Instant,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::gather::{AckGather, Tally};
pub use crate::id::{EntryId, EntryIdError};
use crate::socket::encode;
use crate::target::Target;

/// A message, encoded once, with what a shard needs to deliver and to account for it.
#[derive(Debug)]
pub struct Broadcast {
    /// Whom it is for.
    pub target: Target,
    /// Complete websocket server frames: the packet, then its attachments. Empty until the bus has given the message its
    /// place, where the frames tell it ([`Keep::recovery`]).
    pub frames: Bytes,
    /// Whether it may be dropped for a socket that has unsent bytes.
    pub volatile: bool,
    /// When this process took responsibility for it.
    pub accepted: Instant,
    /// Who sent it.
    pub source: Source,
    /// Which order it belongs to: 0 is that of this process, the others are those of the streams; given by the bus.
    pub lane: usize,
    /// Its place in the order; given by the bus.
    pub entry: Option<EntryId>,
    /// By which it is known again, in the history that all processes share and on its way to them; given by the bus.
    pub mark: Option<Mark>,
    /// What is kept of it; set for every message of a namespace that has history or recovery.
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
            lane: 0,
            entry: None,
            mark: None,
            keep: None,
            stored: None,
            ack: None,
            counted: None,
        }
    }

    /// Whether clients that come back are told what they missed of it.
    pub(super) fn is_recoverable(&self) -> bool {
        let kept = self.keep.as_ref();
        !self.volatile && self.ack.is_none() && kept.is_some_and(|keep| keep.recovery.is_some())
    }

    /// Whether it lies in a stream, where whoever knows up to where a client was told finds it.
    pub fn is_in_stream(&self) -> bool {
        self.lane > 0 && self.entry.is_some() && self.is_recoverable()
    }

    /// Encodes what ends with its place, `offset`, when that is known; nothing happens the second time.
    pub(super) fn seal(&mut self, offset: EntryId) {
        let Some(keep) = &mut self.keep else { return };
        if keep.recovery.is_none() || self.ack.is_some() || !self.frames.is_empty() {
            return;
        }
        let nsp = &*self.target.namespace;
        let binary: usize = keep.attachments.iter().map(|part| part.len() + 10).sum();
        let len = OVERHEAD + nsp.len() + keep.name.len() + keep.args.len() + binary;
        let mut out = Vec::with_capacity(len);
        let offset = offset.to_string();
        encode::event_at(
            &mut out,
            nsp,
            &keep.name,
            &keep.args,
            &offset,
            &keep.attachments,
        );
        self.frames = out.into();
        if keep.limits == HistoryLimits::NONE && self.entry.is_some() {
            // Nobody encodes it again. What has no place is told at another one where its socket moves here.
            keep.args = Box::default();
            keep.attachments = Vec::new();
        }
    }

    /// What it occupies in an inbox, near enough for a bound.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.frames.len()
    }

    /// What it occupies before it is encoded.
    pub(super) fn unsealed_weight(&self) -> usize {
        let of_keep = |keep: &Keep| {
            let binary: usize = keep.attachments.iter().map(Bytes::len).sum();
            keep.name.len() + keep.args.len() + binary
        };
        self.weight() + self.keep.as_ref().map_or(0, of_keep)
    }
}

/// The header of a frame, the packet's own characters, and an offset.
const OVERHEAD: usize = 96;

/// What is kept of a message, and for how long.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The namespace's history rule when the message was accepted.
    pub limits: HistoryLimits,
    /// The window of the namespace's recovery rule: the bus then makes the message's frames, which end with an offset.
    pub recovery: Option<Duration>,
    /// The event's name as JSON text, quotes included.
    pub name: Box<str>,
    /// The arguments as JSON text without the surrounding brackets.
    pub args: Box<str>,
    /// The binary arguments that placeholders in `args` name.
    pub attachments: Vec<Bytes>,
    /// The frames to replay: those of the broadcast, without an ack id. Empty with recovery, where a replay tells a place too.
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

impl HistoryLimits {
    /// No history.
    pub const NONE: Self = Self {
        size: 0,
        ttl: Duration::ZERO,
    };
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
