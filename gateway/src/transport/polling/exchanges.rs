//! What a session remembers of requests that other pods pass on, since the link between pods may break at any byte.
//!
//! Each has a number, and comes once more by the same one. A POST is taken once. A poll is answered by the same bytes, and a poll
//! that waits goes on where it was. The client asks one thing at a time: whatever else it asks says that it has got the answer.
//!
//! The pod that passes a poll on may die too. Then a load balancer asks again, of another pod, which draws another number: what is
//! the same is the client's own name of its request, `t`.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::sync::oneshot;

use crate::hub::{Batch, Hub};
use crate::transport::body::Mark;
use crate::transport::peer::Seal;

/// Of one session.
#[derive(Default)]
pub(in crate::transport) struct Exchanges {
    posts: Cell<usize>,
    posting: Cell<Name>,
    posted: Cell<Option<Posted>>,
    waiting: RefCell<Option<Rc<Waiting>>>,
    handed: RefCell<Option<Handed>>,
}

/// While a POST is read, another one is a fault.
pub(super) struct Posting<'a>(&'a Exchanges);

/// What tells one poll from the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::transport) struct Name {
    /// Drawn by the pod that passes it on.
    number: Option<u64>,
    /// What the client calls it, as a hash; absent if it does not.
    t: Option<u64>,
}

/// A POST that was passed on, and taken.
#[derive(Clone, Copy)]
struct Posted {
    name: Name,
    /// The SHA-256 of its body.
    hash: Hash256,
    at: Instant,
}

/// A SHA-256.
pub(super) type Hash256 = [u8; 32];

/// Who asks again, as the pod has died that passed a request on, does it at once.
const RETRIED: Duration = Duration::from_secs(10);

/// A poll that waits.
pub(super) struct Waiting {
    name: Name,
    /// Absent once the same poll has come again.
    batch: RefCell<Option<oneshot::Receiver<Batch>>>,
    /// Nobody listens: its link broke.
    is_broken: Cell<bool>,
}

/// What a poll was answered, until the client is known to have it.
#[derive(Clone)]
pub(super) struct Handed {
    pub(super) name: Name,
    /// It was told again to who says to be the same: once only, as there are scripts whose `t` is always the same.
    pub(super) is_retold: bool,
    pub(super) payload: Bytes,
    pub(super) encoding: Option<&'static str>,
    /// Its messages, until they are settled.
    pub(super) batch: Rc<RefCell<Option<Batch>>>,
    /// Whether its bytes got as far as the link.
    pub(super) written: Mark,
}

impl Name {
    /// Of a request that its client calls `t`.
    pub(in crate::transport) fn of<B>(request: &Request<B>, t: Option<&str>) -> Self {
        let seal = request.extensions().get::<Seal>();
        Self {
            number: seal.map(|seal| seal.exchange),
            t: t.map(|t| {
                let mut hasher = DefaultHasher::new();
                t.hash(&mut hasher);
                hasher.finish()
            }),
        }
    }

    pub(super) fn is_relayed(self) -> bool {
        self.number.is_some()
    }

    fn has_number_of(self, other: Self) -> bool {
        self.number.is_some() && self.number == other.number
    }

    fn has_t_of(self, other: Self) -> bool {
        self.t.is_some() && self.t == other.t
    }
}

impl Exchanges {
    /// Whether this POST was taken already. Its body has to be the same too: there are scripts whose `t` is always the same.
    pub(super) fn has_taken(
        &self,
        name: Name,
        hash: impl FnOnce() -> Hash256,
        now: Instant,
    ) -> bool {
        self.posted.get().is_some_and(|posted| {
            let is_soon = now.saturating_duration_since(posted.at) < RETRIED;
            name.has_number_of(posted.name)
                || (is_soon && name.has_t_of(posted.name) && posted.hash == hash())
        })
    }

    /// The packets of this POST are taken.
    pub(super) fn taken(&self, name: Name, hash: Option<Hash256>, at: Instant) {
        self.posted.set(hash.map(|hash| Posted { name, hash, at }));
    }

