//! Readiness as latches: each is one reason why the process is not ready, and ends it by being dropped.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ready exactly while no [`Latch`] of it is held.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Reasons>>);

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

    fn lock(&self) -> MutexGuard<'_, Reasons> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.health.lock().held.retain(|(id, _)| *id != self.id);
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
}
