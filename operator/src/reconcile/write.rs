//! Builds the children of a fleet and writes them.

use std::collections::BTreeSet;

use super::secrets::Mounts;
use super::spec::Content;
use super::turns::Tag;
use super::{Memory, Reconciler, Round};
use crate::apply::Outcome;
use crate::apply::compare::is_subset;
use crate::build::{self, Children, Kind};
use crate::cache::Entry;
use crate::events::Event;
use crate::rollout::Plan;
use crate::status::StallReason;

impl Reconciler {
    /// Brings the children to what the spec asks for, as far as a rollout and new Secrets allow it now.
    pub(super) async fn write(
        &self,
        round: &mut Round<'_>,
        content: &Content,
        memory: &mut Memory,
    ) {
        self.take_turn(round);
        let mut children = self.children(round, content);
        round.tell_conflicts(&children);
        let plan = round.plan(memory);
        if let Some(plan) = &plan {
            self.mark(round, plan).await;
        }
        lead(&mut children, plan.as_ref(), round.wanted);
        let (owner, now) = (round.owner(), round.now.monotonic);
        let writing = &mut memory.writing;
        let outcome = self
            .writer
            .apply(owner, &children.objects, writing, now)
            .await;
        for kind in children.missing {
            let message = format!(
                "spec.monitoring or spec.exposure asks for a {}, a kind that the API server does not know",
                kind.name()
            );
            round.stall(StallReason::InvalidSpec, message);
        }
        if outcome
            .written
            .iter()
            .any(|(kind, _)| *kind == Kind::Deployment)
        {
            round.template_is_current = true;
        }
        self.written(round, outcome, memory);
    }

    /// The image of an object without a tag changes with the operator, a few fleets at a time.
    fn take_turn(&self, round: &mut Round<'_>) {
        let own = &self.settings.default_tag;
        let (fleet, cluster) = (round.fleet.key(), &round.spec.cluster);
        let deployment = round.seen.deployment.as_ref();
        let tag = self
            .turns
            .tag(&fleet, cluster, deployment, own, || self.rolling());
        if tag == Tag::Begins {
            let message = format!(
                "the image follows the operator's version, now {own}; spec.image.tag would pin it"
            );
            round
                .events
                .push(Event::normal("ImageFollowsOperator", message));
        }
        round.tag = match tag {
            Tag::Earlier(tag) => tag,
            Tag::Own | Tag::Begins => own.clone(),
        };
    }

    /// What the fleet is to have, and whether its pods have the template of it.
    fn children(&self, round: &mut Round<'_>, content: &Content) -> Children {
        let mounts = Mounts::of(content, &round.seen);
        let all = self.build(round, content, &mounts, &mounts.all);
        round.template_is_current = round.has_template(&all);
        if round.template_is_current || !mounts.are_there || mounts.all == mounts.needed {
            return all;
        }
        // It restarts anyway: what is no longer needed is left out.
        self.build(round, content, &mounts, &mounts.needed)
    }

    fn build(
        &self,
        round: &Round<'_>,
        content: &Content,
        mounts: &Mounts,
        mounted: &BTreeSet<String>,
    ) -> Children {
        let published = round.seen.published.as_ref();
        let rules = match published {
            Some(published) if !mounts.are_there => published,
            _ => &content.rules,
        };
        let deployment = round.seen.deployment.as_ref();
        let secrets: Vec<String> = mounted.iter().cloned().collect();
        let input = build::Input {
            cluster: &round.spec.cluster,
            engine: &content.engine,
            pod_template: &content.pod_template,
        };
        let facts = build::Facts {
            default_tag: &round.tag,
            replicas: Some(deployment.map_or(round.wanted, |one| one.replicas)),
            paused: Some(deployment.is_some_and(|one| one.paused)),
            kinds: &self.caches.kinds.borrow(),
            secrets: &secrets,
            rules,
            operator_namespace: self.settings.operator_namespace.as_deref(),
            runbooks: &self.settings.runbook_url,
        };
        build::children(&input, &facts)
    }

    fn written(&self, round: &mut Round<'_>, outcome: Outcome, memory: &mut Memory) {
        let fleet = round.fleet.key();
        for (kind, _) in &outcome.written {
            self.metrics.fleet.wrote(&fleet, kind.name());
        }
        for (kind, name) in outcome.conflicts {
            let message = format!(
                "the {} {name} exists and is not of this RealtimeCluster: delete or rename one of them",
                kind.name()
            );
            round.stall(StallReason::NameConflict, message);
        }
        for (kind, name, failure) in outcome.failures {
            if kind == Kind::Deployment {
                memory.scaling.failed(&failure);
            }
            round.failed(&format!("{} {name}", kind.name()), failure);
        }
    }
}

impl Round<'_> {
    fn has_template(&self, children: &Children) -> bool {
        let Some(deployment) = &self.seen.deployment else {
            return true;
        };
        let wanted = children.find(Kind::Deployment, &self.fleet.name);
        wanted.is_some_and(|wanted| {
            let template = &wanted.object["spec"]["template"];
            is_subset(Kind::Deployment, template, &deployment.template)
        })
    }

    /// Once a generation.
    fn tell_conflicts(&mut self, children: &Children) {
        if self.before.observed_generation == Some(self.fleet.generation) {
            return;
        }
        let conflicts = children.conflicts.iter();
        let events =
            conflicts.map(|conflict| Event::warning("PodTemplateConflict", conflict.to_string()));
        self.events.extend(events);
    }
}

/// Gives the Deployment the count and the pause of this step.
fn lead(children: &mut Children, plan: Option<&Plan>, wanted: i32) {
    let (replicas, paused) = match plan {
        Some(plan) => (
            i32::try_from(plan.replicas).unwrap_or(i32::MAX),
            plan.paused,
        ),
        None => (wanted, false),
    };
    let mut objects = children.objects.iter_mut();
    if let Some(deployment) = objects.find(|child| child.kind == Kind::Deployment) {
        deployment.object["spec"]["replicas"] = replicas.into();
        deployment.object["spec"]["paused"] = paused.into();
    }
}
