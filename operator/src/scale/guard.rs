//! What stands outside the HPA: the count is never lowered on data that are not whole, nor during a rollout, and it is
//! raised to the fallback when there have been no data for long.

use jiff::Timestamp;

use super::hpa::condition::{Condition, Kind, Reason};
use super::hpa::replicas::Unable;
use super::hpa::{Course, Outcome, inactive};
use super::settings::Fallback;

/// What the guard looks at.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The count that is asked for now.
    pub current: i32,
    /// `maxReplicas`.
    pub most: i32,
    /// What is missing of the metrics that could be computed.
    pub gap: Option<&'a Unable>,
    /// Whether a rollout runs or is paused.
    pub rollout_in_progress: bool,
    /// Since when no metric has had data.
    pub silent_since: Option<Timestamp>,
    /// What replaces them.
    pub fallback: Option<Fallback>,
    /// The time.
    pub now: Timestamp,
}

/// What became of the HPA's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stands.
    Passed,
    /// A scale-down is put off, in a sentence.
    Held(String),
    /// The count is raised for want of data.
    Fallback(Fallback),
}

/// Corrects the HPA's outcome: its count and its conditions.
pub fn guard(outcome: &mut Outcome, scene: &Scene<'_>) -> Verdict {
    let measured = matches!(outcome.course, Course::Measured { .. });
    let mut verdict = Verdict::Passed;
    if outcome.desired < scene.current && scene.rollout_in_progress {
        let message = "the count is not lowered while a rollout is in progress";
        verdict = hold(outcome, scene.current, message);
        let limited = Condition::new(
            Kind::ScalingLimited,
            true,
            Reason::RolloutInProgress,
            message,
        );
        replace(&mut outcome.conditions, limited);
    }
    if let Some(gap) = scene.gap.filter(|_| measured)
        && outcome.desired <= scene.current
    {
        if outcome.desired < scene.current {
            verdict = hold(outcome, scene.current, &gap.message);
        }
        replace(&mut outcome.conditions, inactive(gap));
    }
    if let Some(fallback) = scene.fallback_in_force(outcome.course) {
        let replicas = fallback.replicas.min(scene.most);
        if replicas > outcome.desired {
            outcome.desired = replicas;
            verdict = Verdict::Fallback(fallback);
        }
    }
    verdict
}

impl Scene<'_> {
    fn fallback_in_force(&self, course: Course) -> Option<Fallback> {
        let since = self.silent_since.filter(|_| course == Course::NoMetric)?;
        let silence = self.now.duration_since(since);
        self.fallback.filter(|fallback| silence >= fallback.after)
    }
}

fn hold(outcome: &mut Outcome, current: i32, message: &str) -> Verdict {
    outcome.desired = current;
    Verdict::Held(message.to_owned())
}

fn replace(conditions: &mut Vec<Condition>, condition: Condition) {
    conditions.retain(|one| one.kind != condition.kind);
    conditions.push(condition);
}
