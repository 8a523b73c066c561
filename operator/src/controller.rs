//! The loop around [`reconcile`](crate::reconcile): which fleet is looked at when, by at most so many workers at once.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use kube::Client;
use rand::RngExt;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::cache::Key;
use crate::clock::{monotonic, wall};
use crate::failure::Failure;
use crate::gateway::Gateways;
use crate::metrics::Metrics;
use crate::metrics::reconcile::Result as Came;
use crate::queue::Queue;
use crate::reconcile::{Memory, Now, Outcome, Reconciler};
use crate::triggers::Triggers;
use crate::watches::{Caches, Scope};

/// What a person sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tag of an image for which an object names none.
    pub default_tag: String,
    /// The Prometheus of objects that name none.
    pub prometheus_address: Option<String>,
    /// The URL, without a closing slash, below which each alert has a page of its own.
    pub runbook_url: String,
    /// The namespace of the operator's own pods; absent: it runs elsewhere.
    pub operator_namespace: Option<String>,
    /// How many fleets are looked at at once.
    pub concurrency: u16,
    /// How many fleets follow the operator's version at once.
    pub max_default_image_rollouts: u16,
    /// Namespaces, or all.
    pub scopes: Vec<Scope>,
}

/// What the loop works with.
pub struct Context {
    /// The gated client.
    pub client: Client,
    /// What the watches fill.
    pub caches: Caches,
    /// What they tell.
    pub triggers: Triggers,
    /// Asks pods.
    pub gateways: Gateways,
    /// Of the process.
    pub metrics: Metrics,
    /// The name of the operator's pod, for events.
    pub instance: String,
    /// What a person sets.
    pub settings: Settings,
}

/// Looks at fleets until `shutdown` is done, and then finishes those that are being looked at.
pub async fn run(context: Context, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = std::pin::pin!(shutdown);
    let caches = context.caches.clone();
    tokio::select! {
        () = &mut shutdown => return,
        () = caches.filled_or_forbidden() => {}
    }
    let (metrics, triggers) = (context.metrics.clone(), context.triggers.clone());
    metrics.reconcile.may_run(context.settings.concurrency);
    let workers = usize::from(context.settings.concurrency.max(1));
    let mut control = Control {
        reconciler: Arc::new(Reconciler::new(context)),
        caches: caches.clone(),
        metrics,
        queue: Queue::default(),
        memories: HashMap::new(),
        running: JoinSet::new(),
        beside: JoinSet::new(),
    };
    for fleet in caches.fleets.keys() {
        control.add(fleet, monotonic());
    }
    let mut changed = std::pin::pin!(triggers.stream(None));
    loop {
        control.begin(workers);
        let wakes = control.wakes(workers);
        tokio::select! {
            () = &mut shutdown => break,
            Some(fleet) = changed.next() => control.add(fleet, monotonic() + GATHER),
            Some(ended) = control.running.join_next() => control.ended(ended),
            Some(done) = control.beside.join_next() => control.done_beside(done),
            () = sleep_until(wakes.into()) => {}
        }
    }
    while let Some(ended) = control.running.join_next().await {
        control.ended(ended);
    }
}

struct Control {
    reconciler: Arc<Reconciler>,
    caches: Caches,
    metrics: Metrics,
    queue: Queue,
    /// Of the fleets that nobody looks at: who looks at one has its memory. With a panic it is lost.
    memories: HashMap<Key, Memory>,
    running: JoinSet<Ended>,
    /// What takes its time: questions to pods and to Prometheus.
    beside: JoinSet<Key>,
}

/// A look that has ended.
struct Ended {
    fleet: Key,
    memory: Option<Memory>,
    outcome: Outcome,
    began: Instant,
}

impl Control {
    fn add(&mut self, fleet: Key, at: Instant) {
        self.metrics.queue.added(&fleet, monotonic());
        self.queue.add(fleet, at);
    }

