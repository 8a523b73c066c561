//! The Horizontal Pod Autoscaler of Kubernetes (autoscaling/v2), bit for bit: its arithmetic, its order, its reasons.
//!
//! Nothing here reads a clock or asks anybody. What we do otherwise than the HPA stands outside, in [`mod@super::guard`].

pub mod behavior;
pub mod condition;
pub mod plain;
pub mod pods;
pub mod replicas;
pub mod stabilise;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use self::behavior::{Behavior, Change, Limited};
use self::condition::{Condition, Kind, Reason};
use self::pods::{Pod, Resource, Sample, Startup};
use self::replicas::{Proposal, Scene, Tolerance, Unable};
use self::stabilise::{Recommendation, stabilise};

/// What has been measured, and what it should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// Use of a resource in whole percent of what is requested.
    Utilization {
        /// Which.
        resource: Resource,
        /// Of each pod.
        samples: Vec<Sample>,
        /// Percent.
        target: i32,
    },
    /// The average of the pods.
    Average {
        /// Where it is one.
        resource: Option<Resource>,
        /// Of each pod.
        samples: Vec<Sample>,
        /// In thousandths.
        target: i64,
    },
    /// One value for the whole.
    Value {
        /// In thousandths.
        value: i64,
        /// In thousandths.
        target: i64,
    },
    /// A total that the pods share.
    Total {
        /// In thousandths.
        total: i64,
        /// A pod, in thousandths.
        target: i64,
    },
}

/// What a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// `minReplicas` and `maxReplicas`.
    pub bounds: (i32, i32),
    /// `spec.replicas` of what is scaled.
    pub current: i32,
    /// `status.replicas` of what is scaled.
    pub status_replicas: i32,
    /// All its pods.
    pub pods: &'a [Pod],
    /// A metric, or why there is none.
    pub metrics: &'a [Result<Metric, Unable>],
    /// Tolerance of the ratio.
    pub tolerance: Tolerance,
    /// Distrust of young pods.
    pub startup: Startup,
    /// Windows and rates.
    pub behavior: &'a Behavior,
    /// Recommendations of the past.
    pub past: &'a [Recommendation],
    /// Changes of the past.
    pub changes: &'a [Change],
    /// The time.
    pub now: Timestamp,
}

/// What the HPA would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// That many pods.
    pub desired: i32,
    /// What each metric says, in their order; empty where none was asked.
    pub proposals: Vec<Result<Proposal, Unable>>,
    /// How it came to be.
    pub course: Course,
    /// `AbleToScale`, `ScalingActive`, and `ScalingLimited` where limits were looked at.
    pub conditions: Vec<Condition>,
}

/// How a count came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// `spec.replicas` is 0: somebody switched scaling off.
    Disabled,
    /// The current count is above `maxReplicas`.
    AboveMaximum,
    /// The current count is below `minReplicas`.
    BelowMinimum,
    /// No metric, or not all of them while the others would go down.
    NoMetric,
    /// By metrics.
    Measured {
        /// The metric with the largest proposal, by its place.
        metric: usize,
        /// Its proposal: what goes into the history.
        raw: i32,
        /// What the windows leave of it.
        stabilised: i32,
        /// What the rates and bounds leave of that.
        limited: Limited,
    },
}

/// Decides as the HPA does.
pub fn hpa(input: &Input<'_>) -> Outcome {
    let (least, most) = input.bounds;
    let at_bound = |desired, course| Outcome {
        desired,
        proposals: Vec::new(),
        course,
        conditions: vec![got_scale()],
    };
    if input.current == 0 && least != 0 {
        return disabled();
    }
    if input.current > most {
        return at_bound(most, Course::AboveMaximum);
    }
    if input.current < least {
        return at_bound(least, Course::BelowMinimum);
    }
    let proposals = proposals(input);
    match combine(&proposals, input.current) {
        Err(unable) => Outcome {
            desired: input.current,
            conditions: vec![got_scale(), inactive(&unable)],
            proposals,
            course: Course::NoMetric,
        },
        Ok((metric, raw)) => measured(input, proposals, metric, raw),
    }
}

