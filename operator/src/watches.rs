//! The watches of fleets, children, ReplicaSets and pods: they fill the caches and say which fleet has changed.
//!
//! They run on a standby too, so that a new leader knows everything at once.

pub mod discovery;
mod feed;
pub mod forbidden;
mod pauses;
mod right;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use carillon_crds::names::kubernetes::{KIND, label};
use carillon_crds::resource::RealtimeCluster;
use futures_util::StreamExt;
use k8s_openapi::api::apps::v1::ReplicaSet as ApiReplicaSet;
use k8s_openapi::api::core::v1::Pod as ApiPod;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use self::feed::Feed;
use self::forbidden::Forbidden;
use self::pauses::Pauses;
use self::right::Right;
use crate::apply::Children;
use crate::build::Kind;
use crate::cache::fleet::Fleet;
use crate::cache::live::Live;
use crate::cache::pod::Pod;
use crate::cache::replica_set::ReplicaSet;
use crate::cache::{Entry, Index};
use crate::triggers::Triggers;

/// A namespace, or all.
pub type Scope = Option<String>;

/// What is watched, and what it fills.
#[derive(Clone)]
pub struct Watches {
    /// Asks the API server.
    pub client: Client,
    /// Namespaces, or all.
    pub scopes: Vec<Scope>,
    /// Filled.
    pub caches: Caches,
    /// Told what has changed.
    pub triggers: Triggers,
}

/// What the watches fill.
#[derive(Clone)]
pub struct Caches {
    /// The fleets.
    pub fleets: Arc<Index<Fleet>>,
    /// Their children.
    pub children: Arc<Children>,
    /// The ReplicaSets of their Deployments.
    pub replica_sets: Arc<Index<ReplicaSet>>,
    /// Their pods.
    pub pods: Arc<Index<Pod>>,
    /// Which kinds of children the caches are complete of. Optional kinds come and go.
    pub kinds: watch::Sender<BTreeSet<Kind>>,
    /// What is not complete yet of that which has to be known before anything is decided, by kind.
    pub filling: watch::Sender<BTreeSet<&'static str>>,
    /// What of it the API server refuses.
    pub forbidden: Forbidden,
}

impl Default for Caches {
    fn default() -> Self {
        let children = Kind::ALL.into_iter();
        let needed = children
            .clone()
            .filter(|kind| !Kind::OPTIONAL.contains(kind));
        let needed = needed.map(Kind::name).chain([FLEETS, REPLICA_SETS, PODS]);
        Self {
            fleets: Arc::default(),
            children: Arc::new(children.map(|kind| (kind, Arc::default())).collect()),
            replica_sets: Arc::default(),
            pods: Arc::default(),
            kinds: watch::Sender::default(),
            filling: watch::Sender::new(needed.collect()),
            forbidden: Forbidden::default(),
        }
    }
}

/// So many objects are listed at once: dashboards and rules of a fleet are a ConfigMap of 100 kB each, and a page is held whole.
const PAGE: u32 = 50;

const FLEETS: &str = KIND;
const REPLICA_SETS: &str = "ReplicaSet";
const PODS: &str = "Pod";

impl Caches {
    /// Waits until all is known that has to be.
    pub async fn filled(&self) {
        let mut filling = self.filling.subscribe();
        let _the_sender_is_ours = filling.wait_for(BTreeSet::is_empty).await;
    }

    /// Waits until all is known that has to be, or some of it may not be.
    pub async fn filled_or_forbidden(&self) {
        tokio::select! {
            () = self.filled() => {}
            () = self.forbidden.any() => {}
        }
    }

    /// Whether nothing can be decided on the fleets of a namespace, for not all is known; and what of it is refused,
    /// a sentence each. At first every fleet waits for everything.
    #[must_use]
    pub fn blind(&self, namespace: &str) -> Option<Vec<String>> {
        let is_filled = self.filling.borrow().is_empty();
        let refused = self.forbidden.of(is_filled.then_some(namespace));
        (!is_filled || !refused.is_empty()).then_some(refused)
    }

    fn complete(&self, kind: &'static str) {
        self.filling
            .send_if_modified(|filling| filling.remove(kind));
    }
}

impl Watches {
    /// Watches until it is dropped. It returns only if a watch ends, which none should: then a cache grows old, and it says why.
    pub async fn run(self) -> String {
        let mut tasks = JoinSet::new();
        self.watch_fleets(&mut tasks);
        self.watch_replica_sets(&mut tasks);
        self.watch_pods(&mut tasks);
        for kind in Kind::ALL {
            if !Kind::OPTIONAL.contains(&kind) {
                self.watch_kind(kind, &mut tasks);
            }
        }
        tokio::select! {
            Some(ended) = tasks.join_next() => why(ended),
            ended = self.watch_optional_kinds() => ended,
        }
    }

