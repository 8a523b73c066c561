//! The id of an entry in the order that all receivers agree on.

use std::{fmt, num::ParseIntError, str::FromStr};

/// The id of an entry, `<milliseconds>-<sequence>`; later entries have greater ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since the epoch; on the memory bus those of the boot.
    pub millis: u64,
    /// The order within `millis`.
    pub sequence: u64,
}

impl EntryId {
    /// The one after it.
    pub const fn next(self) -> Self {
        match self.sequence.checked_add(1) {
            Some(sequence) => Self { sequence, ..self },
            None => Self {
                millis: self.millis.saturating_add(1),
                sequence: 0,
            },
        }
    }

    /// The one before it.
    pub const fn previous(self) -> Self {
        match (self.sequence.checked_sub(1), self.millis.checked_sub(1)) {
            (Some(sequence), _) => Self { sequence, ..self },
            (None, Some(millis)) => Self {
                millis,
                sequence: u64::MAX,
            },
            (None, None) => self,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (millis, sequence) = text.split_once('-').ok_or(EntryIdError::NoDash)?;
        Ok(Self {
            millis: millis.parse()?,
            sequence: sequence.parse()?,
        })
    }
}

/// Why a text is no entry id.
#[derive(Debug, thiserror::Error)]
pub enum EntryIdError {
    /// The dash between the two numbers is missing.
    #[error("an entry id is <milliseconds>-<sequence>")]
    NoDash,
    /// One of the two is no number.
    #[error("an entry id is <milliseconds>-<sequence>: {0}")]
    Number(#[from] ParseIntError),
}
