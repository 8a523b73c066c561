//! Who is here, and what each still has to be sent: the sockets and rooms of one shard, and their outboxes.
//!
//! A publisher never writes to a connection. It appends the encoded frames to the shard's log once, puts a range of it on the
//! backlog of every recipient, and the flusher sends once per dirty connection after the ready tasks of the tick.

mod backlog;
mod client;
mod flush;
mod log;
mod message;
mod moving;
mod namespace;
mod restorable;
mod room;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

pub use self::client::{Batch, Client, Close, Handshake, Link, Owner};
use self::log::{Entry, Log, MeterId};
pub use self::message::{Frames, Terms};
pub use self::moving::Unsent;
pub use self::namespace::{BacklogLimit, Namespace, Watch};
pub use self::restorable::Restorable;
pub use self::room::{Room, Socket};
use crate::admin::metrics::{DropReason, NamespaceMetrics};
use crate::id::SocketId;
use crate::target::Target;

/// The state of one shard.
pub struct Hub {
    log: RefCell<Log>,
    dirty: RefCell<Vec<Rc<Client>>>,
    wake_flusher: Notify,
    /// Who waits until a connection has nothing unsent.
    drains: RefCell<Vec<(Rc<Client>, oneshot::Sender<()>)>>,
    namespaces: RefCell<HashMap<Arc<str>, Rc<Namespace>>>,
    meters: RefCell<Vec<Arc<NamespaceMetrics>>>,
    /// Messages taken for a poll whose body is not written yet.
    in_flight: RefCell<Vec<u32>>,
    samples: Cell<u32>,
    started: Instant,
    watch: RefCell<Option<Rc<dyn Watch>>>,
}

/// Bytes of answers to a connection that does not read: pongs, and what is told before it has a socket.
const UNCOUNTED_LIMIT: usize = 1 << 20;

