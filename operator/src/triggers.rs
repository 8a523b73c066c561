//! Which fleets have to be looked at because something of theirs has changed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use tokio::sync::watch;

use crate::cache::Key;

/// A set of fleets: one that changes a hundred times before it is looked at is looked at once, so the set is bounded by their number.
#[derive(Debug, Clone)]
pub struct Triggers {
    pending: Arc<Mutex<HashSet<Key>>>,
    changed: watch::Sender<()>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self {
            pending: Arc::default(),
            changed: watch::channel(()).0,
        }
    }
}

impl Triggers {
    /// Something of this fleet has changed.
    pub fn add(&self, fleet: Key) {
        self.add_all([fleet]);
    }

    /// Something of these fleets has changed.
    pub fn add_all(&self, fleets: impl IntoIterator<Item = Key>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(fleets);
        drop(pending);
        self.changed.send_replace(());
    }

    /// The fleets of a namespace, or of all, as they change.
    pub fn stream(&self, scope: Option<String>) -> impl Stream<Item = Key> + Send + use<> {
        let mut changed = self.changed.subscribe();
        changed.mark_changed();
        let start = (self.clone(), changed, scope, Vec::new());
        stream::unfold(start, async |(triggers, mut changed, scope, mut ready)| {
            loop {
                if let Some(fleet) = ready.pop() {
                    return Some((fleet, (triggers, changed, scope, ready)));
                }
                changed.changed().await.ok()?;
                ready = triggers.take(scope.as_deref());
            }
        })
    }

    fn take(&self, scope: Option<&str>) -> Vec<Key> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = pending.extract_if(|fleet| scope.is_none_or(|scope| scope == fleet.0));
        taken.collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn fleet(namespace: &str, name: &str) -> Key {
        (namespace.to_owned(), name.to_owned())
    }

    #[tokio::test]
    async fn each_scope_gets_its_own_once() {
        let triggers = Triggers::default();
        triggers.add(fleet("a", "x"));
        let mut a = Box::pin(triggers.stream(Some("a".to_owned())));
        let mut b = Box::pin(triggers.stream(Some("b".to_owned())));
        triggers.add_all([fleet("a", "x"), fleet("b", "y")]);
        assert_eq!(a.next().await, Some(fleet("a", "x")));
        assert_eq!(b.next().await, Some(fleet("b", "y")));
        triggers.add(fleet("a", "z"));
        assert_eq!(a.next().await, Some(fleet("a", "z")));
        let mut all = Box::pin(triggers.stream(None));
        triggers.add(fleet("c", "w"));
        assert_eq!(all.next().await, Some(fleet("c", "w")));
    }
}