/// `ScalingActive=False` with the reason of a metric.
pub fn inactive(unable: &Unable) -> Condition {
    let message = format!("unable to compute the replica count: {}", unable.message);
    Condition::new(Kind::ScalingActive, false, unable.reason, message)
}

fn got_scale() -> Condition {
    let message = "the operator was able to get the current scale";
    Condition::new(Kind::AbleToScale, true, Reason::SucceededGetScale, message)
}

fn disabled() -> Outcome {
    let message = "scaling is disabled since the replica count of the target is zero";
    let active = Condition::new(Kind::ScalingActive, false, Reason::ScalingDisabled, message);
    Outcome {
        desired: 0,
        proposals: Vec::new(),
        course: Course::Disabled,
        conditions: vec![got_scale(), active],
    }
}

fn proposals(input: &Input<'_>) -> Vec<Result<Proposal, Unable>> {
    let scene = Scene {
        current: input.current,
        pods: input.pods,
        tolerance: input.tolerance,
        startup: input.startup,
        now: input.now,
    };
    let propose = |metric: &Result<Metric, Unable>| match metric.as_ref().map_err(Clone::clone)? {
        Metric::Utilization {
            resource,
            samples,
            target,
        } => scene.utilization(*resource, samples, *target),
        Metric::Average {
            resource,
            samples,
            target,
        } => scene.average(*resource, samples, *target),
        Metric::Value { value, target } => scene.value(*value, *target),
        Metric::Total { total, target } => Ok(scene.total(*total, *target, input.status_replicas)),
    };
    input.metrics.iter().map(propose).collect()
}

/// The first of the largest proposals; with a metric missing nothing goes down.
fn combine(proposals: &[Result<Proposal, Unable>], current: i32) -> Result<(usize, i32), Unable> {
    let mut best: Option<(usize, i32)> = None;
    let mut unable = None;
    for (place, proposal) in proposals.iter().enumerate() {
        match proposal {
            Ok(Proposal { replicas, .. }) => {
                if best.is_none_or(|(_, largest)| *replicas > largest) {
                    best = Some((place, *replicas));
                }
            }
            Err(error) => {
                unable.get_or_insert(error);
            }
        }
    }
    match (best, unable) {
        (Some((_, replicas)), Some(unable)) if replicas < current => Err(unable.clone()),
        (Some(best), _) => Ok(best),
        (None, Some(unable)) => Err(unable.clone()),
        (None, None) => Err(Unable::new(
            Reason::InvalidMetricSourceType,
            "no metrics are configured",
        )),
    }
}

fn measured(
    input: &Input<'_>,
    proposals: Vec<Result<Proposal, Unable>>,
    metric: usize,
    raw: i32,
) -> Outcome {
    let Input {
        bounds,
        current,
        behavior,
        past,
        changes,
        now,
        ..
    } = *input;
    let stabilised = stabilise(current, raw, past, behavior, now);
    let limited = behavior.limit(current, stabilised, bounds, changes, now);
    let able = if stabilised == raw {
        Reason::ReadyForNewScale
    } else if raw >= current {
        Reason::ScaleUpStabilized
    } else {
        Reason::ScaleDownStabilized
    };
    let found = "the replica count could be calculated from at least one metric";
    let holds = limited.replicas != stabilised;
    let conditions = vec![
        Condition::new(Kind::AbleToScale, true, able, able.sentence()),
        Condition::new(Kind::ScalingActive, true, Reason::ValidMetricFound, found),
        Condition::new(
            Kind::ScalingLimited,
            holds,
            limited.reason,
            limited.reason.sentence(),
        ),
    ];
    Outcome {
        desired: limited.replicas,
        proposals,
        course: Course::Measured {
            metric,
            raw,
            stabilised,
            limited,
        },
        conditions,
    }
}
