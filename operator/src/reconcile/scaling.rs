//! Autoscaling of one fleet: Prometheus is asked beside the reconciles, since it may take its time, and what it says is decided by in the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use carillon_crds::resource::{Autoscaling, RealtimeClusterSpec, RealtimeClusterStatus, RedisMode};
use jiff::Timestamp;
use kube::Client;

use super::endpoint;
use super::observe::Deployment;
use crate::cache::Key;
use crate::prometheus::{Client as Prometheus, collect};
use crate::scale::figures::Figure;
use crate::scale::hpa::condition::Kind;
use crate::scale::hpa::replicas::Unable;
use crate::scale::samples::{Samples, failure};
use crate::scale::settings::Settings;
use crate::scale::{self, Decision};

/// What is remembered between the reconciles of a fleet; all that matters is in its status too.
#[derive(Debug, Default)]
pub struct Scaling {
    /// The last decision.
    pub decision: Option<Decision>,
    /// The count that it wants and that is not reached yet.
    pub goal: Option<i32>,
    asked: Option<Instant>,
    answer: Arc<Mutex<Option<(Timestamp, Samples)>>>,
}

/// Who asks, and for whom.
pub struct Question {
    /// Reads the Secrets that the question needs.
    pub client: Client,
    /// The fleet.
    pub fleet: Key,
    /// What it asks for.
    pub spec: Autoscaling,
    /// The same, checked.
    pub settings: Settings,
    /// Where Prometheus is, where the fleet does not say.
    pub address: Option<String>,
    /// As of when.
    pub now: Timestamp,
}

impl Scaling {
    /// How long until it is to be decided again.
    #[must_use]
    pub fn due_in(&self, settings: &Settings, now: Instant) -> Duration {
        let interval = Duration::try_from(settings.interval).unwrap_or_default();
        self.asked.map_or(Duration::ZERO, |asked| {
            interval.saturating_sub(now.saturating_duration_since(asked))
        })
    }

    /// Begins to ask. The future ends when there is something to decide by.
    pub fn ask(
        &mut self,
        question: Question,
        now: Instant,
    ) -> impl Future<Output = ()> + Send + use<> {
        self.asked = Some(now);
        let answer = self.answer.clone();
        async move {
            let at = question.now;
            let samples = question.ask().await;
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, samples));
        }
    }

    /// Decides, if there is something new to decide by; then it says what the decision before went by.
    pub fn decide(
        &mut self,
        settings: &Settings,
        before: &RealtimeClusterStatus,
        facts: &scale::Facts<'_>,
    ) -> Option<Vec<Figure>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, samples) = answer.take()?;
        let decision = scale::decide(settings, &samples, before, facts, at);
        self.goal = decision.change.map(|change| change.to);
        let before = self.decision.replace(decision);
        Some(before.map_or_else(Vec::new, |before| before.figures))
    }

    /// What was last decided by.
    #[must_use]
    pub fn figures(&self) -> &[Figure] {
        self.decision
            .as_ref()
            .map_or(&[], |decision| &decision.figures)
    }

    /// The last decision in a word, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        let conditions = self
            .decision
            .iter()
            .flat_map(|decision| &decision.conditions);
        let said = |kind, status| {
            let mut conditions = conditions.clone();
            conditions.find(|one| one.kind == kind && one.status == status)
        };
        let said = said(Kind::ScalingActive, false)
            .or_else(|| said(Kind::ScalingLimited, true))
            .or_else(|| said(Kind::AbleToScale, true));
        said.map_or("None", |condition| condition.reason.as_str())
    }

    /// The count has been brought to `count`, perhaps a step on the way to the goal. The next step is decided anew.
    pub fn reached(&mut self, count: i32, settings: &Settings, now: Timestamp) {
        if self.goal.take().is_some()
            && let Some(decision) = &mut self.decision
        {
            decision.scaled(count, settings, now);
        }
    }

    /// The count could not be changed.
    pub fn failed(&mut self, error: &dyn std::fmt::Display) {
        if self.goal.is_some()
            && let Some(decision) = &mut self.decision
        {
            decision.failed(error);
        }
    }
}

/// How many pods there are to be.
#[must_use]
pub(super) fn wanted(
    spec: &RealtimeClusterSpec,
    settings: Option<&Settings>,
    before: &RealtimeClusterStatus,
    deployment: Option<&Deployment>,
    goal: Option<i32>,
) -> i32 {
    let present = deployment.map(|deployment| deployment.replicas);
    let Some(Settings { bounds, .. }) = settings else {
        let count = spec.replicas.or(present).unwrap_or(1);
        let most = if spec.redis.mode == RedisMode::Memory {
            1
        } else {
            i32::MAX
        };
        return count.min(most);
    };
    let remembered = before.autoscaling.as_ref();
    let remembered = remembered.and_then(|status| status.desired_replicas);
    let first = || {
        remembered
            .unwrap_or(bounds.0)
            .clamp(bounds.0, bounds.1.max(bounds.0))
    };
    goal.or(present).unwrap_or_else(first)
}

impl Question {
    async fn ask(self) -> Samples {
        let (namespace, name) = &self.fleet;
        let endpoint = endpoint::find(
            &self.client,
            namespace,
            &self.spec.prometheus,
            self.address.as_deref(),
        );
        let prometheus = match endpoint.await {
            Ok(endpoint) => Prometheus::new(&endpoint).map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match prometheus {
            Ok(prometheus) => collect(&prometheus, &self.settings, namespace, name, self.now).await,
            Err(error) => {
                let metrics = self.settings.metrics.iter();
                let unable = metrics.map(|wanted| {
                    let message = format!("{wanted}: Prometheus: {error}");
                    Err(Unable::new(failure(wanted.kind), message))
                });
                Samples(unable.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_crds::resource::AutoscalingStatus;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_that_is_gone_comes_back_at_the_count_that_was_wanted() {
        let scaled = json!({
            "minReplicas": 2, "maxReplicas": 5,
            "metrics": [{ "type": "Connections", "averageValue": "10" }],
        });
        let before = |desired| RealtimeClusterStatus {
            autoscaling: Some(AutoscalingStatus {
                desired_replicas: desired,
                ..AutoscalingStatus::default()
            }),
            ..RealtimeClusterStatus::default()
        };
        for (mode, replicas, autoscaling, desired, expected) in [
            ("memory", json!(null), json!(null), None, 1),
            ("memory", json!(3), json!(null), None, 1),
            ("streams", json!(3), json!(null), None, 3),
            ("streams", json!(0), json!(null), None, 0),
            ("streams", json!(null), scaled.clone(), None, 2),
            ("streams", json!(null), scaled.clone(), Some(4), 4),
            ("streams", json!(null), scaled.clone(), Some(9), 5),
            ("streams", json!(null), scaled, Some(1), 2),
        ] {
            let spec = json!({
                "namespaces": [], "redis": { "mode": mode },
                "replicas": replicas, "autoscaling": autoscaling,
            });
            let spec: RealtimeClusterSpec = serde_json::from_value(spec).expect("a spec");
            let settings = spec.autoscaling.as_ref().map(Settings::parse);
            let settings = settings.transpose().expect("settings");
            let found = wanted(&spec, settings.as_ref(), &before(desired), None, None);
            assert_eq!(found, expected, "{spec:?} {desired:?}");
        }
    }
}
