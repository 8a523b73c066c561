//! A fleet that follows its decisions: loads go in, counts come out. The `simulate` command replays records with it,
//! the tests state properties over it.

use carillon_crds::resource::RealtimeClusterStatus;
use jiff::{SignedDuration, Timestamp};

use super::hpa::condition::Reason;
use super::hpa::pods::{Phase, Pod, Readiness, Requests};
use super::hpa::replicas::Unable;
use super::samples::{Data, PodSample, Samples, failure};
use super::settings::{Settings, Target, Wanted};
use super::{Decision, Facts, conditions, decide};

/// The fleet.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// What is decided by.
    pub settings: Settings,
    /// What was decided last.
    pub status: RealtimeClusterStatus,
    pods: Vec<Pod>,
    born: u64,
    model: Model,
}

/// What is known of the pods.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// How long a pod takes to become ready.
    pub startup: SignedDuration,
    /// What each requests.
    pub requests: Requests,
}

/// What happens to the fleet at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub time: Timestamp,
    /// Of each metric: for metrics of pods the sum over the fleet, which the ready pods share; absent: no data.
    pub totals: Vec<Option<f64>>,
    /// So many ready pods have no sample.
    pub missing: usize,
    /// Whether a rollout runs.
    pub rollout: bool,
}

/// A decision, and what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The count before.
    pub current: i32,
    /// What was decided.
    pub decision: Decision,
}

impl Simulation {
    /// A fleet of `replicas` pods that have been ready for long.
    pub fn new(settings: Settings, replicas: i32, model: Model, now: Timestamp) -> Self {
        let mut fleet = Self {
            settings,
            status: RealtimeClusterStatus::default(),
            pods: Vec::new(),
            born: 0,
            model,
        };
        fleet.resize(replicas, now - SignedDuration::from_hours(24));
        fleet
    }

    /// Decides once, and obeys.
    pub fn step(&mut self, moment: &Moment) -> Step {
        let now = moment.time;
        self.grow_up(now);
        let current = self.pods.len() as i32;
        let samples = self.samples(moment);
        let facts = Facts {
            current,
            status_replicas: current,
            pods: &self.pods,
            rollout_in_progress: moment.rollout,
        };
        let mut decision = decide(&self.settings, &samples, &self.status, &facts, now);
        if let Some(change) = decision.change {
            self.resize(change.to, now);
            decision.scaled(change.to, &self.settings, now);
        }
        self.status.autoscaling = Some(decision.status.clone());
        conditions::merge(&mut self.status.conditions, &decision.conditions, None, now);
        Step { current, decision }
    }

    fn grow_up(&mut self, now: Timestamp) {
        for pod in &mut self.pods {
            let since = pod.started.unwrap_or(now) + self.model.startup;
            if since <= now {
                let status = Some(true);
                pod.ready = Some(Readiness { status, since });
            }
        }
    }

    /// New pods begin now; the youngest go first.
    fn resize(&mut self, replicas: i32, now: Timestamp) {
        let wanted = usize::try_from(replicas).unwrap_or(0);
        self.pods.truncate(wanted);
        while self.pods.len() < wanted {
            self.born += 1;
            self.pods.push(Pod {
                name: format!("pod-{}", self.born),
                phase: Phase::Running,
                deleted: false,
                ready: Some(Readiness {
                    status: Some(false),
                    since: now,
                }),
                started: Some(now),
                requests: self.model.requests,
            });
        }
    }

    fn samples(&self, moment: &Moment) -> Samples {
        let read = |(place, wanted): (usize, &Wanted)| {
            let total = moment.totals.get(place).copied().flatten();
            let none = || Unable::new(failure(wanted.kind), format!("{wanted}: no data"));
            let total = total.ok_or_else(none)?;
            Ok(match wanted.target {
                Target::Value(_) | Target::Total(_) => Data::Whole {
                    value: total,
                    taken: Some(moment.time),
                },
                Target::Average { .. } | Target::Utilization { .. } => {
                    Data::Pods(self.shares(total, moment))
                }
            })
        };
        Samples(self.settings.metrics.iter().enumerate().map(read).collect())
    }

    fn shares(&self, total: f64, moment: &Moment) -> Vec<PodSample> {
        let ready: Vec<_> = self.pods.iter().filter(|pod| pod.is_ready()).collect();
        let share = total / ready.len() as f64;
        let sample = |pod: &&Pod| PodSample {
            pod: pod.name.clone(),
            value: share,
            time: moment.time,
        };
        ready.iter().skip(moment.missing).map(sample).collect()
    }
}

impl Step {
    /// Whether the data were not enough to decide by.
    pub fn is_blind(&self) -> bool {
        let blind = |one: &super::Condition| !one.status && one.reason != Reason::ScalingDisabled;
        let active = super::Kind::ScalingActive;
        self.decision
            .conditions
            .iter()
            .any(|one| one.kind == active && blind(one))
    }
}
