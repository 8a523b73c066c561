//! Gauges in status, and when it is written: what is measured anew every few seconds must not be a write every few
//! seconds.

use carillon_crds::resource::RealtimeClusterStatus;
use jiff::{SignedDuration, Timestamp};

use super::conditions::is_ours;

/// Gauges alone are written at most once in this time.
const GAUGES_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Two significant digits, rounded half up.
pub(super) fn two_digits(value: u64) -> i64 {
    let mut unit = 1_u64;
    while value / unit >= 100 {
        unit *= 10;
    }
    let (whole, rest) = (value / unit, value % unit);
    let rounded = (whole + u64::from(rest >= unit.div_ceil(2) && unit > 1)) as i128;
    i64::try_from(rounded * i128::from(unit)).unwrap_or(i64::MAX)
}

/// What stands between two statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    None,
    Gauges,
    Facts,
}

/// Compares what is wanted with what stands in the cluster. Conditions of others are not looked at, nor is the order.
pub(super) fn difference(
    wanted: &RealtimeClusterStatus,
    present: &RealtimeClusterStatus,
) -> Difference {
    let (wanted, present) = (comparable(wanted), comparable(present));
    if wanted == present {
        Difference::None
    } else if without_gauges(wanted) == without_gauges(present) {
        Difference::Gauges
    } else {
        Difference::Facts
    }
}

/// Whether gauges may be written again. A clock that was set back makes nobody wait.
pub(super) fn is_due(last_write: Option<Timestamp>, now: Timestamp) -> bool {
    last_write.is_none_or(|last| now.duration_since(last) >= GAUGES_EVERY || last > now)
}

fn comparable(status: &RealtimeClusterStatus) -> RealtimeClusterStatus {
    let mut status = status.clone();
    status
        .conditions
        .retain(|condition| is_ours(&condition.type_));
    status
        .conditions
        .sort_by(|one, other| one.type_.cmp(&other.type_));
    status
}

fn without_gauges(mut status: RealtimeClusterStatus) -> RealtimeClusterStatus {
    status.connections = None;
    if let Some(rollout) = &mut status.rollout {
        rollout.remaining_connections = 0;
    }
    if let Some(autoscaling) = &mut status.autoscaling {
        // It names the value; what else it says is told by conditions and counts.
        autoscaling.reason = None;
        for metric in &mut autoscaling.metrics {
            metric.value = None;
            metric.proposal = None;
            metric.age = None;
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_have_two_digits() {
        for (value, expected) in [
            (0, 0),
            (7, 7),
            (99, 99),
            (100, 100),
            (104, 100),
            (105, 110),
            (994, 990),
            (995, 1_000),
            (23_456, 23_000),
            (23_500, 24_000),
            (u64::MAX, i64::MAX),
        ] {
            assert_eq!(two_digits(value), expected, "{value}");
        }
    }

    #[test]
    fn gauges_are_due_after_a_minute() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        for (last, now, due) in [
            (None, 0, true),
            (Some(100), 100, false),
            (Some(100), 159, false),
            (Some(100), 160, true),
            (Some(100), 99, true),
        ] {
            assert_eq!(is_due(last.map(at), at(now)), due, "{last:?} {now}");
        }
    }
}
