//! One look at one fleet: `observe → validate → scale → build → apply → status`.
//!
//! Whatever is wrong with a fleet's spec stops what would be written of it, and nothing else: its pods go on with what
//! they have, a rollout under way goes on step by step, it is scaled, and its status tells what is wrong.

mod blind;
mod endpoint;
mod memory;
mod observe;
mod report;
mod reports;
mod round;
mod scaling;
mod secrets;
mod spec;
mod step;
mod tell;
mod turns;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kube::Client;

pub use memory::Memory;

use self::observe::{Seen, facts};
use self::reports::Questions;
use self::round::Round;
use self::spec::Spec;
use self::turns::Turns;
use crate::apply::{self, Writer};
use crate::build;
use crate::cache::fleet::Fleet;
use crate::cache::{Entry, Key};
use crate::controller::Settings;
use crate::events::Recorder;
use crate::failure::Failure;
use crate::gateway::Gateways;
use crate::metrics::Metrics;
use crate::status::StallReason;
use crate::watches::Caches;

/// What looks at fleets.
pub struct Reconciler {
    client: Client,
    caches: Caches,
    gateways: Gateways,
    metrics: Metrics,
    recorder: Recorder,
    settings: Settings,
    turns: Turns,
    writer: Writer,
}

/// The time of a look, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For durations.
    pub monotonic: Instant,
    /// For what is written.
    pub wall: Timestamp,
}

/// What came of a look.
pub struct Outcome {
    /// How soon the fleet is to be looked at again, if nothing changes.
    pub again: Duration,
    /// What did not go well, and is tried again.
    pub failures: Vec<Failure>,
    /// Whether something needs a person.
    pub stalled: bool,
    /// What takes its time, and is done beside: after each of it the fleet is looked at.
    pub beside: Beside,
}

/// What is done beside.
pub type Beside = Vec<BoxFuture<'static, ()>>;

impl Reconciler {
    /// One for the process.
    #[must_use]
    pub fn new(context: crate::controller::Context) -> Self {
        let crate::controller::Context {
            client,
            caches,
            triggers: _,
            gateways,
            metrics,
            instance,
            settings,
        } = context;
        Self {
            recorder: Recorder::new(client.clone(), instance),
            turns: Turns::new(settings.max_default_image_rollouts),
            writer: Writer {
                client: client.clone(),
                children: caches.children.clone(),
            },
            client,
            caches,
            gateways,
            metrics,
            settings,
        }
    }

    /// Looks at a fleet, and does what is to be done.
    pub async fn reconcile(&self, fleet: &Fleet, memory: &mut Memory, now: Now) -> Outcome {
        if let Some(refused) = self.caches.blind(&fleet.namespace) {
            return self.tell_why_blind(fleet, memory, now, &refused).await;
        }
        let spec = memory.spec(fleet);
        let mut round = Round::begin(&self.caches, fleet, &spec, now);
        round.tag.clone_from(&self.settings.default_tag);
        memory.reports.take(&round.seen.pods);
        let mut beside = Beside::new();
        self.ask(&round, memory, &mut beside).await;
        self.scale(&mut round, memory, &mut beside);
        let missing = self.missing_secrets(&mut round, memory).await;
        let content = spec.content.as_ref().filter(|_| !missing);
        let deployment = round.seen.deployment.as_ref().map(|one| one.replicas);
        if spec.cluster.spec.paused {
            round.template_is_current = true;
        } else {
            match content {
                Some(content) => self.write(&mut round, content, memory).await,
                None => self.step(&mut round, memory).await,
            }
            // The answers to what was written are what is there now.
            round.seen = Seen::look(&self.caches, fleet);
            self.tell(&mut round, memory).await;
        }
        let present = round.seen.deployment.as_ref().map(|one| one.replicas);
        if let (Some(settings), Some(present)) = (&spec.scaling, present)
            && deployment.is_some_and(|before| before != present)
        {
            memory.scaling.reached(present, settings, now.wall);
        }
        self.report(&mut round, memory).await;
        let again = Self::again(&round, memory);
        if again == RESYNC {
            memory.rest();
        }
        Outcome {
            again,
            failures: round.failures,
            stalled: !round.stalls.is_empty(),
            beside,
        }
    }

    /// A fleet is no more.
    pub fn forget(&self, fleet: &Key) {
        self.turns.done(fleet);
        self.metrics.fleet.forget(fleet);
    }

    /// Asks the pods. Only a process that knows nothing of them yet waits for their answers.
    async fn ask(&self, round: &Round<'_>, memory: &mut Memory, beside: &mut Beside) {
        let (pods, every) = (&round.seen.pods, round.every(memory));
        let now = round.now.monotonic;
        match memory.reports.ask(&self.gateways, pods, every, now) {
            Questions::NotDue => {}
            Questions::First(answers) => {
                answers.await;
                memory.reports.take(pods);
            }
            Questions::Later(answers) => beside.push(answers.boxed()),
        }
    }

