//! What has come and is not yet taken, bounded in bytes.
//!
//! The library reads whatever Redis sends and cannot be made to wait. Beyond the bound a message is dropped and counted: publish
//! and subscribe promises no more, and a connection that is not read would be cut off by Redis, with all that waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, error::TryRecvError};

use super::{Event, meter::Meter};

/// The events of a link, in order.
#[derive(Debug)]
pub struct Events(UnboundedReceiver<(Event, Option<Held>)>);

/// Where events are put.
#[derive(Clone, Debug)]
pub(super) struct EventsTo(UnboundedSender<(Event, Option<Held>)>);

/// How much there may be.
#[derive(Debug)]
pub(super) struct Bound {
    bytes: AtomicUsize,
    limit: usize,
    dropped: AtomicU64,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    bound: Arc<Bound>,
    bytes: usize,
}

/// What a connection that listens tells its messages.
#[derive(Clone)]
pub(super) struct Ear {
    to: UnboundedSender<(PushInfo, Option<Held>)>,
    bound: Arc<Bound>,
}

/// Beside its bytes, what a message takes.
const OVERHEAD: usize = 256;

pub(super) fn channel() -> (EventsTo, Events) {
    let (to, from) = mpsc::unbounded_channel();
    (EventsTo(to), Events(from))
}

impl Events {
    /// The next one.
    pub async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await.map(|(event, _)| event)
    }

    /// The next one, if there is one.
    pub fn try_recv(&mut self) -> Result<Event, TryRecvError> {
        self.0.try_recv().map(|(event, _)| event)
    }
}

impl EventsTo {
    pub(super) fn send(&self, event: Event) {
        self.send_held(event, None);
    }

    pub(super) fn send_held(&self, event: Event, held: Option<Held>) {
        // The receiver lives as long as the process.
        let _ = self.0.send((event, held));
    }
}

impl Bound {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            limit,
            dropped: AtomicU64::new(0),
        })
    }

    /// How many messages were dropped since this was asked.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let held = Held {
            bound: Arc::clone(self),
            bytes,
        };
        if before > 0 && before + bytes > self.limit {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bound.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Ear {
    pub(super) fn new(bound: &Arc<Bound>) -> (Self, UnboundedReceiver<(PushInfo, Option<Held>)>) {
        let (to, from) = mpsc::unbounded_channel();
        let bound = Arc::clone(bound);
        (Self { to, bound }, from)
    }

    /// Takes what has come, unless there is too much already.
    pub(super) fn hear(&self, push: PushInfo, meter: &Meter) -> Result<(), ()> {
        meter.progress();
        let held = match push.kind {
            PushKind::Message | PushKind::PMessage | PushKind::SMessage => {
                let bytes = push.data.iter().map(size).sum::<usize>() + OVERHEAD;
                match self.bound.hold(bytes) {
                    Some(held) => Some(held),
                    None => return Ok(()),
                }
            }
            // Only these are acted upon.
            PushKind::Disconnection | PushKind::SUnsubscribe => None,
            _ => return Ok(()),
        };
        self.to.send((push, held)).map_err(|_| ())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::BulkString(bytes) => bytes.len(),
        Value::SimpleString(text) => text.len(),
        _ => 0,
    }
}
