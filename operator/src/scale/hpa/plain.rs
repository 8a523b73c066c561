//! The HPA's way without `behavior`. A `RealtimeCluster` always has one, so that only the vectors come here:
//! they show that the rest is the HPA's.

use jiff::{SignedDuration, Timestamp};

use super::condition::Reason;
use super::stabilise::Recommendation;

/// The highest recommendation of the window.
pub fn stabilise(
    desired: i32,
    past: &[Recommendation],
    window: SignedDuration,
    now: Timestamp,
) -> i32 {
    let cutoff = now - window;
    past.iter()
        .filter(|one| one.time >= cutoff)
        .fold(desired, |highest, one| highest.max(one.replicas))
}

/// At most twice the current count or four, within the bounds (least, most).
pub fn limit(current: i32, desired: i32, bounds: (i32, i32)) -> (i32, Reason) {
    let (least, most) = bounds;
    let limit = (2.0 * f64::from(current)).max(4.0) as i32;
    let (allowed, reason) = if most > limit {
        (limit, Reason::ScaleUpLimit)
    } else {
        (most, Reason::TooManyReplicas)
    };
    if desired < least {
        (least, Reason::TooFewReplicas)
    } else if desired > allowed {
        (allowed, reason)
    } else {
        (desired, Reason::DesiredWithinRange)
    }
}