    /// A POST is read from now on; nothing if another one is.
    pub(super) fn begin_post(&self, name: Name) -> Option<Posting<'_>> {
        let before = self.posting.get();
        let is_again = name.has_number_of(before) || (before.is_relayed() && name.has_t_of(before));
        if self.is_posting() && !is_again {
            return None;
        }
        self.posts.set(self.posts.get() + 1);
        self.posting.set(name);
        Some(Posting(self))
    }

    pub(in crate::transport) fn is_posting(&self) -> bool {
        self.posts.get() > 0
    }

    /// Whether this poll waits here.
    pub(in crate::transport) fn waits_for(&self, number: u64) -> bool {
        let waiting = self.waiting.borrow();
        waiting
            .as_ref()
            .is_some_and(|poll| poll.name.number == Some(number))
    }

    /// A poll begins to wait for what comes by `batch`.
    pub(super) fn wait(&self, name: Name, batch: oneshot::Receiver<Batch>) -> Rc<Waiting> {
        let waiting = Rc::new(Waiting {
            name,
            batch: RefCell::new(Some(batch)),
            is_broken: Cell::new(false),
        });
        *self.waiting.borrow_mut() = name.is_relayed().then(|| waiting.clone());
        waiting
    }

    /// What the poll before this one waits for, if that is the same one, or one that nobody listens to.
    pub(super) fn go_on(&self, name: Name) -> Option<oneshot::Receiver<Batch>> {
        let waiting = self.waiting.borrow();
        let before = waiting.as_ref()?;
        let is_same = name.has_number_of(before.name) || name.has_t_of(before.name);
        (is_same || before.is_broken.get())
            .then(|| before.leave())
            .flatten()
    }

    /// What the poll before this one was answered, if that is the same one, or one whose answer did not get as far as the link.
    pub(super) fn again(&self, name: Name) -> Option<Handed> {
        let mut handed = self.handed.take()?;
        let is_same = name.has_number_of(handed.name);
        let is_retried = !is_same && !handed.is_retold && name.has_t_of(handed.name);
        if !is_same && !is_retried && handed.written.is_set() {
            return None;
        }
        handed.name = name;
        handed.is_retold |= is_retried;
        *self.handed.borrow_mut() = name.is_relayed().then(|| handed.clone());
        Some(handed)
    }

    /// A poll is answered.
    pub(super) fn hand(&self, handed: Handed) {
        self.waiting.take();
        *self.handed.borrow_mut() = Some(handed);
    }

    /// The session is over, or goes on by a websocket.
    pub(in crate::transport) fn end(&self, hub: &Hub) {
        self.waiting.take();
        let batch = self.handed.take().and_then(|handed| handed.batch.take());
        batch.into_iter().for_each(|batch| hub.settle(batch, false));
    }
}

impl Waiting {
    /// What it waits for is another poll's, or nobody's, from now on.
    pub(super) fn leave(&self) -> Option<oneshot::Receiver<Batch>> {
        self.batch.take()
    }

    /// Its link broke; true if it may come again.
    pub(super) fn breaks(&self) -> bool {
        self.is_broken.set(true);
        self.name.is_relayed()
    }

    /// Whether it still is the poll of its session.
    pub(super) fn is_left(&self) -> bool {
        self.batch.borrow().is_none()
    }

    pub(super) fn name(&self) -> Name {
        self.name
    }

    /// What comes; never if that is another poll's.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        let mut waiting = self.batch.borrow_mut();
        let Some(batch) = &mut *waiting else {
            return Poll::Pending;
        };
        let batch = ready!(Pin::new(batch).poll(context));
        waiting.take();
        Poll::Ready(batch.ok())
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.posts.set(self.0.posts.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::transport::body::Body;

    fn name(number: u64) -> Name {
        Name {
            number: Some(number),
            t: None,
        }
    }

    fn handed(number: u64) -> Handed {
        Handed {
            name: name(number),
            is_retold: false,
            payload: Bytes::from_static(b"4told"),
            encoding: None,
            batch: Rc::default(),
            written: Mark::default(),
        }
    }

    /// Whoever is told that the bytes are written is told a turn later, and the next poll may come before.
    #[test]
    fn what_was_handed_to_the_link_is_told_no_more() {
        let exchanges = Exchanges::default();
        let first = handed(1);
        let (mut body, _written) = Body::reported(first.payload.clone(), first.written.clone());
        exchanges.hand(first.clone());
        assert!(exchanges.again(name(2)).is_some(), "it was not");
        exchanges.hand(first);
        assert!(body.frame().now_or_never().is_some());
        assert!(exchanges.again(name(2)).is_none());
    }

    #[test]
    fn the_same_poll_is_told_the_same() {
        let exchanges = Exchanges::default();
        let first = handed(1);
        let (mut body, _written) = Body::reported(first.payload.clone(), first.written.clone());
        exchanges.hand(first);
        assert!(body.frame().now_or_never().is_some());
        assert!(exchanges.again(name(1)).is_some());
        assert!(exchanges.again(name(1)).is_some());
        assert!(exchanges.again(name(2)).is_none());
    }
}
