//! Our conditions among those of status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, Time};

use super::hpa::condition::Condition;

/// Puts `new` in the place of those of the same type; the time of transition moves with the status only.
pub fn merge(
    conditions: &mut Vec<meta::Condition>,
    new: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) {
    for condition in new {
        let kind = condition.kind.as_str();
        let status = if condition.status { "True" } else { "False" };
        let old = conditions.iter().find(|one| one.type_ == kind);
        let since = old.filter(|one| one.status == status);
        let merged = meta::Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: condition.reason.as_str().to_owned(),
            message: condition.message.clone(),
            observed_generation: generation,
            last_transition_time: since.map_or(Time(now), |one| one.last_transition_time.clone()),
        };
        match conditions.iter_mut().find(|one| one.type_ == kind) {
            Some(old) => *old = merged,
            None => conditions.push(merged),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::scale::hpa::condition::{Kind, Reason};

    #[test]
    fn transitions() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let active = |status, reason| [Condition::new(Kind::ScalingActive, status, reason, "")];
        let mut conditions = Vec::new();
        let steps = [
            (1, true, Reason::ValidMetricFound, 1),
            (2, true, Reason::ValidMetricFound, 1),
            (3, false, Reason::MetricStale, 3),
            (4, false, Reason::MetricPartial, 3),
            (5, true, Reason::ValidMetricFound, 5),
        ];
        for (time, status, reason, since) in steps {
            merge(&mut conditions, &active(status, reason), Some(7), at(time));
            assert_eq!(conditions.len(), 1);
            assert_eq!(conditions[0].last_transition_time, Time(at(since)));
            assert_eq!(conditions[0].reason, reason.as_str());
            assert_eq!(conditions[0].observed_generation, Some(7));
        }
    }
}
