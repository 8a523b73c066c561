//! From where to where a stream goes, and whether its beginning was cut off.

use std::time::Duration;

use redis::Value;

use super::{Connection, GRACE, LinkError, patiently};
use crate::id::EntryId;

/// What a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The last id that was given in it.
    pub(super) last: EntryId,
    /// The first entry, if there is one.
    first: Option<EntryId>,
    /// The last entry that is older than the past that was asked for, if there is one.
    before: Option<EntryId>,
    /// Entries may have been cut off.
    is_cut: bool,
    /// What its Redis says that time is, in milliseconds.
    now: u64,
}

impl Extent {
    /// Of a stream whose last so many seconds are of interest.
    pub(super) async fn of(
        connection: &mut Connection,
        stream: &str,
        past: Option<Duration>,
    ) -> Result<Self, LinkError> {
        let mut command = redis::cmd("EVAL");
        let past = past.map_or(0, |past| past.as_secs());
        command.arg(EXTENT).arg(1).arg(stream).arg(past);
        let answer = patiently(GRACE, connection.send(&command)).await??;
        Self::read(answer).ok_or(LinkError::Protocol)
    }

    fn read(answer: Value) -> Option<Self> {
        let (seconds, last, first, before, is_cut): (u64, String, String, String, bool) =
            redis::from_redis_value(answer).ok()?;
        Some(Self {
            last: last.parse().ok()?,
            first: first.parse().ok(),
            before: before.parse().ok(),
            is_cut,
            now: seconds.saturating_mul(1000),
        })
    }

    /// After which id everything is there, as far as it is of the past that was asked for: the last that is not, since a client
    /// may have been told no more than that for hours.
    pub(super) fn known(&self) -> EntryId {
        self.before.max(self.lost()).unwrap_or_default()
    }

    /// Up to which id something may be missing that is later than a position; `None` if nothing is.
    pub(super) fn cut_after(&self, position: EntryId) -> Option<EntryId> {
        self.lost().filter(|lost| *lost > position)
    }

    /// How old an entry is.
    pub(super) fn age(&self, id: &str) -> Duration {
        let id: Option<EntryId> = id.parse().ok();
        let age = id.map_or(0, |id| self.now.saturating_sub(id.millis));
        Duration::from_millis(age)
    }

    /// The last id that may have been cut off.
    fn lost(&self) -> Option<EntryId> {
        let first = self.first.map_or(self.last, EntryId::previous);
        self.is_cut.then_some(first)
    }
}

/// The time in seconds, the last id, the first id, the last one that is older than ARGV seconds, and whether entries may be gone.
/// Before version 7 Redis does not say how many there were.
const EXTENT: &str = r"
local seconds = tonumber(redis.call('TIME')[1])
if redis.call('EXISTS', KEYS[1]) == 0 then return { seconds, '0-0', '', '', 0 } end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local first = found['first-entry']
local since = string.format('%.0f', math.max(seconds - ARGV[1], 0) * 1000)
local before = redis.call('XREVRANGE', KEYS[1], since, '-', 'COUNT', 1)[1]
local cut = 1
if found['entries-added'] == found['length'] then cut = 0 end
return { seconds, found['last-generated-id'], first and first[1] or '', before and before[1] or '', cut }
";

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64, sequence: u64) -> EntryId {
        EntryId { millis, sequence }
    }

    fn extent(first: Option<EntryId>, last: EntryId, is_cut: bool) -> Extent {
        Extent {
            last,
            first,
            before: None,
            is_cut,
            now: 100_000,
        }
    }

    #[test]
    fn what_is_known() {
        let (first, last) = (Some(id(50_000, 2)), id(90_000, 1));
        let before = |before| Some(id(before, 3));
        for (before, first, is_cut, expected) in [
            (None, first, false, id(0, 0)),
            (before(60_000), first, false, id(60_000, 3)),
            (None, first, true, id(50_000, 1)),
            (before(60_000), first, true, id(60_000, 3)),
            (None, None, true, last),
        ] {
            let extent = Extent {
                before,
                ..extent(first, last, is_cut)
            };
            assert_eq!(extent.known(), expected, "{extent:?}");
        }
        assert_eq!(extent(None, id(0, 0), false).known(), id(0, 0));
    }

    #[test]
    fn what_is_missing() {
        let cut = extent(Some(id(50_000, 0)), id(90_000, 1), true);
        let before = id(49_999, u64::MAX);
        for (extent, position, expected) in [
            (cut, id(50_000, 0), None),
            (cut, before, None),
            (cut, id(40_000, 7), Some(before)),
            (
                extent(Some(id(50_000, 0)), id(90_000, 1), false),
                id(4, 0),
                None,
            ),
            (extent(None, id(90_000, 1), true), id(90_000, 1), None),
            (
                extent(None, id(90_000, 1), true),
                id(90_000, 0),
                Some(id(90_000, 1)),
            ),
        ] {
            assert_eq!(
                extent.cut_after(position),
                expected,
                "{extent:?} {position}"
            );
        }
    }

    #[test]
    fn ages() {
        let extent = extent(None, id(0, 0), false);
        for (entry, seconds) in [("99000-0", 1), ("100000-0", 0), ("200000-0", 0), ("x", 0)] {
            assert_eq!(extent.age(entry), Duration::from_secs(seconds), "{entry}");
        }
    }
}
