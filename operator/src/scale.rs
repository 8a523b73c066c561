//! Autoscaling: how many pods a fleet should have.
//!
//! Everything here is pure: no client, no clock. The loop ([`crate::reconcile`], `scaling.rs`) parses [`settings`], has
//! [`crate::prometheus`] collect [`samples`] every `interval`, and calls [`decide`] with them. What it then made of the
//! count it notes by [`Decision::scaled`] or [`Decision::failed`]: a change may be done in smaller steps, and never in mode Advise.
//!
//! What a decision remembers is in `decision.status` alone ([`history`]): an operator that starts anew decides as the
//! one before would have. Times in status are whole seconds, and so is `now` here.
//!
//! The order: [`samples`] keeps what is fresh, [`mod@hpa`] computes as the HPA does, [`mod@guard`] refuses what the HPA would
//! do on data that are not whole, [`describe`] says why, and [`mod@figures`] has the numbers for metrics.

pub mod conditions;
pub mod describe;
pub mod figures;
pub mod guard;
pub mod history;
pub mod hpa;
pub mod observe;
pub mod promql;
pub mod quantity;
pub mod samples;
pub mod settings;
pub mod simulation;
pub mod vectors;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;

use carillon_crds::resource::{AutoscalingStatus, Mode, RealtimeClusterStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use crate::events::Event;

use self::figures::{Figure, figures};
use self::guard::{Verdict, guard};
use self::history::History;
use self::hpa::condition::{Condition, Kind, Reason};
use self::hpa::pods::{Pod, Startup};
use self::hpa::{Course, Outcome, hpa};
use self::samples::{Judged, Samples, judge};
use self::settings::Settings;

/// What is known of the fleet.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `spec.replicas` of the Deployment.
    pub current: i32,
    /// `status.replicas` of the Deployment.
    pub status_replicas: i32,
    /// All its pods, terminating ones too.
    pub pods: &'a [Pod],
    /// Whether a rollout runs, or is paused for drains.
    pub rollout_in_progress: bool,
}

/// What should be done, and what should be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// So many pods are wanted.
    pub desired: i32,
    /// The change that this needs; absent where there is none, and in mode Advise.
    pub change: Option<Rescale>,
    /// `status.autoscaling`.
    pub status: AutoscalingStatus,
    /// `AbleToScale`, `ScalingActive` and `ScalingLimited`.
    pub conditions: Vec<Condition>,
    /// What is worth an event: only what was not so before.
    pub events: Vec<Event>,
    /// How the count came to be.
    pub stages: Stages,
    /// What it was decided by.
    pub figures: Vec<Figure>,
    /// Whether `fallback` stands in for data that have been away for long.
    pub is_fallback: bool,
}

/// A change of the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescale {
    /// From.
    pub from: i32,
    /// To.
    pub to: i32,
}

/// The count on its way, for the operator's metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages {
    /// The largest proposal.
    pub raw: Option<i32>,
    /// What the windows left of it.
    pub stabilised: Option<i32>,
    /// What the rates and bounds left of that.
    pub limited: Option<i32>,
}

/// Decides.
pub fn decide(
    settings: &Settings,
    samples: &Samples,
    before: &RealtimeClusterStatus,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Decision {
    let round = Round {
        settings,
        before,
        facts: *facts,
        now: whole_seconds(now),
    };
    let remembered = before.autoscaling.clone().unwrap_or_default();
    let mut history = History::read(&remembered);
    let judged = judge(settings, samples, facts.pods, round.now);
    let mut outcome = round.hpa(&judged, &history);
    let silent = round.remember(&mut history, &outcome);
    let silent_since = history.silent_since().filter(|_| silent);
    let verdict = round.guard(&mut outcome, &judged, silent_since);
    let mut status = AutoscalingStatus {
        last_scale_time: remembered.last_scale_time,
        ..round.report(&outcome, &judged, &verdict)
    };
    history.write(&mut status);
    let figures = figures(settings, &outcome, &judged);
    Decision {
        figures,
        ..round.decision(outcome, &verdict, status)
    }
}

/// What one decision is made from.
struct Round<'a> {
    settings: &'a Settings,
    before: &'a RealtimeClusterStatus,
    facts: Facts<'a>,
    now: Timestamp,
}

