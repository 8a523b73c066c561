//! How many sessions are being taken: whoever ends in the middle of that would leave them to nobody.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts them.
#[derive(Debug, Default)]
pub(in crate::bus) struct Claims {
    count: AtomicUsize,
    over: Notify,
}

/// One that is being taken, until this value is dropped.
pub(super) struct Claim<'a>(&'a Claims);

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
