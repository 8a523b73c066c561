//! The frame log of one shard: encoded frames appended to large shared chunks.
//!
//! A backlog is a list of [`Range`]s of the log. Ranges that touch merge, so a burst to one room is one send per member.
//! Every append is one [`Record`], by which delivered messages are counted without looking at them again.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::time::Instant;

/// Which namespace's deliveries a record belongs to: an index into the hub's meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeterId(pub(crate) u16);

impl MeterId {
    /// Engine.IO packets, acks and connects: sent, but not counted as deliveries.
    pub(crate) const UNCOUNTED: Self = Self(0);
}

/// One appended message: a frame and, for binary events, the frames of its attachments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Where it ends in the chunk.
    end: u32,
    /// Index of the first record of the unbroken run with the same meter, so that most ranges are counted by one subtraction.
    run: u32,
    pub(crate) meter: MeterId,
    pub(crate) volatile: bool,
}

/// What `append` needs to know beside the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) meter: MeterId,
    pub(crate) volatile: bool,
    pub(crate) accepted: Instant,
}

/// Bytes are only ever appended, within the capacity.
pub(crate) struct Chunk {
    bytes: RefCell<Vec<u8>>,
    records: RefCell<Vec<Record>>,
}

/// Consecutive records of one chunk; the first may already be sent in part.
#[derive(Clone)]
pub(crate) struct Range {
    chunk: Rc<Chunk>,
    start: u32,
    end: u32,
    first: u32,
    last: u32,
}

/// The log itself: the chunk being filled, and what the last flush has not observed yet.
pub(crate) struct Log {
    chunk: Rc<Chunk>,
    unobserved: Vec<(MeterId, Instant)>,
}

/// Messages of one meter.
pub(crate) type Count = (MeterId, u32);

const CHUNK_BYTES: usize = 256 * 1024;

impl Chunk {
    fn new(capacity: usize) -> Rc<Self> {
        Rc::new(Self {
            bytes: RefCell::new(Vec::with_capacity(capacity)),
            records: RefCell::default(),
        })
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            chunk: Chunk::new(CHUNK_BYTES),
            unobserved: Vec::new(),
        }
    }

    /// Appends what `encode` writes (at most about `hint` bytes) as one record.
    pub(crate) fn append(
        &mut self,
        hint: usize,
        entry: Entry,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Range {
        let used = self.chunk.bytes.borrow().len();
        if used > 0 && used + hint > CHUNK_BYTES {
            self.chunk = Chunk::new(CHUNK_BYTES.max(hint));
        }
        let (start, end) = {
            let mut bytes = self.chunk.bytes.borrow_mut();
            let start = bytes.len();
            encode(&mut bytes);
            (offset(start), offset(bytes.len()))
        };
        let mut records = self.chunk.records.borrow_mut();
        let index = offset(records.len());
        let run = match records.last() {
            Some(previous) if previous.meter == entry.meter => previous.run,
            _ => index,
        };
        let Entry {
            meter,
            volatile,
            accepted,
        } = entry;
        records.push(Record {
            end,
            run,
            meter,
            volatile,
        });
        if meter != MeterId::UNCOUNTED {
            self.unobserved.push((meter, accepted));
        }
        Range {
            chunk: self.chunk.clone(),
            start,
            end,
            first: index,
            last: index + 1,
        }
    }

    /// The message appended last has no recipient: there is no delivery to observe.
    pub(crate) fn unobserve(&mut self) {
        self.unobserved.pop();
    }

    /// The counted messages appended since the last call, with the time they were accepted.
    pub(crate) fn take_unobserved(&mut self) -> std::vec::Drain<'_, (MeterId, Instant)> {
        self.unobserved.drain(..)
    }
}

impl Range {
    /// Takes in `next` if it lies directly behind.
    #[inline]
    pub(crate) fn try_extend(&mut self, next: &Self) -> bool {
        let adjacent = self.end == next.start && Rc::ptr_eq(&self.chunk, &next.chunk);
        if adjacent {
            self.end = next.end;
            self.last = next.last;
        }
        adjacent
    }

    pub(crate) fn bytes(&self) -> Ref<'_, [u8]> {
        Ref::map(self.chunk.bytes.borrow(), |bytes| {
            &bytes[self.start as usize..self.end as usize]
        })
    }

    pub(crate) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Drops the first `sent` bytes and counts the records that they complete.
    #[inline]
    pub(crate) fn advance(&mut self, sent: usize, mut count: impl FnMut(Count)) {
        self.start += offset(sent);
        let records = self.chunk.records.borrow();
        let done = if self.start == self.end {
            self.last
        } else {
            let open = records[self.first as usize..self.last as usize].iter();
            self.first + offset(open.take_while(|record| record.end <= self.start).count())
        };
        let mut next = done;
        while next > self.first {
            let record = &records[next as usize - 1];
            let begin = record.run.max(self.first);
            count((record.meter, next - begin));
            next = begin;
        }
        self.first = done;
    }

    /// The unsent records, each with the number of its bytes still to send.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Record, usize)> {
        let mut start = self.start;
        let open = self.chunk.records.borrow()[self.first as usize..self.last as usize].to_vec();
        open.into_iter().map(move |record| {
            let len = record.end - start;
            start = record.end;
            (record, len as usize)
        })
    }
}

/// A chunk holds at most one message above its usual size, and messages are far below 4 GiB.
fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("a chunk is smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(log: &mut Log, meter: u16, text: &str) -> Range {
        let entry = Entry {
            meter: MeterId(meter),
            volatile: false,
            accepted: Instant::now(),
        };
        log.append(text.len(), entry, |bytes| {
            bytes.extend_from_slice(text.as_bytes())
        })
    }

    fn counts(range: &mut Range, sent: usize) -> Vec<(u16, u32)> {
        let mut counts = Vec::new();
        range.advance(sent, |(meter, count)| counts.push((meter.0, count)));
        counts
    }

    #[test]
    fn touching_ranges_merge_and_are_counted_by_meter() {
        let mut log = Log::new();
        let mut range = append(&mut log, 1, "aa");
        for (meter, text) in [(1, "bbb"), (2, "c"), (1, "dd")] {
            assert!(range.try_extend(&append(&mut log, meter, text)));
        }
        assert_eq!(&*range.bytes(), b"aabbbcdd");
        assert_eq!(counts(&mut range, 8), [(1, 1), (2, 1), (1, 2)]);
    }

    #[test]
    fn a_partly_sent_record_counts_once_at_its_last_byte() {
        let mut log = Log::new();
        let mut range = append(&mut log, 1, "aaaa");
        range.try_extend(&append(&mut log, 1, "bb"));
        assert_eq!(counts(&mut range, 3), []);
        assert_eq!(
            range.records().map(|(_, len)| len).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(counts(&mut range, 1), [(1, 1)]);
        assert_eq!(counts(&mut range, 2), [(1, 1)]);
        assert_eq!(range.len(), 0);
    }

    #[test]
    fn a_message_larger_than_a_chunk_gets_its_own() {
        let mut log = Log::new();
        let mut small = append(&mut log, 1, "a");
        let large = append(&mut log, 1, &"x".repeat(2 * CHUNK_BYTES));
        assert!(!small.try_extend(&large));
        assert_eq!(large.len(), 2 * CHUNK_BYTES);
    }
}
