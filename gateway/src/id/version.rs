//! Which of two writings of a session is the newer one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of one writing of a session among all that any process makes of it.
///
/// Whoever takes a session is later than all who had it before; a socket that goes on elsewhere without that is later than it was
/// where it came from; and one socket is written again and again. As text it is of one width, so that texts have the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    taken: u64,
    moves: u32,
    writes: u64,
}

impl Version {
    /// Of a session that was taken at that time, in milliseconds of a clock that all share.
    #[must_use]
    pub fn taken(at: u64) -> Self {
        Self {
            taken: at,
            ..Self::default()
        }
    }

    /// Of a socket that goes on from this one without being taken.
    #[must_use]
    pub fn moved(self) -> Self {
        Self {
            moves: self.moves.saturating_add(1),
            writes: 0,
            ..self
        }
    }

    /// Of the next writing of the same socket.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            writes: self.writes.saturating_add(1),
            ..self
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            taken,
            moves,
            writes,
        } = self;
        write!(f, "{taken:016}{moves:010}{writes:016}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_later_than_what_it_comes_from_and_so_is_its_text() {
        let new = Version::default();
        let written = (0..10).fold(new, |version, _| version.next());
        let moved = written.moved();
        let twice = moved.next().moved();
        let taken = Version::taken(1_764_055_339_000);
        let order = [
            new,
            new.next(),
            written,
            moved,
            moved.next(),
            twice,
            taken,
            taken.next(),
            taken.moved(),
            Version::taken(1_764_055_339_001),
        ];
        for pair in order.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
            let texts = [pair[0].to_string(), pair[1].to_string()];
            assert!(texts[0] < texts[1], "{texts:?}");
            assert_eq!(texts[0].len(), texts[1].len());
        }
    }
}