    /// Watches the optional kinds that there are, each in tasks of its own: with a kind its watches go.
    async fn watch_optional_kinds(&self) -> String {
        let mut running: BTreeMap<Kind, JoinSet<()>> = BTreeMap::new();
        loop {
            match discovery::optional_kinds(&self.client).await {
                Ok(found) => {
                    let gone: Vec<_> = running.keys().copied().collect();
                    for kind in gone.into_iter().filter(|kind| !found.contains(kind)) {
                        running.remove(&kind);
                        self.forget(kind);
                    }
                    for kind in found {
                        running.entry(kind).or_insert_with(|| {
                            tracing::info!(
                                kind = kind.name(),
                                "the API server knows this kind: it is made from now on"
                            );
                            let mut tasks = JoinSet::new();
                            self.watch_kind(kind, &mut tasks);
                            tasks
                        });
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "which kinds there are is not known: as before")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(discovery::EVERY) => {}
                ended = first_end(&mut running) => return ended,
            }
        }
    }

    /// The API server no longer knows the kind, and with it its objects are gone.
    fn forget(&self, kind: Kind) {
        tracing::info!(
            kind = kind.name(),
            "the API server no longer knows this kind: it is not made"
        );
        self.caches.kinds.send_modify(|kinds| {
            kinds.remove(&kind);
        });
        if let Some(index) = self.caches.children.get(&kind) {
            index.begin(None);
            self.triggers.add_all(index.end(None));
        }
    }

    fn watch_fleets(&self, tasks: &mut JoinSet<()>) {
        let resource = ApiResource::erase::<RealtimeCluster>(&());
        let index = &self.caches.fleets;
        let known = |caches: &Caches| caches.complete(FLEETS);
        let source = Source {
            apis: self.apis(&resource),
            config: watcher::Config::default().page_size(PAGE),
            resource,
            is_needed: true,
        };
        self.watch(source, index, Fleet::new, known, tasks);
    }

    fn watch_replica_sets(&self, tasks: &mut JoinSet<()>) {
        let resource = ApiResource::erase::<ApiReplicaSet>(&());
        let index = &self.caches.replica_sets;
        let known = |caches: &Caches| caches.complete(REPLICA_SETS);
        let source = Source::labelled(self.apis(&resource), resource);
        self.watch(source, index, ReplicaSet::new, known, tasks);
    }

    fn watch_pods(&self, tasks: &mut JoinSet<()>) {
        let api = |scope: &Scope| match scope {
            Some(namespace) => Api::<ApiPod>::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let apis = self.scopes.iter().map(api).collect();
        let source = Source::labelled(apis, ApiResource::erase::<ApiPod>(&()));
        let index = &self.caches.pods;
        let known = |caches: &Caches| caches.complete(PODS);
        self.watch(source, index, Pod::new, known, tasks);
    }

    fn watch_kind(&self, kind: Kind, tasks: &mut JoinSet<()>) {
        let Some(index) = self.caches.children.get(&kind) else {
            return;
        };
        let known = move |caches: &Caches| {
            caches.kinds.send_modify(|kinds| {
                kinds.insert(kind);
            });
            caches.complete(kind.name());
        };
        let convert = move |object| Live::new(kind, object);
        let resource = kind.api_resource();
        let source = Source {
            is_needed: !Kind::OPTIONAL.contains(&kind),
            ..Source::labelled(self.apis(&resource), resource)
        };
        self.watch(source, index, convert, known, tasks);
    }

    fn apis(&self, resource: &ApiResource) -> Vec<Api<DynamicObject>> {
        let api = |scope: &Scope| match scope {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        self.scopes.iter().map(api).collect()
    }

    /// A watch for each scope; `known` is called when the first lists of all of them are complete.
    fn watch<K, T>(
        &self,
        source: Source<K>,
        index: &Arc<Index<T>>,
        convert: impl Fn(K) -> T + Clone + Send + 'static,
        known: impl Fn(&Caches) + Clone + Send + 'static,
        tasks: &mut JoinSet<()>,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        T: Entry + Send + Sync + 'static,
    {
        let Source {
            apis,
            config,
            resource,
            is_needed,
        } = source;
        let open = Arc::new(AtomicUsize::new(self.scopes.len()));
        for (scope, api) in self.scopes.iter().zip(apis) {
            let (caches, triggers) = (self.caches.clone(), self.triggers.clone());
            let (open, known, all) = (open.clone(), known.clone(), self.triggers.clone());
            let feed = Feed {
                scope: scope.clone(),
                index: index.clone(),
                right: Right::new(&resource, is_needed, scope, &caches, &triggers),
                triggers,
            };
            let listed = move || {
                if open.fetch_sub(1, Ordering::AcqRel) == 1 {
                    known(&caches);
                    all.add_all(caches.fleets.keys());
                }
            };
            let events = watcher(api, config.clone()).backoff(Pauses::default());
            tasks.spawn(feed.run(events.boxed(), convert.clone(), listed));
        }
    }
}

/// What is watched.
struct Source<K> {
    apis: Vec<Api<K>>,
    config: watcher::Config,
    resource: ApiResource,
    is_needed: bool,
}

impl<K> Source<K> {
    /// Only what bears our label.
    fn labelled(apis: Vec<Api<K>>, resource: ApiResource) -> Self {
        Self {
            apis,
            config: watcher::Config::default()
                .labels(label::CLUSTER)
                .page_size(PAGE),
            resource,
            is_needed: true,
        }
    }
}

/// Why the first of these tasks has ended.
async fn first_end(running: &mut BTreeMap<Kind, JoinSet<()>>) -> String {
    poll_fn(|context| {
        for tasks in running.values_mut() {
            if let Poll::Ready(Some(ended)) = tasks.poll_join_next(context) {
                return Poll::Ready(why(ended));
            }
        }
        Poll::Pending
    })
    .await
}

fn why(ended: Result<(), JoinError>) -> String {
    match ended {
        Ok(()) => "it ended by itself".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
