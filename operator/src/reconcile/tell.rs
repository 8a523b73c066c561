//! Tells the kubelets of pods that there are new rules: one syncs a pod that has changed in about a second, and others after a minute.

use super::{Memory, Reconciler, Round};
use crate::apply::pods::annotate;
use crate::build::names::RULES_HASH;

impl Reconciler {
    /// Patches the hash of the published rules onto each pod that does not serve them yet.
    pub(super) async fn tell(&self, round: &mut Round<'_>, memory: &Memory) {
        let Some(published) = &round.seen.published else {
            return;
        };
        let hash = published.hash.clone();
        let pods: Vec<_> = round
            .seen
            .live()
            .filter(|pod| pod.running && pod.told.as_ref() != Some(&hash))
            .filter(|pod| {
                let report = memory.reports.of(&pod.uid);
                report.is_none_or(|report| report.hash.as_ref() != Some(&hash))
            })
            .cloned()
            .collect();
        for pod in pods {
            let told = annotate(
                &self.client,
                &self.caches.pods,
                &pod,
                RULES_HASH,
                Some(&hash),
            );
            if let Err(failure) = told.await {
                round.failed("Pod", failure);
            }
        }
    }
}
