//! Which fleets are to be looked at, and when: pure.
//!
//! A fleet is looked at by one worker at a time. What is asked for meanwhile is done afterwards, and only the earliest
//! of several wishes counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use crate::cache::Key;

/// Fleets by the time at which they are due.
#[derive(Debug, Default)]
pub struct Queue {
    due: HashMap<Key, Instant>,
    order: BTreeSet<(Instant, Key)>,
    running: HashSet<Key>,
}

impl Queue {
    /// A fleet is to be looked at, at the latest at `at`.
    pub fn add(&mut self, fleet: Key, at: Instant) {
        if let Some(known) = self.due.get(&fleet) {
            if *known <= at {
                return;
            }
            self.order.remove(&(*known, fleet.clone()));
        }
        self.due.insert(fleet.clone(), at);
        self.order.insert((at, fleet));
    }

    /// The first fleet that is due and that nobody looks at; it counts as being looked at until [`done`](Self::done).
    pub fn next(&mut self, now: Instant) -> Option<Key> {
        let (at, fleet) = self.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&fleet);
        self.order.remove(&(at, fleet.clone()));
        self.running.insert(fleet.clone());
        Some(fleet)
    }

    /// When the next one is due.
    #[must_use]
    pub fn wakes(&self) -> Option<Instant> {
        self.first().map(|(at, _)| *at)
    }

    /// A fleet has been looked at, and is to be looked at again at `again`, if ever.
    pub fn done(&mut self, fleet: &Key, again: Option<Instant>) {
        self.running.remove(fleet);
        if let Some(again) = again {
            self.add(fleet.clone(), again);
        }
    }

    /// How many are looked at.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Those that are looked at are few: not more than workers.
    fn first(&self) -> Option<&(Instant, Key)> {
        let mut order = self.order.iter();
        order.find(|(_, fleet)| !self.running.contains(fleet))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fleet(name: &str) -> Key {
        ("sim".to_owned(), name.to_owned())
    }

    #[test]
    fn the_earliest_wish_counts_and_nobody_is_looked_at_twice_at_once() {
        let start = crate::clock::monotonic();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = Queue::default();
        queue.add(fleet("a"), at(5));
        queue.add(fleet("a"), at(2));
        queue.add(fleet("a"), at(9));
        queue.add(fleet("b"), at(3));
        assert_eq!(queue.wakes(), Some(at(2)));
        assert_eq!(queue.next(at(1)), None);
        assert_eq!(queue.next(at(4)), Some(fleet("a")));

        queue.add(fleet("a"), at(0));
        assert_eq!(queue.next(at(4)), Some(fleet("b")));
        assert_eq!((queue.next(at(9)), queue.wakes()), (None, None));

        queue.done(&fleet("a"), Some(at(20)));
        assert_eq!(queue.next(at(9)), Some(fleet("a")));
        queue.done(&fleet("a"), None);
        assert_eq!((queue.running(), queue.wakes()), (1, None));
    }
}
