//! The steps of a fleet whose spec cannot be written: a rollout under way goes on, and it is scaled.

use carillon_crds::names::kubernetes::{MANAGER, annotation};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::json;

use super::{Memory, Reconciler, Round};
use crate::apply::pods::annotate;
use crate::build::Kind;
use crate::cache::live::Live;
use crate::failure::Failure;
use crate::rollout::Plan;

impl Reconciler {
    /// Brings `replicas` and `paused` of the Deployment to the next step, and leaves all else as it is.
    pub(super) async fn step(&self, round: &mut Round<'_>, memory: &mut Memory) {
        round.template_is_current = true;
        let Some(plan) = round.plan(memory) else {
            return;
        };
        self.mark(round, &plan).await;
        if let Err(failure) = self.patch(round, &plan).await {
            memory.scaling.failed(&failure);
            round.failed("Deployment", failure);
        }
    }

    async fn patch(&self, round: &Round<'_>, plan: &Plan) -> Result<(), Failure> {
        let Some(deployment) = &round.seen.deployment else {
            return Ok(());
        };
        let replicas = i32::try_from(plan.replicas).unwrap_or(i32::MAX);
        if (deployment.replicas, deployment.paused) == (replicas, plan.paused) {
            return Ok(());
        }
        let fleet = round.fleet;
        let resource = Kind::Deployment.api_resource();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &fleet.namespace, &resource);
        let patch = json!({
            "metadata": { "resourceVersion": deployment.resource_version },
            "spec": { "replicas": replicas, "paused": plan.paused },
        });
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let answer = api
            .patch(&fleet.name, &params, &Patch::Merge(&patch))
            .await?;
        if let Some(index) = self.caches.children.get(&Kind::Deployment) {
            index.put(Live::new(Kind::Deployment, answer));
        }
        Ok(())
    }

    /// Marks the pod that is to go next, and takes the mark from those that are not.
    pub(super) async fn mark(&self, round: &mut Round<'_>, plan: &Plan) {
        let marks = plan
            .victim
            .iter()
            .map(|name| (name, Some(annotation::VICTIM_COST)));
        let unmarks = plan.unmark.iter().map(|name| (name, None));
        for (name, cost) in marks.chain(unmarks) {
            let Some(pod) = round
                .seen
                .pods
                .iter()
                .find(|pod| pod.name == *name)
                .cloned()
            else {
                continue;
            };
            if pod.deletion_cost.as_deref() == cost {
                continue;
            }
            let key = annotation::DELETION_COST;
            if let Err(failure) = annotate(&self.client, &self.caches.pods, &pod, key, cost).await {
                round.failed("Pod", failure);
            }
        }
    }
}
