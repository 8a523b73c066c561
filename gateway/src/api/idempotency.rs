//! One effect for one id: a call that is repeated gets the answer of the first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

/// The ids in use, of all keys and namespaces.
#[derive(Debug)]
pub(super) struct Ids<A> {
    state: Arc<Mutex<State<A>>>,
}

/// An id belongs to one key and one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    /// The name of the key.
    pub(super) key: Arc<str>,
    /// The namespace.
    pub(super) namespace: Arc<str>,
    /// The id.
    pub(super) id: Box<str>,
}

/// What an id is good for.
#[derive(Debug)]
pub(super) enum Claim<A> {
    /// It is new: the call takes effect.
    Fresh(Reservation<A>),
    /// The same call was answered before.
    Known(A),
    /// The same call is under way.
    Busy,
    /// It stands for another call.
    Other,
}

/// The right to let a call take effect under its id. Dropped before [`Reservation::taken`], it frees the id.
#[derive(Debug)]
pub(super) struct Reservation<A> {
    state: Arc<Mutex<State<A>>>,
    scope: Scope,
    serial: u64,
    taken: Option<(A, Instant)>,
}

#[derive(Debug)]
struct State<A> {
    slots: HashMap<Scope, Slot<A>>,
    /// By the time of expiry; the serial tells slots of one moment apart.
    expiries: BTreeMap<(Instant, u64), Scope>,
    serial: u64,
    bound: usize,
}

#[derive(Debug)]
struct Slot<A> {
    body: [u8; 32],
    answer: Option<A>,
    expiry: (Instant, u64),
}

impl<A: Clone> Ids<A> {
    /// No ids yet; at most `bound` are kept, the ones that expire first give way.
    pub(super) fn new(bound: usize) -> Self {
        let state = State {
            slots: HashMap::new(),
            expiries: BTreeMap::new(),
            serial: 0,
            bound,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Claims an id for a call of that body.
    pub(super) fn claim(&self, scope: Scope, body: &[u8], now: Instant) -> Claim<A> {
        let body: [u8; 32] = Sha256::digest(body).into();
        let mut state = lock(&self.state);
        state.expire(now);
        if let Some(slot) = state.slots.get(&scope) {
            return match &slot.answer {
                _ if slot.body != body => Claim::Other,
                Some(answer) => Claim::Known(answer.clone()),
                None => Claim::Busy,
            };
        }
        let expiry = state.expiry(now + RESERVED);
        state.insert(scope.clone(), body, None, expiry);
        Claim::Fresh(Reservation {
            state: Arc::clone(&self.state),
            scope,
            serial: expiry.1,
            taken: None,
        })
    }
}

impl<A> Reservation<A> {
    /// Says that the call has taken effect. `answer` is the one to keep if the caller goes away before it is complete.
    /// From now on the id is in use for as long as an answer is kept: acks may be gathered for longer than a reservation holds.
    pub(super) fn taken(&mut self, answer: A, now: Instant) {
        self.taken = Some((answer, now));
        let mut state = lock(&self.state);
        let ours = |slot: &&Slot<A>| slot.expiry.1 == self.serial;
        let Some(body) = state
            .slots
            .get(&self.scope)
            .filter(ours)
            .map(|slot| slot.body)
        else {
            return;
        };
        state.remove(&self.scope);
        let expiry = state.expiry(now + KEPT);
        state.insert(self.scope.clone(), body, None, expiry);
        self.serial = expiry.1;
    }

    /// Replaces the answer by the complete one.
    pub(super) fn complete(mut self, answer: A, now: Instant) {
        self.taken = Some((answer, now));
    }
}

impl<A> Drop for Reservation<A> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let Some(slot) = state.slots.get(&self.scope) else {
            return;
        };
        if slot.expiry.1 != self.serial {
            return;
        }
        let body = slot.body;
        state.remove(&self.scope);
        if let Some((answer, now)) = self.taken.take() {
            let expiry = state.expiry(now + KEPT);
            state.insert(self.scope.clone(), body, Some(answer), expiry);
        }
    }
}

