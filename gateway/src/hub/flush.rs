//! The flusher: one send per dirty connection and tick.

use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::time::Instant;

use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::oneshot;
use tokio::task;

use super::backlog::Backlog;
use super::client::{Batch, Client, Close, Link};
use super::log::{Count, Entry, MeterId};
use super::{DropReason, Hub};

const FLUSHES_PER_YIELD: usize = 256;
/// A send takes at most so many ranges; more than one is rare.
const SLICES: usize = 16;
/// One in so many deliveries is observed by itself, beside the one observation of each flush.
const SAMPLE: u32 = 256;

impl Hub {
    /// Runs for the life of the shard.
    pub async fn flush_forever(self: Rc<Self>, now: fn() -> Instant) {
        let mut batch = Vec::new();
        loop {
            self.wake_flusher.notified().await;
            std::mem::swap(&mut batch, &mut *self.dirty.borrow_mut());
            for (index, client) in batch.drain(..).enumerate() {
                self.flush(&client);
                if index % FLUSHES_PER_YIELD == FLUSHES_PER_YIELD - 1 {
                    task::yield_now().await;
                }
            }
            self.observe(now());
            self.tell_drained();
        }
    }

    /// Waits until nothing is unsent on a connection, or until its end is decided.
    pub async fn drained(&self, client: &Rc<Client>) {
        while client.unsent() > 0 && !client.is_closing() {
            let (tell, told) = oneshot::channel();
            self.drains.borrow_mut().push((client.clone(), tell));
            // An end without a word is the end of the hub.
            if told.await.is_err() {
                return;
            }
        }
    }

    fn tell_drained(&self) {
        let mut drains = self.drains.borrow_mut();
        if drains.is_empty() {
            return;
        }
        let is_over =
            |(client, _): &mut (Rc<Client>, _)| client.unsent() == 0 || client.is_closing();
        let told: Vec<_> = drains.extract_if(.., is_over).collect();
        drop(drains);
        told.into_iter().for_each(|(_, tell)| _ = tell.send(()));
    }

    /// Settles a batch: its messages are delivered, or lost with the poll that should have carried them.
    pub fn settle(&self, batch: Batch, delivered: bool) {
        for (meter, count) in batch.counts {
            self.in_flight.borrow_mut()[usize::from(meter.0)] -= count;
            if delivered {
                self.delivered((meter, count));
            } else {
                self.dropped((meter, count), DropReason::Disconnected);
            }
        }
    }

    /// What waits for a poll, at once; nothing if it would be empty.
    pub fn take_batch(&self, client: &Client) -> Option<Batch> {
        let mut batch = Batch::default();
        if let Some(held) = client.held.take() {
            batch.frames.extend_from_slice(held.unsent());
            batch.counts.extend(held.counts());
        }
        let backlog = client.backlog.take();
        for range in backlog.ranges() {
            batch.frames.extend_from_slice(&range.bytes());
            batch
                .counts
                .extend(range.records().map(|(record, _)| (record.meter, 1)));
        }
        client.unsent.set(0);
        let mut in_flight = self.in_flight.borrow_mut();
        batch
            .counts
            .iter()
            .for_each(|(meter, count)| in_flight[usize::from(meter.0)] += count);
        self.tell_drained();
        (!batch.frames.is_empty()).then_some(batch)
    }

    /// Changes the way out of a connection; what waits goes by the new one.
    pub fn set_link(&self, client: &Rc<Client>, link: Link) {
        *client.link.borrow_mut() = link;
        self.schedule(client);
    }

    /// Ends the outgoing side: what was not sent is counted as dropped.
    pub fn discard(&self, client: &Client) {
        self.discard_as(client, DropReason::Disconnected);
    }

    pub(super) fn discard_as(&self, client: &Client, reason: DropReason) {
        *client.link.borrow_mut() = Link::Closed;
        client
            .closing
            .set(client.closing.get().or(Some(Close::Forced)));
        // A peer that reads nothing would never make it writable again, and the task would keep the socket open for ever.
        if let Some(task) = client.sending.take() {
            task.abort();
        }
        client.pending(|count| self.dropped(count, reason));
        client.backlog.take();
        client.held.take();
        client.unsent.set(0);
        self.tell_drained();
    }

