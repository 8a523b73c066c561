//! What every receiver has seen of every publisher: loss, duplicates, order.

/// One row of sequence numbers per pair of receiver and publisher.
pub(crate) struct Ledger {
    rows: Vec<Row>,
    publishers: usize,
}

/// What one arrival means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    InOrder,
    /// Behind a message that was sent after it.
    Overtaken,
    /// Seen before, or so far behind that this cannot be told apart.
    Repeated,
}

/// `holes` bit k: sequence `next - 1 - k` has not arrived.
#[derive(Clone, Copy, Default)]
struct Row {
    next: u32,
    holes: u64,
}

impl Ledger {
    /// `publishers` is the number that one receiver can hear.
    pub(crate) fn new(receivers: usize, publishers: usize) -> Self {
        Self {
            rows: vec![Row::default(); receivers * publishers],
            publishers,
        }
    }

    #[inline]
    pub(crate) fn note(&mut self, receiver: usize, publisher: usize, sequence: u32) -> Arrival {
        self.rows[receiver * self.publishers + publisher].note(sequence)
    }
}

impl Row {
    #[inline]
    fn note(&mut self, sequence: u32) -> Arrival {
        if sequence == self.next {
            self.holes <<= 1;
            self.next += 1;
            return Arrival::InOrder;
        }
        if sequence > self.next {
            let skipped = sequence - self.next;
            let fresh = 1_u64.checked_shl(skipped).map_or(u64::MAX, |bit| bit - 1) << 1;
            self.holes = self.holes.checked_shl(skipped + 1).unwrap_or(0) | fresh;
            self.next = sequence + 1;
            return Arrival::InOrder;
        }
        let hole = 1_u64.checked_shl(self.next - 1 - sequence).unwrap_or(0);
        if self.holes & hole == 0 {
            return Arrival::Repeated;
        }
        self.holes &= !hole;
        Arrival::Overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sequences: &[u32], expected: &[Arrival]) {
        let mut ledger = Ledger::new(2, 3);
        let arrivals: Vec<Arrival> = sequences
            .iter()
            .map(|sequence| ledger.note(1, 2, *sequence))
            .collect();
        assert_eq!(arrivals, expected, "{sequences:?}");
    }

    #[test]
    fn arrivals() {
        use Arrival::{InOrder, Overtaken, Repeated};
        check(&[0, 1, 2], &[InOrder; 3]);
        check(&[0, 0, 1, 0], &[InOrder, Repeated, InOrder, Repeated]);
        check(
            &[0, 3, 1, 2, 1],
            &[InOrder, InOrder, Overtaken, Overtaken, Repeated],
        );
        check(&[63, 0, 0, 63], &[InOrder, Overtaken, Repeated, Repeated]);
        check(&[64, 0, 1], &[InOrder, Repeated, Overtaken]);
        check(
            &[1_000, 999, 1_001, 936, 937, 938],
            &[InOrder, Overtaken, InOrder, Repeated, Repeated, Overtaken],
        );
    }

    #[test]
    fn receivers_and_publishers_are_apart() {
        let mut ledger = Ledger::new(2, 2);
        for (receiver, publisher) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert_eq!(ledger.note(receiver, publisher, 0), Arrival::InOrder);
        }
    }
}