impl<A> State<A> {
    fn expiry(&mut self, at: Instant) -> (Instant, u64) {
        self.serial += 1;
        (at, self.serial)
    }

    fn insert(&mut self, scope: Scope, body: [u8; 32], answer: Option<A>, expiry: (Instant, u64)) {
        while self.slots.len() >= self.bound
            && let Some((_, first)) = self.expiries.pop_first()
        {
            self.slots.remove(&first);
        }
        self.expiries.insert(expiry, scope.clone());
        let slot = Slot {
            body,
            answer,
            expiry,
        };
        self.slots.insert(scope, slot);
    }

    fn remove(&mut self, scope: &Scope) {
        if let Some(slot) = self.slots.remove(scope) {
            self.expiries.remove(&slot.expiry);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(first) = self.expiries.first_entry()
            && first.key().0 <= now
        {
            let scope = first.remove();
            self.slots.remove(&scope);
        }
    }
}

/// No code panics while it holds the lock, so a poisoned state is still whole.
fn lock<A>(state: &Mutex<State<A>>) -> MutexGuard<'_, State<A>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that neither ends nor fails frees its id after this.
pub(super) const RESERVED: Duration = Duration::from_secs(30);
/// An answer is repeated for so long.
pub(super) const KEPT: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: &str) -> Scope {
        Scope {
            key: "k".into(),
            namespace: "/".into(),
            id: id.into(),
        }
    }

    fn check(ids: &Ids<u8>, id: &str, body: &str, now: Instant, expected: &str) {
        let found = match ids.claim(scope(id), body.as_bytes(), now) {
            Claim::Fresh(_) => "fresh".to_owned(),
            Claim::Known(answer) => format!("known {answer}"),
            Claim::Busy => "busy".to_owned(),
            Claim::Other => "other".to_owned(),
        };
        assert_eq!(found, expected);
    }

    fn fresh(ids: &Ids<u8>, id: &str, body: &str, now: Instant) -> Reservation<u8> {
        match ids.claim(scope(id), body.as_bytes(), now) {
            Claim::Fresh(reservation) => reservation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_id_lives_through_its_states() {
        let ids = Ids::new(10);
        let now = Instant::now();
        let reservation = fresh(&ids, "a", "x", now);
        check(&ids, "a", "x", now, "busy");
        check(&ids, "a", "y", now, "other");
        drop(reservation);
        let mut reservation = fresh(&ids, "a", "x", now);
        reservation.taken(1, now);
        reservation.complete(2, now);
        check(&ids, "a", "x", now, "known 2");
        check(&ids, "a", "y", now + KEPT / 2, "other");
        check(&ids, "a", "y", now + KEPT, "fresh");
    }

    #[test]
    fn a_caller_that_goes_away_leaves_the_provisional_answer() {
        let ids = Ids::new(10);
        let now = Instant::now();
        fresh(&ids, "a", "x", now).taken(1, now);
        check(&ids, "a", "x", now, "known 1");
    }

    #[test]
    fn a_late_end_does_not_touch_the_next_reservation() {
        let ids = Ids::new(10);
        let now = Instant::now();
        let late = fresh(&ids, "a", "x", now);
        let next = fresh(&ids, "a", "x", now + RESERVED);
        drop(late);
        check(&ids, "a", "x", now + RESERVED, "busy");
        next.complete(3, now + RESERVED);
        check(&ids, "a", "x", now + RESERVED, "known 3");
    }

    #[test]
    fn the_first_to_expire_gives_way() {
        let ids = Ids::new(2);
        let now = Instant::now();
        for (id, answer) in [("a", 1), ("b", 2), ("c", 3)] {
            fresh(&ids, id, "x", now).complete(answer, now);
        }
        check(&ids, "b", "x", now, "known 2");
        check(&ids, "c", "x", now, "known 3");
        check(&ids, "a", "x", now, "fresh");
    }
}