    async fn missing_secrets(&self, round: &mut Round<'_>, memory: &mut Memory) -> bool {
        let Some(content) = &round.spec.content else {
            return false;
        };
        let when = (round.fleet.generation, round.now.monotonic);
        let namespace = &round.fleet.namespace;
        let checked = &mut memory.secrets;
        let missing =
            secrets::Checked::missing(checked, &self.client, namespace, &content.secrets, when);
        match missing.await {
            Ok([]) => false,
            Ok(missing) => {
                let message = missing.join("; ");
                round.stall(StallReason::SecretMissing, message);
                true
            }
            Err(failure) => {
                round.failed("Secrets", failure);
                true
            }
        }
    }

    fn scale(&self, round: &mut Round<'_>, memory: &mut Memory, beside: &mut Beside) {
        let (spec, scaling) = (round.spec, &mut memory.scaling);
        let settings = spec.scaling.as_ref();
        if let (Some(settings), Some(deployment), Some(autoscaling)) = (
            settings,
            &round.seen.deployment,
            &spec.cluster.spec.autoscaling,
        ) {
            let pods: Vec<_> = round
                .seen
                .pods
                .iter()
                .map(|pod| pod.measured.clone())
                .collect();
            let rollout = facts(
                deployment,
                &round.seen.pods,
                &memory.reports,
                true,
                round.now.monotonic,
            );
            let facts = crate::scale::Facts {
                current: deployment.replicas,
                status_replicas: deployment.status_replicas,
                pods: &pods,
                rollout_in_progress: rollout.is_rolling() || deployment.paused,
            };
            if let Some(before) = scaling.decide(settings, &round.before, &facts) {
                let (key, shown) = (round.fleet.key(), &self.metrics.fleet);
                shown.decided(&key, scaling.reason());
                shown.measured(&key, &before, scaling.figures());
                shown.fallback(&key, scaling.decision.as_ref().map(|it| it.is_fallback));
            }
            if scaling.due_in(settings, round.now.monotonic).is_zero() {
                let question = scaling::Question {
                    client: self.client.clone(),
                    fleet: round.fleet.key(),
                    spec: autoscaling.clone(),
                    settings: settings.clone(),
                    address: self.settings.prometheus_address.clone(),
                    now: round.now.wall,
                };
                let answer = scaling.ask(question, round.now.monotonic);
                beside.push(answer.boxed());
            }
        }
        if spec.cluster.spec.autoscaling.is_none()
            && let Some(last) = scaling.decision.take()
        {
            let (key, shown) = (round.fleet.key(), &self.metrics.fleet);
            shown.measured(&key, &last.figures, &[]);
            shown.fallback(&key, None);
        }
        round.wanted = scaling::wanted(
            &spec.cluster.spec,
            settings,
            &round.before,
            round.seen.deployment.as_ref(),
            scaling.goal,
        );
    }

    fn again(round: &Round<'_>, memory: &Memory) -> Duration {
        let mut again = RESYNC;
        if !round.seen.pods.is_empty() {
            again = again.min(round.every(memory));
        }
        if let (Some(settings), true) = (&round.spec.scaling, round.seen.deployment.is_some()) {
            let due = memory.scaling.due_in(settings, round.now.monotonic);
            again = again.min(due.max(SOON));
        }
        for stall in &round.stalls {
            again = again.min(match stall.reason {
                StallReason::SecretMissing => CALM,
                // No watch tells that a role was mended, or that an object of somebody else's is gone.
                _ => MENDED,
            });
        }
        again
    }

    /// The fleets that an earlier process has begun to bring to this version's image.
    fn rolling(&self) -> BTreeSet<Key> {
        let fleets = self.caches.fleets.all().into_iter();
        let rolls = |fleet: &Arc<Fleet>| {
            let spec = Spec::read(fleet);
            let deployment = Seen::look(&self.caches, fleet).deployment;
            deployment.is_some_and(|deployment| {
                let image = build::image(&spec.cluster, &self.settings.default_tag);
                build::follows_operator(&spec.cluster)
                    && deployment.image.as_deref() == Some(&image)
                    && !deployment.is_complete()
            })
        };
        fleets.filter(rolls).map(|fleet| fleet.key()).collect()
    }
}

/// How often pods are asked when nothing is going on.
const CALM: Duration = Duration::from_secs(5);
/// How often when they drain, or have to take new rules.
const SOON: Duration = Duration::from_secs(1);
/// What a pod said longer ago says nothing.
const MAX_AGE: Duration = Duration::from_secs(15);
/// How often it is looked whether what needs a person was mended.
const MENDED: Duration = apply::AGAIN;
/// How often a fleet is looked at that nothing happens to.
const RESYNC: Duration = Duration::from_mins(10);