    /// Whether a poll waits for something to be sent.
    #[must_use]
    pub fn is_polled(&self, client: &Client) -> bool {
        matches!(&*client.link.borrow(), Link::Poll(Some(poll)) if !poll.is_closed())
    }

    /// Sends what waits without waiting for the flusher's turn.
    pub fn flush_now(self: &Rc<Self>, client: &Rc<Client>) {
        if client.held.borrow().is_none() {
            self.flush_backlog(client);
        } else {
            self.hold(client, false);
            self.flush_held(client);
        }
    }

    /// The last words on a link: sent at once if they can be; what cannot be sent is dropped.
    pub fn finish(self: &Rc<Self>, client: &Rc<Client>, last_words: impl FnOnce(&mut Vec<u8>)) {
        self.say(client, last_words);
        self.flush_now(client);
        self.discard(client);
    }

    /// What waits is kept for a poll that is still to come, and nothing more is taken for it.
    pub fn keep(&self, client: &Client) {
        client
            .closing
            .set(client.closing.get().or(Some(Close::Forced)));
        self.hold(client, false);
    }

    /// The last words for a poll that is still to come; [`Self::take_batch`] takes them with all that waits.
    pub fn linger(&self, client: &Client, last_words: impl FnOnce(&mut Vec<u8>)) {
        self.say(client, last_words);
        self.hold(client, false);
    }

    fn say(&self, client: &Client, words: impl FnOnce(&mut Vec<u8>)) {
        client
            .closing
            .set(client.closing.get().or(Some(Close::Forced)));
        let entry = Entry {
            meter: MeterId::UNCOUNTED,
            volatile: false,
            accepted: self.started,
        };
        client.push(&self.log.borrow_mut().append(16, entry, words));
    }

    /// Drops the volatile messages that wait.
    pub(super) fn drop_volatile(&self, client: &Client) {
        if let Some(held) = &mut *client.held.borrow_mut() {
            held.drop_volatile(|count| self.dropped(count, DropReason::Volatile));
        }
        self.measure(client);
    }

    fn flush(self: &Rc<Self>, client: &Rc<Client>) {
        client.scheduled.set(false);
        if client.held.borrow().is_some() {
            self.hold(client, false);
            self.flush_held(client);
        } else {
            self.flush_backlog(client);
        }
        if let Some(close) = client.closing.get() {
            client.tell_owner(close);
        }
    }

    /// The usual way: everything goes out in one send.
    fn flush_backlog(self: &Rc<Self>, client: &Rc<Client>) {
        let link = client.link.borrow();
        match &*link {
            Link::Stream(stream) => {
                let mut backlog = client.backlog.borrow_mut();
                let blocked = loop {
                    if backlog.is_empty() {
                        client.unsent.set(0);
                        return;
                    }
                    match send(stream, &mut backlog, |count| self.delivered(count)) {
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                        Err(_) => break false,
                    }
                };
                drop(backlog);
                let stream = stream.clone();
                drop(link);
                if blocked {
                    self.hold(client, true);
                    self.send_held_soon(client, stream);
                }
                // Otherwise the connection is gone: its reader sees that too, and ends it.
            }
            Link::Poll(_) => {
                drop(link);
                self.answer_poll(client);
            }
            Link::Closed => {
                drop(link);
                self.discard(client);
            }
        }
    }

    /// Something is held already: only a poll, or a new link, can take it.
    fn flush_held(self: &Rc<Self>, client: &Rc<Client>) {
        let stream = match &*client.link.borrow() {
            Link::Poll(_) => None,
            Link::Stream(stream) => Some(stream.clone()),
            Link::Closed => return,
        };
        match stream {
            None => self.answer_poll(client),
            Some(stream) => self.send_held_soon(client, stream),
        }
    }

    fn answer_poll(&self, client: &Rc<Client>) {
        let waiting = match &mut *client.link.borrow_mut() {
            Link::Poll(waiting) => waiting.take().filter(|poll| !poll.is_closed()),
            _ => return,
        };
        let Some(poll) = waiting else {
            return self.hold(client, false);
        };
        match self.take_batch(client) {
            Some(batch) => {
                if let Err(batch) = poll.send(batch) {
                    self.settle(batch, false);
                }
            }
            None => *client.link.borrow_mut() = Link::Poll(Some(poll)),
        }
    }

