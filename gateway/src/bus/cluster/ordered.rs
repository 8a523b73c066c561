//! Messages of recoverable namespaces: written to the stream, and delivered when they come back from it.
//!
//! What this process has written is held until its entry is read; so all processes deliver in one order. Where that cannot go
//! on, because Redis is away or too much is held, all that is held is delivered at once, in order, as what is not stored; an
//! entry of it that is found later is kept for others, and not delivered again.

mod held;

use std::{cell::RefCell, rc::Rc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use self::held::Held;
use super::{Cluster, format::Origin};
use crate::bus::{
    broadcast::{Broadcast, EntryId, Mark, Stored},
    redis::{Entries, LinkError, StreamEvent, Value, from_redis_value},
    wire::{Command, Envelope, WireError, cluster::Incoming, streams},
};

/// Bytes of messages that may wait for their entries.
const HELD_BYTES: usize = 32 << 20;
/// How long a stream keeps more than the longest window.
pub(super) const SLACK: Duration = Duration::from_secs(30);
/// How soon a shard that is behind is tried again.
pub(super) const STALL: Duration = Duration::from_millis(2);

/// What waits for the stream.
pub(super) struct Ordered {
    held: RefCell<Held>,
    /// The entry whose message a shard has no room for: nothing later is read before it.
    stalled: RefCell<Option<(EntryId, Box<Broadcast>)>>,
    written: mpsc::UnboundedSender<Written>,
}

/// An entry that is on its way to Redis.
pub(super) struct Written {
    lane: usize,
    mark: Mark,
    answer: oneshot::Receiver<Result<Value, LinkError>>,
    stored: Option<oneshot::Sender<EntryId>>,
}

impl Ordered {
    /// With the other end of what is on its way to Redis.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Written>) {
        let (written, on_the_way) = mpsc::unbounded_channel();
        let ordered = Self {
            held: RefCell::default(),
            stalled: RefCell::default(),
            written,
        };
        (ordered, on_the_way)
    }

    /// Whether a shard is too far behind to take more.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.borrow().is_some()
    }
}

impl Cluster {
    /// Writes a message of ours, and holds it until its entry comes.
    pub(super) fn tell_in_order(&self, mut broadcast: Box<Broadcast>) {
        self.remote.ordered(&broadcast);
        let stored = broadcast.stored.as_ref().and_then(Stored::take);
        let (lane, mark) = (broadcast.lane, broadcast.mark);
        let publish = match (self.format.entry(&broadcast), mark) {
            (Ok(publish), Some(mark)) => (publish, mark),
            (Err(error), _) => {
                self.refused(&error);
                return self.deliver_held_and(broadcast);
            }
            (Ok(_), None) => return self.deliver_held_and(broadcast),
        };
        broadcast.stored = None;
        let (publish, mark) = publish;
        let (reply, answer) = oneshot::channel();
        if let Err(error) = self.link.publish(publish, Some(reply)) {
            self.remote.lose(1);
            self.observer.error(error.label());
            return self.deliver_held_and(broadcast);
        }
        let bytes = self.ordered.held.borrow_mut().put(lane, mark, broadcast);
        // The other end lives as long as this task.
        let _ = self.ordered.written.send(Written {
            lane,
            mark,
            answer,
            stored,
        });
        if bytes > HELD_BYTES {
            self.observer.error("held_full");
        }
        if bytes > HELD_BYTES || !self.works.get().reading {
            self.deliver_held();
        }
    }

    /// Hears what becomes of our entries, for the life of the process.
    pub(super) async fn watch_written(
        self: Rc<Self>,
        mut written: mpsc::UnboundedReceiver<Written>,
    ) {
        while let Some(one) = written.recv().await {
            let Written {
                lane,
                mark,
                answer,
                stored,
            } = one;
            match answer.await {
                Ok(Ok(id)) => {
                    let id = from_redis_value::<String>(id).ok();
                    if let Some((stored, id)) = stored.zip(id.and_then(|id| id.parse().ok())) {
                        // Who published it may have gone.
                        let _ = stored.send(id);
                    }
                }
                Ok(Err(error)) if error.is_refusal() => {
                    self.remote.lose(1);
                    let refused = self.ordered.held.borrow_mut().take(lane, mark);
                    refused.into_iter().for_each(|one| self.deliver_now(one));
                }
                // Nobody knows what became of it, nor of those after it.
                Ok(Err(_)) | Err(_) => {
                    if self.ordered.held.borrow().has(lane, mark) {
                        self.deliver_held();
                    }
                }
            }
        }
    }

    /// Delivers all that is held, as what is not stored.
    pub(super) fn deliver_held(&self) {
        let held = self.ordered.held.borrow_mut().drain();
        held.for_each(|one| self.deliver_now(one));
    }

    fn deliver_held_and(&self, broadcast: Box<Broadcast>) {
        self.deliver_held();
        self.deliver_now(broadcast);
    }