    /// Begins with the fleets that are due, as long as there are workers.
    fn begin(&mut self, workers: usize) {
        while self.queue.running() < workers
            && let Some(key) = self.queue.next(monotonic())
        {
            let memory = self.memories.remove(&key).unwrap_or_default();
            let (namespace, name) = (&key.0, &key.1);
            let fleet = self.caches.fleets.get(namespace, name);
            let Some(fleet) = fleet.filter(|fleet| !fleet.terminating) else {
                self.forget(&key);
                continue;
            };
            self.metrics.queue.begin(&key, monotonic());
            self.metrics.reconcile.begin();
            let reconciler = self.reconciler.clone();
            let mut memory = memory.of(&fleet);
            let now = Now {
                monotonic: monotonic(),
                wall: wall(),
            };
            self.running.spawn(async move {
                let look = reconciler.reconcile(&fleet, &mut memory, now);
                let look = AssertUnwindSafe(timeout(DEADLINE, look)).catch_unwind();
                let (outcome, memory) = match look.await {
                    Ok(Ok(outcome)) => (outcome, Some(memory)),
                    Ok(Err(_)) => (failed(Failure::Deadline(DEADLINE)), Some(memory)),
                    Err(panic) => (failed(Failure::Panic(words(&*panic))), None),
                };
                Ended {
                    fleet: key,
                    memory,
                    outcome,
                    began: now.monotonic,
                }
            });
        }
    }

    fn ended(&mut self, ended: std::result::Result<Ended, tokio::task::JoinError>) {
        let Ok(Ended {
            fleet,
            memory,
            outcome,
            began,
        }) = ended
        else {
            return;
        };
        let now = monotonic();
        let mut memory = memory.unwrap_or_default();
        let mut again = outcome.again;
        let came = if outcome.failures.is_empty() {
            memory.failures = 0;
            match outcome.stalled {
                true => Came::Terminal,
                false => Came::RequeueAfter,
            }
        } else {
            memory.failures = memory.failures.saturating_add(1);
            again = again.min(pause(&outcome.failures, memory.failures));
            self.metrics.queue.retried();
            Came::Error
        };
        for failure in &outcome.failures {
            self.metrics.reconcile.failed(failure.label());
            if matches!(failure, Failure::Panic(_) | Failure::Deadline(_)) {
                let (namespace, name) = (&fleet.0, &fleet.1);
                tracing::error!(namespace, name, reason = failure.label(), %failure, "a reconcile broke off");
            }
        }
        for work in outcome.beside {
            let fleet = fleet.clone();
            self.beside.spawn(async move {
                work.await;
                fleet
            });
        }
        let took = now.saturating_duration_since(began);
        self.metrics.reconcile.end(came, took);
        self.metrics.queue.end(&fleet, now);
        self.queue.done(&fleet, Some(now + again));
        self.memories.insert(fleet, memory);
    }

    fn done_beside(&mut self, done: std::result::Result<Key, tokio::task::JoinError>) {
        match done {
            Ok(fleet) => self.add(fleet, monotonic()),
            Err(error) => tracing::error!(%error, "a question to pods or to Prometheus broke off"),
        }
    }

    fn forget(&mut self, fleet: &Key) {
        self.queue.done(fleet, None);
        self.metrics.queue.forget(fleet);
        self.reconciler.forget(fleet);
    }

    /// When there is something to begin with; a worker that ends wakes the loop too.
    fn wakes(&self, workers: usize) -> Instant {
        let idle = monotonic() + Duration::from_hours(1);
        let due = self
            .queue
            .wakes()
            .filter(|_| self.queue.running() < workers);
        due.unwrap_or(idle)
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome {
        again: LONGEST_PAUSE,
        failures: vec![failure],
        stalled: false,
        beside: Vec::new(),
    }
}

/// How long until a fleet whose look has failed so many times is looked at again: longer each time, and not all at once.
fn pause(failures: &[Failure], times: u32) -> Duration {
    let soon = |failure: &Failure| matches!(failure, Failure::Conflict(_) | Failure::Leaving);
    if failures.iter().all(soon) {
        return FIRST_PAUSE * times.min(4);
    }
    let doubled = FIRST_PAUSE.saturating_mul(1 << times.min(10));
    doubled
        .min(LONGEST_PAUSE)
        .mul_f64(rand::rng().random_range(0.5..1.0))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(50);
/// No look takes so long, unless the API server stands still.
const DEADLINE: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