    /// Moves the backlog to bytes of the connection's own.
    fn hold(&self, client: &Client, begun: bool) {
        let backlog = client.backlog.take();
        if !backlog.is_empty() {
            client
                .held
                .borrow_mut()
                .get_or_insert_default()
                .absorb(&backlog, begun);
        }
        self.measure(client);
    }

    /// One task a blocked connection, for as long as it is blocked.
    fn send_held_soon(self: &Rc<Self>, client: &Rc<Client>, stream: Rc<OwnedWriteHalf>) {
        let mut sending = client.sending.borrow_mut();
        if sending.is_some() {
            return;
        }
        let (hub, client) = (self.clone(), client.clone());
        let task = task::spawn_local(async move {
            hub.send_held(&client, &stream).await;
            client.sending.take();
        });
        *sending = Some(task.abort_handle());
    }

    /// Sends what is held as the socket takes it; ends when nothing is held any more.
    async fn send_held(&self, client: &Client, stream: &OwnedWriteHalf) {
        loop {
            if stream.writable().await.is_err() {
                return;
            }
            let result = match &mut *client.held.borrow_mut() {
                Some(held) if !held.is_empty() => stream
                    .try_write(held.unsent())
                    .map(|sent| held.advance(sent, |count| self.delivered(count))),
                _ => return,
            };
            match result {
                Ok(()) => self.forget_held(client),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn forget_held(&self, client: &Client) {
        let done = client
            .held
            .borrow()
            .as_ref()
            .is_some_and(|held| held.is_empty());
        if done {
            client.held.take();
        }
        self.measure(client);
        self.tell_drained();
    }

    pub(super) fn measure(&self, client: &Client) {
        let held = client
            .held
            .borrow()
            .as_ref()
            .map_or(0, |held| held.unsent().len());
        let waiting: usize = client
            .backlog
            .borrow()
            .ranges()
            .map(super::log::Range::len)
            .sum();
        client.unsent.set(held + waiting);
    }

    #[inline]
    fn delivered(&self, (meter, count): Count) {
        if meter != MeterId::UNCOUNTED {
            self.meters.borrow()[usize::from(meter.0)].delivered(count);
            self.samples.set(self.samples.get().wrapping_add(count));
        }
    }

    fn dropped(&self, (meter, count): Count, reason: DropReason) {
        if meter != MeterId::UNCOUNTED {
            self.meters.borrow()[usize::from(meter.0)].dropped(reason, count);
        }
    }

    /// One observation a broadcast, at the end of the flush that sent it, and one in [`SAMPLE`] deliveries.
    fn observe(&self, now: Instant) {
        let meters = self.meters.borrow();
        let mut log = self.log.borrow_mut();
        for (meter, accepted) in log.take_unobserved() {
            let mut weight = 1;
            if self.samples.get() >= SAMPLE {
                weight += self.samples.replace(self.samples.get() % SAMPLE) / SAMPLE;
            }
            meters[usize::from(meter.0)]
                .observe_delivery(now.saturating_duration_since(accepted), weight);
        }
    }
}

/// One send of as much as fits: the seam behind which another way of sending may stand.
fn send(
    stream: &OwnedWriteHalf,
    backlog: &mut Backlog,
    count: impl FnMut(Count),
) -> io::Result<()> {
    if let Some(range) = backlog.single() {
        let sent = stream.try_write(&range.bytes())?;
        backlog.advance(sent, count);
        return Ok(());
    }
    let sent = {
        let borrowed: smallvec::SmallVec<[_; SLICES]> = backlog
            .ranges()
            .take(SLICES)
            .map(|range| range.bytes())
            .collect();
        let slices: smallvec::SmallVec<[_; SLICES]> =
            borrowed.iter().map(|bytes| IoSlice::new(bytes)).collect();
        stream.try_write_vectored(&slices)?
    };
    backlog.advance(sent, count);
    Ok(())
}
