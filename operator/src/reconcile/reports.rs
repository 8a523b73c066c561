//! What the pods of a fleet have said, and when.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use crate::cache::pod::Pod;
use crate::clock::monotonic;
use crate::gateway::{Gateways, Report};
use crate::rollout::Sample;

/// What pods have said, by their uid.
#[derive(Debug, Default)]
pub struct Reports {
    known: HashMap<String, (Report, Instant)>,
    /// Filled by those who ask beside a reconcile.
    answers: Arc<Mutex<Vec<Answer>>>,
    asked: Option<Instant>,
}

/// Of which pod, what and when.
type Answer = (String, Report, Instant);

/// How a round of questions is begun.
pub enum Questions<F> {
    /// It is not time yet.
    NotDue,
    /// Nothing is known of these pods: the answers are needed before anything is decided.
    First(F),
    /// What is known is good enough until the answers are there.
    Later(F),
}

impl Reports {
    /// What a pod said last, however long ago.
    #[must_use]
    pub fn of(&self, uid: &str) -> Option<&Report> {
        self.known.get(uid).map(|(report, _)| report)
    }

    /// What a pod said last, unless it is longer ago than `max_age`.
    #[must_use]
    pub fn recent(&self, uid: &str, max_age: Duration, now: Instant) -> Option<&Report> {
        let (report, at) = self.known.get(uid)?;
        (now.saturating_duration_since(*at) <= max_age).then_some(report)
    }

    /// How many sessions it had, and how long ago.
    #[must_use]
    pub fn sample(&self, uid: &str, now: Instant) -> Option<Sample> {
        let (report, at) = self.known.get(uid)?;
        Some(Sample {
            sessions: report.sessions,
            age: now.saturating_duration_since(*at),
        })
    }

    /// Takes the answers that have come, and forgets the pods that are gone.
    pub fn take(&mut self, pods: &[Arc<Pod>]) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for (uid, report, at) in answers.drain(..) {
            self.known.insert(uid, (report, at));
        }
        let here: HashSet<&str> = pods.iter().map(|pod| pod.uid.as_str()).collect();
        self.known.retain(|uid, _| here.contains(uid.as_str()));
    }

    /// Asks all pods that can be asked, if `every` has passed. The future ends when they have answered or cannot.
    pub fn ask(
        &mut self,
        gateways: &Gateways,
        pods: &[Arc<Pod>],
        every: Duration,
        now: Instant,
    ) -> Questions<impl Future<Output = ()> + Send + use<>> {
        let since = self.asked.map(|asked| now.saturating_duration_since(asked));
        if since.is_some_and(|since| since < every) {
            return Questions::NotDue;
        }
        let pods: Vec<(String, String)> = pods
            .iter()
            .filter(|pod| pod.running)
            .filter_map(|pod| Some((pod.uid.clone(), pod.ip.clone()?)))
            .collect();
        if pods.is_empty() {
            return Questions::NotDue;
        }
        let is_first = self.asked.is_none();
        self.asked = Some(now);
        let (gateways, answers) = (gateways.clone(), self.answers.clone());
        let questions = stream::iter(pods).for_each_concurrent(AT_ONCE, move |(uid, ip)| {
            let (gateways, answers) = (gateways.clone(), answers.clone());
            async move {
                match gateways.ask(&ip).await {
                    Ok(report) => {
                        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                        answers.push((uid, report, monotonic()));
                    }
                    Err(error) => tracing::debug!(ip, %error, "a pod does not answer"),
                }
            }
        });
        if is_first {
            Questions::First(questions)
        } else {
            Questions::Later(questions)
        }
    }
}

/// So many pods of a fleet are asked at once.
const AT_ONCE: usize = 32;
