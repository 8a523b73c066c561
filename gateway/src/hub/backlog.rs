//! What one connection still has to send: ranges of the shared log, or bytes of its own while it cannot send.

use std::collections::VecDeque;

use super::log::{Count, MeterId, Range, Record};

/// Ranges of the log, from a delivery until the flush of the same tick. Nearly always empty or one range, which needs no allocation.
#[derive(Default)]
pub(crate) struct Backlog {
    first: Option<Range>,
    rest: Vec<Range>,
}

/// The bytes of a connection that could not take them: copied, so that one slow client never pins a shared chunk.
#[derive(Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    /// How many of `bytes` are sent already.
    sent: usize,
    records: VecDeque<HeldRecord>,
}

/// A message in [`Held`]: where it ends in `bytes`, and what it counts for.
#[derive(Clone, Copy)]
struct HeldRecord {
    end: usize,
    meter: MeterId,
    volatile: bool,
    /// Its first bytes are sent: it must be finished.
    begun: bool,
}

impl Backlog {
    #[inline]
    pub(crate) fn push(&mut self, range: &Range) {
        let Some(last) = self.rest.last_mut().or(self.first.as_mut()) else {
            self.first = Some(range.clone());
            return;
        };
        if !last.try_extend(range) {
            self.rest.push(range.clone());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The ranges in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &Range> {
        self.first.iter().chain(&self.rest)
    }

    /// The only range, if there is just one.
    pub(crate) fn single(&mut self) -> Option<&mut Range> {
        if self.rest.is_empty() {
            self.first.as_mut()
        } else {
            None
        }
    }

    /// Drops the first `sent` bytes and counts the messages that they complete.
    pub(crate) fn advance(&mut self, mut sent: usize, mut count: impl FnMut(Count)) {
        let mut done = 0;
        for range in self.first.iter_mut().chain(&mut self.rest) {
            let part = sent.min(range.len());
            range.advance(part, &mut count);
            sent -= part;
            if range.len() > 0 {
                break;
            }
            done += 1;
        }
        // The ranges that are sent go in one move, not in one each.
        if done > self.rest.len() {
            *self = Self::default();
        } else if done > 0 {
            self.first = self.rest.drain(..done).next_back();
        }
    }
}

impl Held {
    /// Copies what a range has left; `begun` says that its first record is sent in part.
    pub(crate) fn absorb(&mut self, backlog: &Backlog, mut begun: bool) {
        for range in backlog.ranges() {
            self.bytes.extend_from_slice(&range.bytes());
            let mut end = self.bytes.len() - range.len();
            for (
                Record {
                    meter, volatile, ..
                },
                len,
            ) in range.records()
            {
                end += len;
                self.records.push_back(HeldRecord {
                    end,
                    meter,
                    volatile,
                    begun,
                });
                begun = false;
            }
        }
    }

    /// Puts what another one holds behind.
    pub(crate) fn append(&mut self, later: &Self) {
        let (before, sent) = (self.bytes.len(), later.sent);
        self.bytes.extend_from_slice(later.unsent());
        let behind = |record: &HeldRecord| HeldRecord {
            end: before + record.end - sent,
            ..*record
        };
        self.records.extend(later.records.iter().map(behind));
    }

    /// The unsent messages: whose they are, whether they are volatile, and their bytes.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (MeterId, bool, &[u8])> {
        let mut start = self.sent;
        self.records.iter().map(move |record| {
            let bytes = &self.bytes[start..record.end];
            start = record.end;
            (record.meter, record.volatile, bytes)
        })
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Takes note of `sent` more bytes and counts the messages that they complete.
    pub(crate) fn advance(&mut self, sent: usize, mut count: impl FnMut(Count)) {
        self.sent += sent;
        while let Some(record) = self.records.front_mut() {
            if record.end > self.sent {
                record.begun = true;
                break;
            }
            count((record.meter, 1));
            self.records.pop_front();
        }
        self.compact();
    }

    /// Drops every volatile message that is not begun; returns their counts.
    pub(crate) fn drop_volatile(&mut self, mut count: impl FnMut(Count)) {
        let goes = |record: &HeldRecord| record.volatile && !record.begun;
        if !self.records.iter().any(goes) {
            return;
        }
        let mut kept = Self::default();
        let mut start = self.sent;
        for record in &self.records {
            if record.volatile && !record.begun {
                count((record.meter, 1));
            } else {
                kept.bytes.extend_from_slice(&self.bytes[start..record.end]);
                kept.records.push_back(HeldRecord {
                    end: kept.bytes.len(),
                    ..*record
                });
            }
            start = record.end;
        }
        *self = kept;
    }

    /// The counts of all that is held.
    pub(crate) fn counts(&self) -> impl Iterator<Item = Count> {
        self.records.iter().map(|record| (record.meter, 1))
    }

    /// How many unsent bytes belong to `meter`.
    pub(crate) fn bytes_of(&self, meter: MeterId) -> usize {
        let mut start = self.sent;
        let mut total = 0;
        for record in &self.records {
            if record.meter == meter {
                total += record.end - start;
            }
            start = record.end;
        }
        total
    }

    /// Gives the sent bytes back once they are the larger part.
    fn compact(&mut self) {
        if self.sent * 2 < self.bytes.len() || self.sent == 0 {
            return;
        }
        self.bytes.drain(..self.sent);
        self.bytes.shrink_to(self.bytes.len() * 2);
        self.records
            .iter_mut()
            .for_each(|record| record.end -= self.sent);
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::log::{Entry, Log};
    use super::*;

    fn backlog(log: &mut Log, messages: &[(u16, bool, &str)]) -> Backlog {
        let mut backlog = Backlog::default();
        for (meter, volatile, text) in messages {
            let entry = Entry {
                meter: MeterId(*meter),
                volatile: *volatile,
                accepted: Instant::now(),
            };
            backlog.push(&log.append(text.len(), entry, |bytes| {
                bytes.extend_from_slice(text.as_bytes())
            }));
        }
        backlog
    }

    fn sum(mut each: impl FnMut(&mut dyn FnMut(Count))) -> u32 {
        let mut total = 0;
        each(&mut |(_, count)| total += count);
        total
    }

    #[test]
    fn what_a_socket_does_not_take_is_held_and_counted_when_it_goes() {
        let mut log = Log::new();
        let mut pending = backlog(&mut log, &[(1, false, "aaaa"), (1, false, "bbb")]);
        assert_eq!(sum(|count| pending.advance(5, count)), 1);
        let mut held = Held::default();
        held.absorb(&pending, true);
        assert_eq!(held.unsent(), b"bb");
        assert_eq!(sum(|count| held.advance(1, count)), 0);
        assert_eq!(sum(|count| held.advance(1, count)), 1);
        assert!(held.is_empty());
    }

    #[test]
    fn volatile_messages_go_first_unless_begun() {
        let mut log = Log::new();
        let mut held = Held::default();
        held.absorb(
            &backlog(
                &mut log,
                &[(1, true, "aa"), (1, false, "b"), (2, true, "cc")],
            ),
            false,
        );
        held.advance(1, |_| {});
        assert_eq!(sum(|count| held.drop_volatile(count)), 1);
        assert_eq!(held.unsent(), b"ab");
        assert_eq!(held.bytes_of(MeterId(1)), 2);
    }
}