impl Round<'_> {
    fn hpa(&self, judged: &[Judged], history: &History) -> Outcome {
        let Facts {
            current,
            status_replicas,
            pods,
            ..
        } = self.facts;
        let behavior = &self.settings.behavior;
        let metrics: Vec<_> = judged.iter().map(|judged| judged.metric.clone()).collect();
        hpa(&hpa::Input {
            bounds: self.settings.bounds,
            current,
            status_replicas,
            pods,
            metrics: &metrics,
            tolerance: self.settings.tolerance,
            startup: Startup::default(),
            behavior,
            past: &history.recommendations(current, behavior, self.now),
            changes: history.changes(),
            now: self.now,
        })
    }

    /// Notes the proposal; whether no metric made one.
    fn remember(&self, history: &mut History, outcome: &Outcome) -> bool {
        let (current, now) = (self.facts.current, self.now);
        let none = outcome.proposals.iter().all(Result::is_err);
        let silent = outcome.course == Course::NoMetric && none;
        if let Course::Measured { raw, .. } = outcome.course {
            history.propose(raw, current, &self.settings.behavior, now);
        } else if silent {
            history.silence(current, now);
        }
        silent
    }

    fn guard(
        &self,
        outcome: &mut Outcome,
        judged: &[Judged],
        silent_since: Option<Timestamp>,
    ) -> Verdict {
        let scene = guard::Scene {
            current: self.facts.current,
            most: self.settings.bounds.1,
            gap: judged.iter().find_map(|judged| judged.gap.as_ref()),
            rollout_in_progress: self.facts.rollout_in_progress,
            silent_since,
            fallback: self.settings.fallback,
            now: self.now,
        };
        guard(outcome, &scene)
    }

    fn report(&self, outcome: &Outcome, judged: &[Judged], verdict: &Verdict) -> AutoscalingStatus {
        let current = self.facts.current;
        let reason = describe::reason(self.settings, outcome, judged, verdict, current);
        AutoscalingStatus {
            desired_replicas: Some(outcome.desired),
            metrics: describe::metrics(self.settings, outcome, judged, self.now),
            reason: Some(reason),
            ..AutoscalingStatus::default()
        }
    }

    fn decision(&self, outcome: Outcome, verdict: &Verdict, status: AutoscalingStatus) -> Decision {
        let Outcome {
            desired,
            course,
            mut conditions,
            ..
        } = outcome;
        complete(&mut conditions, course);
        let reason = status.reason.as_deref().unwrap_or_default();
        let events = events(&conditions, verdict, reason, self.before);
        let from = self.facts.current;
        let changes = desired != from && self.settings.mode == Mode::Auto;
        Decision {
            desired,
            change: changes.then_some(Rescale { from, to: desired }),
            status,
            conditions,
            events,
            stages: Stages::of(course),
            figures: Vec::new(),
            is_fallback: matches!(verdict, Verdict::Fallback(_)),
        }
    }
}

impl Decision {
    /// Notes that the count was changed to `count`, which may be a step on the way only.
    pub fn scaled(&mut self, count: i32, settings: &Settings, now: Timestamp) {
        let Some(Rescale { from, .. }) = self.change else {
            return;
        };
        let now = whole_seconds(now);
        let mut history = History::read(&self.status);
        history.change(count.saturating_sub(from), &settings.behavior, now);
        history.write(&mut self.status);
        self.status.last_scale_time = Some(Time(now));
        self.replace(Condition::rescaled(count));
        let reason = self.status.reason.as_deref().unwrap_or_default();
        self.events.push(Event {
            warning: false,
            reason: "SuccessfulRescale",
            message: format!("New size: {count}; reason: {reason}"),
        });
    }

    /// Notes that the count could not be changed.
    pub fn failed(&mut self, error: &dyn fmt::Display) {
        self.replace(Condition::failed_update_scale(error));
    }

    fn replace(&mut self, condition: Condition) {
        self.conditions.retain(|one| one.kind != condition.kind);
        self.conditions.insert(0, condition);
    }
}

impl Stages {
    fn of(course: Course) -> Self {
        match course {
            Course::Measured {
                raw,
                stabilised,
                limited,
                ..
            } => Self {
                raw: Some(raw),
                stabilised: Some(stabilised),
                limited: Some(limited.replicas),
            },
            _ => Self::default(),
        }
    }
}

/// Adds the conditions that the HPA leaves as they were, so that none outlives its cause.
fn complete(conditions: &mut Vec<Condition>, course: Course) {
    let has = |conditions: &[Condition], kind| conditions.iter().any(|one| one.kind == kind);
    if !has(conditions, Kind::ScalingActive) {
        let message = "the count is outside of its bounds, no metric is needed";
        let active = Condition::new(Kind::ScalingActive, true, Reason::ValidMetricFound, message);
        conditions.push(active);
    }
    if !has(conditions, Kind::ScalingLimited) {
        let (limited, reason, message) = match course {
            Course::AboveMaximum => (
                true,
                Reason::TooManyReplicas,
                "the count is above maxReplicas",
            ),
            Course::BelowMinimum => (
                true,
                Reason::TooFewReplicas,
                "the count is below minReplicas",
            ),
            _ => (false, Reason::DesiredWithinRange, "no limit is in the way"),
        };
        conditions.push(Condition::new(
            Kind::ScalingLimited,
            limited,
            reason,
            message,
        ));
    }
    conditions.sort_by_key(|one| one.kind);
}

/// Events when scaling stops for want of data, with each new cause, and when the fallback begins.
fn events(
    conditions: &[Condition],
    verdict: &Verdict,
    reason: &str,
    before: &RealtimeClusterStatus,
) -> Vec<Event> {
    let kind = Kind::ScalingActive.as_str();
    let active_before = before.conditions.iter().find(|one| one.type_ == kind);
    let known = |reason: Reason| {
        active_before.is_some_and(|one| one.status == "False" && one.reason == reason.as_str())
    };
    let stopped = conditions
        .iter()
        .filter(|one| one.kind == Kind::ScalingActive && !one.status && !known(one.reason))
        .map(|one| Event {
            warning: true,
            reason: one.reason.as_str(),
            message: one.message.clone(),
        });
    let said = before
        .autoscaling
        .as_ref()
        .and_then(|status| status.reason.as_deref());
    let fallback =
        (matches!(verdict, Verdict::Fallback(_)) && said != Some(reason)).then(|| Event {
            warning: true,
            reason: "FallbackActivated",
            message: reason.to_owned(),
        });
    stopped.chain(fallback).collect()
}

/// Status holds whole seconds: with a fraction an operator that starts anew would decide otherwise.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
