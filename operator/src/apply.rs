//! Writing: what is not as it should be is applied, what is no longer wanted is deleted, what is somebody else's is left alone.

pub mod compare;
pub mod decide;
pub mod pods;
pub mod quantity;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_crds::names::kubernetes::MANAGER;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Client, Error};

use self::decide::{Desired, Settled, Verdict, decide, settled};
use crate::build::{Child, Kind};
use crate::cache::Index;
use crate::cache::live::Live;
use crate::failure::Failure;

/// The children that the watches have shown, by kind.
pub type Children = BTreeMap<Kind, Arc<Index<Live>>>;

/// What writes the children of fleets.
#[derive(Clone)]
pub struct Writer {
    /// The gated client.
    pub client: Client,
    /// What is known of them.
    pub children: Arc<Children>,
}

/// The fleet whose children are written.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

/// What is remembered of a fleet's children between two times of writing.
#[derive(Debug, Default)]
pub struct Memory {
    settled: BTreeMap<(Kind, String), Settled>,
    refused: BTreeMap<(Kind, String), Refused>,
}

/// A wish that the API server has refused. It would refuse it again, so it is not sent at every turn.
#[derive(Debug)]
struct Refused {
    hash: String,
    at: Instant,
    failure: Failure,
}

/// What writing came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Objects that were applied or deleted.
    pub written: Vec<(Kind, String)>,
    /// Objects of these names belong to somebody else.
    pub conflicts: Vec<(Kind, String)>,
    /// What did not go well, object by object.
    pub failures: Vec<(Kind, String, Failure)>,
}

impl Writer {
    /// Brings all children of a fleet to what is wanted. One that cannot be written does not stop the others.
    pub async fn apply(
        &self,
        owner: Owner<'_>,
        wanted: &[Child],
        memory: &mut Memory,
        now: Instant,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for child in wanted {
            let key = (child.kind, child.name.clone());
            let desired = Desired::new(child);
            if let Some(failure) = memory.refusal(&key, &desired, now) {
                outcome.failures.push((key.0, key.1, failure));
                continue;
            }
            match self
                .apply_one(owner, child, &desired, memory.settled.get(&key))
                .await
            {
                Ok(Done::Nothing) => {}
                Ok(Done::Conflict) => outcome.conflicts.push(key),
                Ok(Done::Written(settled)) => {
                    outcome.written.push(key.clone());
                    match settled {
                        Some(settled) => memory.settled.insert(key, settled),
                        None => memory.settled.remove(&key),
                    };
                }
                Err(failure) => {
                    memory.refuse(&key, &desired, &failure, now);
                    outcome.failures.push((key.0, key.1, failure));
                }
            }
        }
        self.prune(owner, wanted, &mut outcome).await;
        outcome
    }

    async fn apply_one(
        &self,
        owner: Owner<'_>,
        child: &Child,
        desired: &Desired,
        memory: Option<&Settled>,
    ) -> Result<Done, Failure> {
        let known = self.known(child.kind, owner.namespace, &child.name);
        let mut verdict = decide(desired, known.as_deref(), owner.uid, memory);
        let api = self.api(child.kind, owner.namespace);
        if verdict == Verdict::Create {
            // The watch shows only what has our label: the name may be taken all the same.
            if let Some(found) = api.get_opt(&child.name).await? {
                let found = Live::new(child.kind, found);
                verdict = decide(desired, Some(&found), owner.uid, memory);
            }
        }
        match verdict {
            Verdict::Keep => Ok(Done::Nothing),
            Verdict::Foreign => Ok(Done::Conflict),
            Verdict::Wait => Err(Failure::Leaving),
            Verdict::Create | Verdict::Apply { .. } => {
                let body = desired.body(&verdict);
                let params = PatchParams::apply(MANAGER).force();
                let answer = api
                    .patch(&child.name, &params, &Patch::Apply(&body))
                    .await?;
                let live = Live::new(child.kind, answer);
                let settled = settled(desired, &live);
                self.take(live);
                tracing::info!(
                    kind = child.kind.name(),
                    namespace = owner.namespace,
                    name = child.name,
                    cluster = owner.name,
                    why = verdict.reason(),
                    "applied"
                );
                Ok(Done::Written(settled))
            }
        }
    }

    /// Deletes what the fleet owns and no longer wants.
    async fn prune(&self, owner: Owner<'_>, wanted: &[Child], outcome: &mut Outcome) {
        let wanted: BTreeSet<_> = wanted
            .iter()
            .map(|child| (child.kind, child.name.as_str()))
            .collect();
        for (kind, index) in self.children.iter() {
            for live in index.of(owner.namespace, owner.name) {
                let ours = live.owner.as_deref() == Some(owner.uid);
                if !ours || live.terminating || wanted.contains(&(*kind, live.name.as_str())) {
                    continue;
                }
                match self.delete(&live).await {
                    Ok(()) => outcome.written.push((*kind, live.name.clone())),
                    Err(failure) => outcome.failures.push((*kind, live.name.clone(), failure)),
                }
            }
        }
    }

    async fn delete(&self, live: &Live) -> Result<(), Failure> {
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(live.uid.clone()),
            resource_version: None,
        });
        let api = self.api(live.kind, &live.namespace);
        match api.delete(&live.name, &params).await {
            Ok(_) => {}
            Err(Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::info!(
            kind = live.kind.name(),
            namespace = live.namespace,
            name = live.name,
            "deleted: no longer wanted"
        );
        Ok(())
    }

    fn known(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Live>> {
        self.children.get(&kind)?.get(namespace, name)
    }

    fn take(&self, live: Live) {
        if let Some(index) = self.children.get(&live.kind) {
            index.put(live);
        }
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.api_resource())
    }
}

impl Memory {
    fn refusal(
        &mut self,
        key: &(Kind, String),
        desired: &Desired,
        now: Instant,
    ) -> Option<Failure> {
        let refused = self.refused.get(key)?;
        let is_young = now.saturating_duration_since(refused.at) < AGAIN;
        if refused.hash == desired.hash() && is_young {
            return Some(refused.failure.clone());
        }
        self.refused.remove(key);
        None
    }

    fn refuse(&mut self, key: &(Kind, String), desired: &Desired, failure: &Failure, now: Instant) {
        if failure.is_terminal() {
            let refused = Refused {
                hash: desired.hash().to_owned(),
                at: now,
                failure: failure.clone(),
            };
            self.refused.insert(key.clone(), refused);
        }
    }
}

/// How soon a refused wish is tried again: a role or a quota may have been mended.
pub const AGAIN: Duration = Duration::from_mins(1);

enum Done {
    Nothing,
    Conflict,
    Written(Option<Settled>),
}
