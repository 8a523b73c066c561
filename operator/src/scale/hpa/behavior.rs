//! `behavior`: how fast the count may change, and how long a recommendation holds it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::condition::Reason;

/// Both directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Behavior {
    /// More pods.
    pub up: Rules,
    /// Fewer pods.
    pub down: Rules,
}

/// One direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The stabilisation window.
    pub window: SignedDuration,
    /// Which policy wins.
    pub select: Select,
    /// The policies.
    pub policies: Vec<Policy>,
}

/// `selectPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// The one that allows most.
    Max,
    /// The one that allows least.
    Min,
    /// No change in this direction.
    Disabled,
}

/// At most so much in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Unit of the value.
    pub kind: PolicyKind,
    /// How much.
    pub value: i32,
    /// In how many seconds.
    pub period: i32,
}

/// Unit of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the count at the beginning of the period.
    Percent,
}

/// A change that was made: pods added, or, below zero, removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// How many.
    pub pods: i32,
    /// When.
    pub time: Timestamp,
}

/// What the rates leave of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// That many pods.
    pub replicas: i32,
    /// What limited it, or `DesiredWithinRange`.
    pub reason: Reason,
    /// The policy that did, where it was one.
    pub policy: Option<Policy>,
}

impl Behavior {
    /// The HPA's defaults.
    pub fn hpa() -> Self {
        let policy = |kind, value| Policy {
            kind,
            value,
            period: 15,
        };
        Self {
            up: Rules {
                window: SignedDuration::ZERO,
                select: Select::Max,
                policies: vec![
                    policy(PolicyKind::Pods, 4),
                    policy(PolicyKind::Percent, 100),
                ],
            },
            down: Rules {
                window: SignedDuration::from_mins(5),
                select: Select::Max,
                policies: vec![policy(PolicyKind::Percent, 100)],
            },
        }
    }

    /// How long a recommendation can matter.
    pub fn longest_window(&self) -> SignedDuration {
        self.up.window.max(self.down.window)
    }

    /// How long a change can matter.
    pub fn longest_period(&self) -> SignedDuration {
        let policies = self.up.policies.iter().chain(&self.down.policies);
        let longest = policies.map(|policy| policy.period).max();
        SignedDuration::from_secs(longest.unwrap_or(0).into())
    }

    /// Lets `desired` go as far from `current` as the policies and `bounds` (least, most) allow.
    pub fn limit(
        &self,
        current: i32,
        desired: i32,
        bounds: (i32, i32),
        changes: &[Change],
        now: Timestamp,
    ) -> Limited {
        let limited = |replicas, reason, policy| Limited {
            replicas,
            reason,
            policy,
        };
        let (least, most) = bounds;
        if desired > current {
            let (limit, policy) = self.up.up_to(current, changes, now);
            let limit = limit.max(current);
            if most <= limit && desired > most {
                return limited(most, Reason::TooManyReplicas, None);
            }
            if most > limit && desired > limit {
                return limited(limit, Reason::ScaleUpLimit, policy);
            }
        } else if desired < current {
            let (limit, policy) = self.down.down_to(current, changes, now);
            let limit = limit.min(current);
            if least >= limit && desired < least {
                return limited(least, Reason::TooFewReplicas, None);
            }
            if least < limit && desired < limit {
                return limited(limit, Reason::ScaleDownLimit, policy);
            }
        }
        limited(desired, Reason::DesiredWithinRange, None)
    }
}

impl Rules {
    fn up_to(&self, current: i32, changes: &[Change], now: Timestamp) -> (i32, Option<Policy>) {
        let limits = self.policies.iter().map(|policy| {
            let start = policy.start(current, changes, now);
            let limit = match policy.kind {
                PolicyKind::Pods => start.saturating_add(policy.value),
                PolicyKind::Percent => {
                    (f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil() as i32
                }
            };
            (limit, *policy)
        });
        let chosen = match self.select {
            Select::Max => limits.reduce(highest),
            Select::Min => limits.reduce(lowest),
            Select::Disabled => None,
        };
        chosen.map_or((current, None), |(limit, policy)| (limit, Some(policy)))
    }

    fn down_to(&self, current: i32, changes: &[Change], now: Timestamp) -> (i32, Option<Policy>) {
        let limits = self.policies.iter().map(|policy| {
            let start = policy.start(current, changes, now);
            let limit = match policy.kind {
                PolicyKind::Pods => start.saturating_sub(policy.value),
                PolicyKind::Percent => {
                    (f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)) as i32
                }
            };
            (limit, *policy)
        });
        let chosen = match self.select {
            Select::Max => limits.reduce(lowest),
            Select::Min => limits.reduce(highest),
            Select::Disabled => None,
        };
        chosen.map_or((current, None), |(limit, policy)| (limit, Some(policy)))
    }
}

impl Policy {
    /// The count at the beginning of the period.
    fn start(&self, current: i32, changes: &[Change], now: Timestamp) -> i32 {
        current.saturating_sub(changed_within(self.period, changes, now))
    }
}

/// The first of the highest limits, with its policy.
fn highest(best: (i32, Policy), one: (i32, Policy)) -> (i32, Policy) {
    if one.0 > best.0 { one } else { best }
}

/// The first of the lowest limits, with its policy.
fn lowest(best: (i32, Policy), one: (i32, Policy)) -> (i32, Policy) {
    if one.0 < best.0 { one } else { best }
}

/// Pods added in the last `period` seconds, less those removed.
pub fn changed_within(period: i32, changes: &[Change], now: Timestamp) -> i32 {
    let cutoff = now - SignedDuration::from_secs(period.into());
    changes
        .iter()
        .filter(|change| change.time > cutoff)
        .fold(0, |sum, change| sum.saturating_add(change.pods))
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            value,
            period,
        } = self;
        match kind {
            PolicyKind::Pods => write!(f, "{value} Pods/{period}s"),
            PolicyKind::Percent => write!(f, "{value} Percent/{period}s"),
        }
    }
}
