//! How many events an object may have: a token bucket each, as the event recorder of client-go has it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many at once.
const BURST: u32 = 25;
/// And one more after so long.
const REFILL: Duration = Duration::from_secs(300);
/// Buckets are kept of so many objects.
const MOST: usize = 4_096;

/// The buckets, by uid.
#[derive(Debug, Default)]
pub(super) struct Limit(HashMap<String, Bucket>);

/// Full until the first event.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it is full again.
    full_at: Instant,
}

impl Limit {
    /// Whether an object may have another event; it is counted.
    pub(super) fn admits(&mut self, uid: &str, now: Instant) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(uid) {
            self.make_room(now);
        }
        let bucket = self.0.entry(uid.to_owned());
        let bucket = bucket.or_insert(Bucket { full_at: now });
        let full_at = bucket.full_at.max(now) + REFILL;
        let admitted = full_at.duration_since(now) <= REFILL * BURST;
        if admitted {
            bucket.full_at = full_at;
        }
        admitted
    }

    /// Forgets the full ones; if there are none, whoever had many events begins anew.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, bucket| bucket.full_at > now);
        if self.0.len() >= MOST {
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn a_burst_and_then_one_by_one() {
        let (mut limit, start) = (Limit::default(), monotonic());
        let mut count = |uid: &str, tries: u32, now| {
            let admitted = (0..tries).filter(|_| limit.admits(uid, now));
            admitted.count() as u32
        };
        assert_eq!(count("a", 100, start), BURST);
        assert_eq!(count("b", 1, start), 1, "another object");
        assert_eq!(count("a", 3, start + REFILL), 1);
        assert_eq!(count("a", 9, start + REFILL * 4), 3);
        assert_eq!(count("a", 100, start + REFILL * 1_000), BURST);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut limit, start) = (Limit::default(), monotonic());
        for object in 0..MOST * 3 {
            limit.admits(&object.to_string(), start);
            assert!(limit.0.len() <= MOST);
        }
        assert!(limit.admits("late", start + REFILL * 2));
    }
}
