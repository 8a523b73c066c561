//! Sessions that are being taken: how many, since whoever ends in the middle of that would leave them to nobody, and for whom.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Counts them.
#[derive(Debug, Default)]
pub(in crate::bus) struct Claims {
    count: AtomicUsize,
    over: Notify,
}

/// One that is being taken, until this value is dropped.
pub(super) struct Claim<'a>(&'a Claims);

/// A connection whose client comes back. Of one that does not listen nobody knows whether it is the one that the client has now: its
/// claim must not take the session from another one.
#[derive(Clone, Debug)]
pub struct Claimant(Arc<Listening>);

#[derive(Debug)]
struct Listening {
    listens: AtomicBool,
    changed: Notify,
}

impl Claimant {
    /// The client listens, or does not.
    pub fn new(listens: bool) -> Self {
        Self(Arc::new(Listening {
            listens: AtomicBool::new(listens),
            changed: Notify::new(),
        }))
    }

    /// From now on.
    pub fn set(&self, listens: bool) {
        self.0.listens.store(listens, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Whether it does.
    pub fn listens(&self) -> bool {
        self.0.listens.load(Ordering::Relaxed)
    }

    /// Waits for the next [`Self::set`].
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

impl Claims {
    pub(super) fn begin(&self) -> Claim<'_> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Claim(self)
    }

    /// Waits until there is none.
    pub(super) async fn none(&self) {
        loop {
            let over = self.over.notified();
            if self.count.load(Ordering::Relaxed) == 0 {
                return;
            }
            over.await;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.over.notify_waiters();
    }
}
