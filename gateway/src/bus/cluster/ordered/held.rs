//! Messages that are written and whose place is not known yet.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::bus::broadcast::{Broadcast, Mark};

/// So many messages are remembered that were delivered before their entries were read.
const EARLY: usize = 100_000;

/// Our own messages whose entries were not read yet, in the order in which they were published.
#[derive(Default)]
pub(super) struct Held {
    lanes: HashMap<usize, VecDeque<(Mark, Box<Broadcast>)>>,
    bytes: usize,
    early: HashSet<Mark>,
    early_order: VecDeque<Mark>,
}

impl Held {
    /// Holds one; how many bytes are held then.
    pub(super) fn put(&mut self, lane: usize, mark: Mark, broadcast: Box<Broadcast>) -> usize {
        self.bytes += broadcast.unsealed_weight();
        let lane = self.lanes.entry(lane).or_default();
        lane.push_back((mark, broadcast));
        self.bytes
    }

    /// Takes one out whose entry was read, or refused.
    pub(super) fn take(&mut self, lane: usize, mark: Mark) -> Option<Box<Broadcast>> {
        let lane = self.lanes.get_mut(&lane)?;
        // It is the first one, unless Redis has refused one before it.
        let place = lane.iter().position(|(held, _)| *held == mark)?;
        let (_, broadcast) = lane.remove(place)?;
        self.bytes -= broadcast.unsealed_weight();
        Some(broadcast)
    }

    /// Whether it is held still.
    pub(super) fn has(&self, lane: usize, mark: Mark) -> bool {
        let lane = self.lanes.get(&lane);
        lane.is_some_and(|lane| lane.iter().any(|(held, _)| *held == mark))
    }

    /// Takes all of them, and remembers that they are delivered before their entries are read.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<Broadcast>> + use<> {
        self.bytes = 0;
        let lanes = std::mem::take(&mut self.lanes);
        let mut all: Vec<_> = lanes.into_values().flatten().collect();
        all.sort_unstable_by_key(|(mark, _)| mark.0);
        for (mark, _) in &all {
            self.early.insert(*mark);
            self.early_order.push_back(*mark);
        }
        while self.early_order.len() > EARLY
            && let Some(oldest) = self.early_order.pop_front()
        {
            self.early.remove(&oldest);
        }
        all.into_iter().map(|(_, broadcast)| broadcast)
    }

    /// The entry of one was read that is held no more: it need not be remembered. Whether it was.
    pub(super) fn is_read(&mut self, mark: Mark) -> bool {
        self.early.remove(&mark)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use super::*;
    use crate::bus::broadcast::Source;
    use crate::target::Target;

    fn mark(count: u32) -> Mark {
        Mark::own(1, count)
    }

    fn message(text: String) -> Box<Broadcast> {
        let target = Target::all("/");
        let broadcast = Broadcast::new(target, text.into(), Instant::now(), Source::Client);
        Box::new(broadcast)
    }

    /// Holds messages of two lanes in turn, by their numbers.
    fn held(numbers: std::ops::Range<u32>) -> Held {
        let mut held = Held::default();
        for number in numbers {
            held.put(
                1 + number as usize % 2,
                mark(number),
                message(number.to_string()),
            );
        }
        held
    }

    fn text(broadcast: &Broadcast) -> &Bytes {
        &broadcast.frames
    }

    #[test]
    fn what_is_read_is_held_no_more() {
        let mut held = held(0..4);
        let bytes = held.bytes;
        assert!(held.has(2, mark(3)));
        assert!(held.take(1, mark(3)).is_none(), "it is in the other lane");
        // Redis has refused the one before it.
        let taken = held.take(2, mark(3)).unwrap();
        assert_eq!(text(&taken), "3");
        assert!(!held.has(2, mark(3)) && held.has(2, mark(1)));
        assert!(held.take(2, mark(3)).is_none());
        assert_eq!(held.bytes, bytes - taken.unsealed_weight());
        assert!(!held.is_read(mark(3)), "it was not delivered early");
    }

    #[test]
    fn what_is_delivered_early_is_remembered_until_it_is_read() {
        let mut held = held(0..5);
        let texts: Vec<Bytes> = held.drain().map(|one| text(&one).clone()).collect();
        assert_eq!(
            texts,
            ["0", "1", "2", "3", "4"],
            "in the order of all lanes"
        );
        assert_eq!(held.bytes, 0);
        assert!(held.take(1, mark(2)).is_none());
        assert!(held.is_read(mark(2)));
        assert!(!held.is_read(mark(2)));
        assert_eq!(held.put(1, mark(5), message(String::new())), held.bytes);
    }

    #[test]
    fn so_many_are_remembered() {
        let count = EARLY as u32 + 10;
        let mut held = held(0..count);
        assert_eq!(held.drain().count(), count as usize);
        assert_eq!(held.early.len(), EARLY);
        assert!(!held.is_read(mark(9)) && held.is_read(mark(10)));
    }
}
