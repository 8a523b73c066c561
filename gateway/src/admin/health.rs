//! Readiness as latches: each is one reason why the process is not ready, and ends it by being dropped.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Ready exactly while no [`Latch`] of it is held.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    reasons: Mutex<Reasons>,
    fewer: Notify,
}

#[derive(Debug, Default)]
struct Reasons {
    next: u64,
    held: Vec<(u64, Cow<'static, str>)>,
}

/// A reason not to be ready, for as long as it lives.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once says nothing"]
pub struct Latch {
    health: Health,
    id: u64,
}

impl Health {
    /// Not ready from now on, for this reason, until the latch is dropped.
    pub fn latch(&self, reason: impl Into<Cow<'static, str>>) -> Latch {
        let mut reasons = self.lock();
        let id = reasons.next;
        reasons.next += 1;
        reasons.held.push((id, reason.into()));
        Latch {
            health: self.clone(),
            id,
        }
    }

    /// Why the process is not ready; empty = it is.
    pub fn reasons(&self) -> Vec<Cow<'static, str>> {
        self.lock()
            .held
            .iter()
            .map(|(_, reason)| reason.clone())
            .collect()
    }

    /// Waits until the process is ready.
    pub async fn ready(&self) {
        loop {
            // Begun before the look, so that nothing that ends in between is missed.
            let fewer = self.0.fewer.notified();
            if self.lock().held.is_empty() {
                return;
            }
            fewer.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reasons> {
        let reasons = self.0.reasons.lock();
        reasons.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.health.lock().held.retain(|(id, _)| *id != self.id);
        self.health.0.fewer.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_every_latch_is_dropped() {
        let health = Health::default();
        assert!(health.reasons().is_empty());
        let listening = health.latch("not listening yet");
        let rules = health.latch(format!("{} shards start", 2));
        assert_eq!(health.reasons(), ["not listening yet", "2 shards start"]);
        drop(listening);
        assert_eq!(health.clone().reasons(), ["2 shards start"]);
        drop(rules);
        assert!(health.reasons().is_empty());
    }

    #[tokio::test]
    async fn who_waits_hears_of_the_last_latch() {
        let health = Health::default();
        health.ready().await;
        let (one, other) = (health.latch("one"), health.latch("other"));
        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(other);
        waiting.await.expect("it is told");
    }
}