impl Hub {
    /// An empty shard, at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self {
            log: RefCell::new(Log::new()),
            dirty: RefCell::default(),
            wake_flusher: Notify::new(),
            drains: RefCell::default(),
            namespaces: RefCell::default(),
            meters: RefCell::new(vec![Arc::default()]),
            in_flight: RefCell::new(vec![0]),
            samples: Cell::new(0),
            started: now,
            watch: RefCell::default(),
        })
    }

    /// Tells `watch` what is used here; called before the first namespace opens.
    pub fn watch(&self, watch: Rc<dyn Watch>) {
        *self.watch.borrow_mut() = Some(watch);
    }

    /// The namespace of that name, if a socket is (or lately was) in it.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Rc<Namespace>> {
        self.namespaces.borrow().get(name).cloned()
    }

    /// Every namespace that exists here.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Rc<Namespace>> {
        self.namespaces.borrow().values().cloned().collect()
    }

    /// Makes the namespace, or gives an existing one its current rule.
    pub fn open_namespace(
        &self,
        name: &str,
        metrics: &Arc<NamespaceMetrics>,
        backlog: BacklogLimit,
    ) -> Rc<Namespace> {
        let meter = self.meter(metrics);
        if let Some(namespace) = self.namespace(name) {
            let before = namespace.meter.replace(meter);
            if before != meter {
                // Its sockets were counted under the rule that it had before.
                let meters = self.meters.borrow();
                for _ in 0..namespace.socket_count() {
                    meters[usize::from(before.0)].socket_disconnected();
                    metrics.socket_connected();
                }
            }
            namespace.backlog.set(backlog);
            return namespace;
        }
        let watch = self.watch.borrow().clone();
        let namespace = Namespace::new(name.into(), meter, backlog, watch);
        self.namespaces
            .borrow_mut()
            .insert(namespace.name.clone(), namespace.clone());
        namespace
    }

    /// Forgets a namespace without sockets.
    pub fn close_namespace(&self, namespace: &Namespace) {
        if namespace.socket_count() == 0 {
            self.namespaces.borrow_mut().remove(&namespace.name);
        }
    }

    /// Connects a socket; `connected` in milliseconds since the epoch.
    pub fn connect(
        &self,
        namespace: &Rc<Namespace>,
        id: SocketId,
        client: &Rc<Client>,
        connected: u64,
    ) -> Rc<Socket> {
        self.metrics(namespace).socket_connected();
        namespace.connect(id, client, connected)
    }

    /// Takes a socket out of its rooms and its namespace; nothing happens the second time.
    pub fn disconnect(&self, socket: &Rc<Socket>) {
        if socket.is_connected() {
            self.metrics(&socket.namespace).socket_disconnected();
            socket.namespace.disconnect(socket);
        }
    }

    /// Puts a socket into a room; false if it was there.
    pub fn join(&self, socket: &Rc<Socket>, room: &str) -> bool {
        socket.namespace.join(socket, room)
    }

    /// Takes a socket out of a room; false if it was not there.
    pub fn leave(&self, socket: &Rc<Socket>, room: &str) -> bool {
        socket.namespace.leave(socket, room)
    }

    /// The sockets that `target` selects on this shard.
    #[must_use]
    pub fn select(&self, target: &Target) -> Vec<Rc<Socket>> {
        let mut selected = Vec::new();
        if let Some(namespace) = self.namespace(&target.namespace) {
            namespace.select(target, |_, socket| selected.push(socket.clone()));
        }
        selected
    }

    /// Encodes a message once and delivers it to all that `target` selects and `admits` takes; returns how many that are.
    pub fn broadcast<F: FnOnce(&mut Vec<u8>)>(
        &self,
        namespace: &Rc<Namespace>,
        target: &Target,
        terms: Terms,
        frames: Frames<F>,
        mut admits: impl FnMut(&Rc<Socket>) -> bool,
    ) -> u32 {
        let entry = Entry {
            meter: namespace.meter.get(),
            volatile: terms.volatile,
            accepted: terms.accepted,
        };
        let range = self
            .log
            .borrow_mut()
            .append(frames.hint, entry, frames.encode);
        let mut recipients = 0;
        namespace.select(target, |client, socket| {
            if admits(socket) {
                recipients += 1;
                let calmly = terms.stored && socket.is_recoverable();
                if self.deliver(namespace, client, &range, terms.volatile) && !calmly {
                    client.calm.set(false);
                }
            }
        });
        if recipients == 0 {
            // Nobody is dirty, so perhaps no flush comes that would take note of it.
            self.log.borrow_mut().unobserve();
        }
        self.metrics(namespace).expected(recipients);
        recipients
    }

    /// Sends one counted message to one socket.
    pub fn emit<F: FnOnce(&mut Vec<u8>)>(&self, socket: &Socket, terms: Terms, frames: Frames<F>) {
        self.emit_to(&socket.namespace, &socket.client, terms, frames);
    }

    /// Sends one counted message of a namespace to a connection, whose socket there may be still to come.
    pub fn emit_to<F: FnOnce(&mut Vec<u8>)>(
        &self,
        namespace: &Namespace,
        client: &Rc<Client>,
        terms: Terms,
        frames: Frames<F>,
    ) {
        let entry = Entry {
            meter: namespace.meter.get(),
            volatile: terms.volatile,
            accepted: terms.accepted,
        };
        let range = self
            .log
            .borrow_mut()
            .append(frames.hint, entry, frames.encode);
        self.metrics(namespace).expected(1);
        if self.deliver(namespace, client, &range, terms.volatile) {
            client.calm.set(false);
        }
    }

    /// Sends what is no delivery: Engine.IO packets, websocket control frames.
    pub fn send<F: FnOnce(&mut Vec<u8>)>(&self, client: &Rc<Client>, frames: Frames<F>) {
        self.send_all(std::iter::once(client), frames);
    }

    /// The same frames to many.
    pub fn send_all<'a, F: FnOnce(&mut Vec<u8>)>(
        &self,
        clients: impl Iterator<Item = &'a Rc<Client>>,
        frames: Frames<F>,
    ) {
        let range = self.append_uncounted(frames);
        for client in clients {
            self.push_uncounted(client, &range, UNCOUNTED_LIMIT);
        }
    }

    /// Sends what a socket is told beside its messages: connects and acks. They count for its backlog too, and cannot be skipped.
    pub fn answer<F: FnOnce(&mut Vec<u8>)>(&self, socket: &Socket, frames: Frames<F>) {
        let range = self.append_uncounted(frames);
        self.push_uncounted(&socket.client, &range, socket.namespace.backlog.get().bytes);
    }

    fn append_uncounted<F: FnOnce(&mut Vec<u8>)>(&self, frames: Frames<F>) -> log::Range {
        let entry = Entry {
            meter: MeterId::UNCOUNTED,
            volatile: false,
            accepted: self.started,
        };
        self.log
            .borrow_mut()
            .append(frames.hint, entry, frames.encode)
    }

    fn push_uncounted(&self, client: &Rc<Client>, range: &log::Range, limit: usize) {
        if client.is_closing() {
            return;
        }
        if client.unsent() + range.len() > limit {
            let unsent = client.unsent_of(MeterId::UNCOUNTED);
            if unsent > 0 && unsent + range.len() > limit {
                return self.close(client, Close::Backlog);
            }
        }
        client.push(range);
        client.calm.set(false);
        self.schedule(client);
    }

    /// Decides the end of a connection: what is on its backlog is sent if it can be, then its owner is told.
    pub fn close(&self, client: &Rc<Client>, close: Close) {
        if !client.is_closing() {
            client.closing.set(Some(close));
            self.schedule(client);
        }
    }

    /// Puts a message on the backlog of a recipient; false if it is dropped.
    #[inline]
    fn deliver(
        &self,
        namespace: &Namespace,
        client: &Rc<Client>,
        range: &log::Range,
        volatile: bool,
    ) -> bool {
        let limit = namespace.backlog.get();
        let dropped = if client.is_closing() {
            Some(DropReason::Closing)
        } else if volatile && !client.is_writable() {
            Some(DropReason::Volatile)
        } else if client.unsent() + range.len() > limit.bytes
            && !self.make_room(namespace, client, range.len(), limit)
        {
            Some(DropReason::Backlog)
        } else {
            None
        };
        if let Some(reason) = dropped {
            self.metrics(namespace).dropped(reason, 1);
            return false;
        }
        client.push(range);
        self.schedule(client);
        true
    }

    /// A connection holds more than its limit: volatile messages go first, then the rule says what follows.
    #[cold]
    fn make_room(
        &self,
        namespace: &Namespace,
        client: &Rc<Client>,
        len: usize,
        limit: BacklogLimit,
    ) -> bool {
        self.drop_volatile(client);
        // An empty backlog takes one message of any size: `maxPayload` bounds it, and nothing smaller would ever go out.
        let meter = namespace.meter.get();
        let unsent = client.unsent_of(meter);
        if unsent == 0 || unsent + len <= limit.bytes {
            return true;
        }
        if !limit.skip {
            self.close(client, Close::Backlog);
        }
        false
    }

    #[inline]
    fn schedule(&self, client: &Rc<Client>) {
        if !client.scheduled.replace(true) {
            let mut dirty = self.dirty.borrow_mut();
            if dirty.is_empty() {
                self.wake_flusher.notify_one();
            }
            dirty.push(client.clone());
        }
    }

    /// Counted messages that are neither delivered nor dropped yet, by the metrics of their namespace.
    pub fn pending<'a>(
        &self,
        clients: impl Iterator<Item = &'a Rc<Client>>,
    ) -> Vec<(Arc<NamespaceMetrics>, u64)> {
        let mut pending: Vec<u64> = self
            .in_flight
            .borrow()
            .iter()
            .map(|count| u64::from(*count))
            .collect();
        for client in clients {
            client.pending(|(meter, count)| pending[usize::from(meter.0)] += u64::from(count));
        }
        self.meters
            .borrow()
            .iter()
            .cloned()
            .zip(pending)
            .skip(1)
            .collect()
    }

    fn meter(&self, metrics: &Arc<NamespaceMetrics>) -> MeterId {
        let mut meters = self.meters.borrow_mut();
        let index = meters
            .iter()
            .position(|known| Arc::ptr_eq(known, metrics))
            .unwrap_or_else(|| {
                meters.push(metrics.clone());
                self.in_flight.borrow_mut().push(0);
                meters.len() - 1
            });
        MeterId(u16::try_from(index).expect("a document has fewer namespaces than that"))
    }

    #[inline]
    fn metrics(&self, namespace: &Namespace) -> std::cell::Ref<'_, NamespaceMetrics> {
        std::cell::Ref::map(self.meters.borrow(), |meters| {
            &*meters[usize::from(namespace.meter.get().0)]
        })
    }
}

#[cfg(test)]
mod tests;
