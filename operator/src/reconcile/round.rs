//! What is found out in one look at a fleet.

use std::sync::Arc;
use std::time::Duration;

use carillon_crds::resource::{RealtimeClusterStatus, RedisMode};

use super::observe::{Seen, facts};
use super::spec::Spec;
use super::{CALM, MAX_AGE, Memory, Now, SOON};
use crate::apply::Owner;
use crate::cache::fleet::Fleet;
use crate::cache::pod::Pod;
use crate::events::Event;
use crate::failure::Failure;
use crate::rollout::{self, Intent, Plan};
use crate::status::{self, Stall, StallReason};
use crate::watches::Caches;

/// What is found out in one look.
pub(super) struct Round<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) spec: &'a Spec,
    pub(super) before: RealtimeClusterStatus,
    pub(super) seen: Seen,
    pub(super) now: Now,
    /// How many pods there are to be.
    pub(super) wanted: i32,
    /// The tag of an image that has none of its own.
    pub(super) tag: String,
    pub(super) template_is_current: bool,
    pub(super) stalls: Vec<Stall>,
    pub(super) failures: Vec<Failure>,
    pub(super) events: Vec<Event>,
}

impl<'a> Round<'a> {
    pub(super) fn begin(caches: &Caches, fleet: &'a Fleet, spec: &'a Spec, now: Now) -> Self {
        let stalls = if spec.faults.is_empty() {
            Vec::new()
        } else {
            vec![Stall {
                reason: StallReason::InvalidSpec,
                message: spec.faults.join("\n"),
            }]
        };
        Self {
            before: fleet.status(),
            seen: Seen::look(caches, fleet),
            fleet,
            spec,
            now,
            wanted: 0,
            tag: String::new(),
            template_is_current: true,
            stalls,
            failures: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn owner(&self) -> Owner<'a> {
        Owner {
            namespace: &self.fleet.namespace,
            name: &self.fleet.name,
            uid: &self.fleet.uid,
        }
    }

    pub(super) fn stall(&mut self, reason: StallReason, message: String) {
        self.stalls.push(Stall { reason, message });
    }

    /// What trying again can mend is a failure; the rest needs a person.
    pub(super) fn failed(&mut self, what: &str, failure: Failure) {
        match failure {
            Failure::Forbidden(message) => {
                self.stall(StallReason::Forbidden, format!("{what}: {message}"));
            }
            Failure::Invalid(message) => {
                self.stall(StallReason::InvalidSpec, format!("{what}: {message}"));
            }
            failure => {
                tracing::warn!(
                    namespace = self.fleet.namespace,
                    name = self.fleet.name,
                    what,
                    reason = failure.label(),
                    %failure,
                    "not done, it is tried again"
                );
                self.failures.push(failure);
            }
        }
    }

    /// How often pods are asked.
    pub(super) fn every(&self, memory: &Memory) -> Duration {
        let published = self.seen.published.as_ref().map(|rules| &rules.hash);
        let serves = |uid: &str| {
            let report = memory.reports.of(uid);
            report.is_some_and(|report| report.hash.as_ref() == published)
        };
        let is_calm = self
            .seen
            .pods
            .iter()
            .all(|pod| !pod.terminating && serves(&pod.uid));
        if is_calm { CALM } else { SOON }
    }

    pub(super) fn plan(&self, memory: &Memory) -> Option<Plan> {
        let deployment = self.seen.deployment.as_ref()?;
        let (pods, now) = (&self.seen.pods, self.now.monotonic);
        let facts = facts(
            deployment,
            pods,
            &memory.reports,
            self.template_is_current,
            now,
        );
        Some(rollout::plan(&facts, &self.intent()?))
    }

    fn intent(&self) -> Option<Intent> {
        let spec = &self.spec.cluster.spec;
        self.spec.readable.then(|| Intent {
            replicas: u32::try_from(self.wanted).unwrap_or(0),
            reconnects_per_second: spec.drain.reconnects_per_second,
            timeout: spec.drain.timeout.get(),
            max_age: MAX_AGE,
            is_memory: spec.redis.mode == RedisMode::Memory,
        })
    }

    pub(super) fn pods<'b>(&'b self, memory: &'b Memory) -> Vec<status::Pod<'b>> {
        let revision = self.seen.deployment.as_ref();
        let revision = revision.and_then(|one| one.revision.as_ref());
        let pod = |pod: &'b Arc<Pod>| status::Pod {
            pod,
            report: memory.reports.recent(&pod.uid, MAX_AGE, self.now.monotonic),
            is_new: self.template_is_current
                && revision.is_some()
                && pod.template_hash.as_ref() == revision,
        };
        self.seen.pods.iter().map(pod).collect()
    }
}
