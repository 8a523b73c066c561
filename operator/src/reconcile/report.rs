//! What is told of a fleet: status, events and metrics.

use carillon_crds::names::kubernetes::STATUS_MANAGER;
use carillon_crds::resource::{RealtimeCluster, RealtimeClusterStatus};
use kube::Error;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};

use super::observe::Deployment;
use super::round::Round;
use super::{Memory, Reconciler};
use crate::cache::fleet::Fleet;
use crate::cache::{Entry, Key};
use crate::failure::Failure;
use crate::metrics::fleet::FleetFacts;
use crate::rollout::{self, Plan};
use crate::{build, status};

impl Reconciler {
    /// Status, events and metrics.
    pub(super) async fn report(&self, round: &mut Round<'_>, memory: &mut Memory) {
        let now = round.now;
        let plan = round.plan(memory);
        let pods = round.pods(memory);
        let image = build::image(&round.spec.cluster, &round.tag);
        let published = round.seen.published.as_ref();
        let content = round.spec.content.as_ref();
        let next = {
            let rules_are_current = content
                .zip(published)
                .is_some_and(|(content, published)| content.rules.hash == published.hash);
            let namespaces = content.map(|content| content.namespaces);
            let known = round.before.summary.as_ref();
            let known = known.and_then(|summary| summary.namespaces.parse().ok());
            let seen = status::Seen {
                cluster: &round.spec.cluster,
                image: &image,
                namespaces: namespaces.or(known).unwrap_or(0),
                desired: round.wanted,
                deployment: round.seen.deployment.as_ref().map(Into::into),
                pods: &pods,
                rules: published.map(|published| published.hash.as_str()),
                rules_are_current,
                plan: plan.as_ref(),
                decision: memory.scaling.decision.as_ref(),
                stalls: &round.stalls,
                applying: !round.failures.is_empty(),
                paused: round.spec.cluster.spec.paused,
            };
            status::next(&seen, &round.before, memory.status_written, now.wall)
        };
        self.show(round, plan.as_ref(), &next.status);
        let mut events = std::mem::take(&mut round.events);
        if next.write {
            match self.write_status(round, &next.status).await {
                Ok(()) => {
                    memory.status_written = Some(now.wall);
                    events.extend(next.events);
                }
                Err(failure) => round.failed("status", failure),
            }
        }
        for event in events {
            // It is logged where it fails, and nothing depends on it.
            let _recorded = self.recorder.record(&round.spec.cluster, &event).await;
        }
    }

    pub(super) async fn write_status(
        &self,
        round: &Round<'_>,
        status: &RealtimeClusterStatus,
    ) -> Result<(), Failure> {
        let resource = ApiResource::erase::<RealtimeCluster>(&());
        let fleet = round.fleet;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &fleet.namespace, &resource);
        let mut body = status::patch(&round.spec.cluster, status);
        // Another object of the name must not get this one's status.
        body["metadata"]["uid"] = fleet.uid.clone().into();
        let params = PatchParams::apply(STATUS_MANAGER).force();
        match api
            .patch_status(&fleet.name, &params, &Patch::Apply(&body))
            .await
        {
            Ok(answer) => {
                self.caches.fleets.put(Fleet::new(answer));
                Ok(())
            }
            Err(Error::Api(answer)) if matches!(answer.code, 404 | 409) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn show(&self, round: &Round<'_>, plan: Option<&Plan>, status: &RealtimeClusterStatus) {
        let key = round.fleet.key();
        let phase = status.rollout.as_ref().map(|rollout| rollout.phase);
        let facts = FleetFacts {
            desired: round.wanted,
            ready: status.ready_replicas.unwrap_or(0),
            connections: status
                .connections
                .and_then(|count| u64::try_from(count).ok()),
            bounds: round.spec.scaling.as_ref().map(|settings| settings.bounds),
            phase: phase.unwrap_or_default(),
        };
        self.metrics.fleet.show(&key, facts);
        self.show_conditions(&key, status);
        let is_done = plan.is_some_and(|plan| plan.status.phase == rollout::Phase::Idle);
        let has_own = round.tag == self.settings.default_tag;
        if is_done && has_own && round.template_is_current {
            self.turns.done(&key);
        }
    }

    pub(super) fn show_conditions(&self, fleet: &Key, status: &RealtimeClusterStatus) {
        let shown = &self.metrics.fleet;
        for condition in &status.conditions {
            shown.condition(fleet, &condition.type_, &condition.status);
        }
    }
}

impl From<&Deployment> for status::Deployment {
    fn from(deployment: &Deployment) -> Self {
        Self {
            observed: deployment.observed,
            deadline_exceeded: deployment.deadline_exceeded,
        }
    }
}