    fn deliver_now(&self, broadcast: Box<Broadcast>) {
        if let Err(error) = self.bus.deliver_unstored(broadcast) {
            self.observer.error(error.label());
        }
    }

    /// Something that came by a stream.
    pub(super) fn read(self: &Rc<Self>, event: StreamEvent) {
        match event {
            StreamEvent::Up => self.now_works("", |works| works.reading = true),
            StreamEvent::CaughtUp => self.now_works("", |works| works.caught_up = true),
            StreamEvent::Down(error) => {
                self.now_works(&error.to_string(), |works| {
                    (works.reading, works.caught_up) = (false, false);
                });
                self.deliver_held();
            }
            StreamEvent::Entry(entry) => self.read_entry(&entry),
            StreamEvent::Past(entry, age) => self.read_past(&entry, age),
            StreamEvent::Begin {
                stream,
                known,
                head,
            } => {
                if let Some(lane) = self.format.lane(&stream) {
                    self.bus.begin(lane, known, head);
                }
            }
            StreamEvent::Gap { stream, upto } => {
                self.observer.error("stream_gap");
                tracing::warn!(
                    stream,
                    "the stream was cut before it was read: messages are lost"
                );
                if let Some(lane) = self.format.lane(&stream) {
                    self.bus.forget_before(lane, upto);
                }
            }
        }
    }

    fn read_entry(self: &Rc<Self>, entry: &Entries) {
        let Some((lane, id)) = self.place_of(entry) else {
            return self.observer.error("entry");
        };
        let own = self.format.own(fields(entry));
        if let Some(Some(mark)) = own {
            let held = self.ordered.held.borrow_mut().take(lane, mark);
            if let Some(broadcast) = held {
                return self.deliver_at(id, broadcast);
            }
            self.ordered.held.borrow_mut().is_read(mark);
        }
        match streams::decode(fields(entry)) {
            Ok(Incoming::Command(envelope)) if self.is_recoverable(&envelope) => {
                match (self.recoverable(envelope, lane), own) {
                    (Ok(broadcast), None) => {
                        self.observer
                            .accepted(&broadcast.target.namespace, broadcast.source);
                        self.deliver_at(id, broadcast);
                    }
                    // Delivered here already.
                    (Ok(broadcast), Some(_)) => {
                        self.bus.remember(id, broadcast);
                        self.bus.passed(lane, id);
                    }
                    (Err(error), _) => self.refused(&error),
                }
            }
            Ok(incoming) => self.take(Ok(self.format.incoming(incoming))),
            Err(error) => self.refused(&error),
        }
    }

    fn read_past(&self, entry: &Entries, age: Duration) {
        let Some((lane, id)) = self.place_of(entry) else {
            return;
        };
        // What is no message to a recoverable namespace is over.
        if let Ok(Incoming::Command(envelope)) = streams::decode(fields(entry))
            && self.is_recoverable(&envelope)
            && let Ok(mut broadcast) = self.recoverable(envelope, lane)
        {
            let accepted = broadcast.accepted.checked_sub(age);
            broadcast.accepted = accepted.unwrap_or(broadcast.accepted);
            self.bus.remember(id, broadcast);
        }
    }

    /// Tries again what a shard had no room for.
    pub(super) fn retry_stalled(&self) {
        let stalled = self.ordered.stalled.take();
        if let Some((id, broadcast)) = stalled {
            self.deliver_at(id, broadcast);
        }
    }

    fn deliver_at(&self, id: EntryId, broadcast: Box<Broadcast>) {
        if let Err(broadcast) = self.bus.deliver_at(id, broadcast) {
            *self.ordered.stalled.borrow_mut() = Some((id, broadcast));
        }
    }

    fn place_of(&self, entry: &Entries) -> Option<(usize, EntryId)> {
        Some((self.format.lane(&entry.stream)?, entry.id.parse().ok()?))
    }

    fn is_recoverable(&self, envelope: &Envelope) -> bool {
        let is_message = matches!(envelope.command, Command::Broadcast { ack: None, .. });
        let keeps = (self.keep)(&envelope.namespace);
        is_message && keeps.is_some_and(|(_, recovery)| recovery.is_some())
    }

    fn recoverable(&self, envelope: Envelope, lane: usize) -> Result<Box<Broadcast>, WireError> {
        let origin = Origin::of(&envelope, false);
        let Command::Broadcast { data, opts, .. } = envelope.command else {
            return Err(WireError::Kind);
        };
        let mut broadcast = self.received(&envelope.namespace, &data, opts, &origin, None)?;
        broadcast.lane = lane;
        Ok(Box::new(broadcast))
    }
}

fn fields(entry: &Entries) -> impl Iterator<Item = (&[u8], &[u8])> {
    let fields = entry.fields.iter();
    fields.map(|(name, value)| (&**name, &**value))
}
