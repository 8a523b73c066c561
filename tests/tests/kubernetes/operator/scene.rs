//! One resource, the children that it should have, and what writes them, under an account of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_crds::resource::{RealtimeCluster, Rules};
use carillon_operator::apply::{Memory, Outcome, Owner, Writer};
use carillon_operator::build::{self, Child, Facts, Input, Kind, pod_template};
use carillon_operator::client;
use carillon_operator::gate::Gate;
use carillon_operator::lease::times::Times;
use carillon_operator::metrics::Metrics;
use carillon_operator::triggers::Triggers;
use carillon_operator::watches::{Caches, Scope, Watches};
use carillon_tests::kubernetes::{Audit, Kubernetes, Namespace, Request, until};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a watch may take to show what has been done.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Everything; the watches end with it.
pub(super) struct Scene<'a> {
    pub(super) namespace: Namespace<'a>,
    /// The operator's, as its own account.
    pub(super) client: Client,
    pub(super) caches: Caches,
    pub(super) owner: RealtimeCluster,
    /// The kinds of which the caches are complete.
    pub(super) known: watch::Receiver<BTreeSet<Kind>>,
    account: String,
    memory: Memory,
    watching: JoinHandle<String>,
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl<'a> Scene<'a> {
    /// A resource `game` in a namespace, and caches that are complete.
    pub(super) async fn start(cluster: &'a Kubernetes, name: &str) -> Self {
        cluster.install_resource();
        let namespace = cluster.namespace(name);
        namespace.kubectl(&["create", "serviceaccount", "operator"]);
        let account = format!("--serviceaccount={name}:operator");
        let binding = format!("operator-{name}");
        cluster.kubectl(&[
            "create",
            "clusterrolebinding",
            &binding,
            "--clusterrole=cluster-admin",
            &account,
        ]);
        let client = open(cluster, name).await;
        namespace.apply(&resource("game").to_string());
        let owner = Api::namespaced(client.clone(), name).get("game").await;
        let watches = watches(client.clone(), vec![Some(name.to_owned())]);
        let mut scene = Self {
            namespace,
            caches: watches.caches.clone(),
            owner: owner.unwrap(),
            known: watches.caches.kinds.subscribe(),
            account: format!("system:serviceaccount:{name}:operator"),
            memory: Memory::default(),
            watching: tokio::spawn(watches.run()),
            client,
        };
        scene.caches.filled().await;
        scene.knows(Kind::ALL.len() - Kind::OPTIONAL.len()).await;
        scene
    }

    /// Waits until the caches are complete of so many kinds.
    pub(super) async fn knows(&mut self, count: usize) {
        self.known
            .wait_for(|kinds| kinds.len() >= count)
            .await
            .unwrap();
    }

    /// Forgets what the API server words in its own way, as a process that has just begun.
    pub(super) fn forget(&mut self) {
        self.memory = Memory::default();
    }

    /// The children of the resource.
    pub(super) fn wanted(&self) -> Vec<Child> {
        wanted(&self.owner, &BTreeSet::new())
    }

    /// Writes them as the operator does.
    pub(super) async fn apply(&mut self, wanted: &[Child]) -> Outcome {
        let writer = Writer {
            client: self.client.clone(),
            children: self.caches.children.clone(),
        };
        let (namespace, uid) = (self.namespace.name(), self.owner.uid().unwrap());
        let owner = Owner {
            namespace,
            name: "game",
            uid: &uid,
        };
        writer
            .apply(owner, wanted, &mut self.memory, Instant::now())
            .await
    }

    /// The same, and all of it goes well; what was written, as `kind name`.
    pub(super) async fn applied(&mut self, wanted: &[Child]) -> Vec<String> {
        let outcome = self.apply(wanted).await;
        assert!(
            outcome.failures.is_empty() && outcome.conflicts.is_empty(),
            "{outcome:?}"
        );
        let written = outcome.written.iter();
        written
            .map(|(kind, name)| format!("{} {name}", kind.name()))
            .collect()
    }

    /// Waits until the caches show the objects as they are now.
    pub(super) async fn caught_up(&self) {
        for (kind, index) in self.caches.children.iter() {
            if !self.known.borrow().contains(kind) {
                continue;
            }
            let what = format!("the cache knows every {}", kind.name());
            let same = async || {
                let live = self.live(*kind);
                let known: BTreeMap<_, _> = index
                    .of(self.namespace.name(), "game")
                    .into_iter()
                    .map(|live| (live.name.clone(), live.resource_version.clone()))
                    .collect();
                (live == known)
                    .then_some(())
                    .ok_or_else(|| format!("{known:?}, not {live:?}"))
            };
            until(&what, DEADLINE, same).await;
        }
    }

    /// The objects of the fleet, and which state each is in.
    fn live(&self, kind: Kind) -> BTreeMap<String, String> {
        let plural = kind.api_resource().plural;
        let list = self
            .namespace
            .get(&[&plural, "--selector=carillon.dev/cluster=game"]);
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = items.iter().map(|item| &item["metadata"]);
        items
            .map(|item| (text(&item["name"]), text(&item["resourceVersion"])))
            .collect()
    }

    /// What the operator's account has written.
    pub(super) fn writes(&self, audit: &Audit<'_>) -> Vec<Request> {
        let mut requests = audit.requests();
        requests.retain(|request| request.user == self.account && request.is_write());
        requests
    }
}

/// A client whose gate is open, as the account `operator` of a namespace.
pub(super) async fn open(cluster: &Kubernetes, namespace: &str) -> Client {
    let gate = Arc::new(Gate::default());
    gate.open_until(Instant::now() + Duration::from_secs(3600));
    let config = cluster.config_of(namespace, "operator").await;
    let metrics = Metrics::new().unwrap();
    client::build(config, &gate, &Times::default(), &metrics.rest)
        .unwrap()
        .gated
}

/// Watches that have not begun.
pub(super) fn watches(client: Client, scopes: Vec<Scope>) -> Watches {
    Watches {
        client,
        scopes,
        caches: Caches::default(),
        triggers: Triggers::default(),
    }
}

/// A fleet on streams without a pod: its Deployment is made all the same.
pub(super) fn resource(name: &str) -> Value {
    json!({
        "apiVersion": "carillon.dev/v1alpha1",
        "kind": "RealtimeCluster",
        "metadata": { "name": name },
        "spec": {
            "image": { "tag": "test" },
            "replicas": 0,
            "redis": { "mode": "streams", "url": { "value": "redis://redis:6379" } },
            "namespaces": [{ "name": "/" }],
            "networkPolicy": { "enabled": true },
            "exposure": { "type": "Ingress", "hosts": ["game.example.com"] },
        },
    })
}

/// What the builders make of a resource where these optional kinds are known.
pub(super) fn wanted(owner: &RealtimeCluster, kinds: &BTreeSet<Kind>) -> Vec<Child> {
    let document = owner.spec.document().unwrap();
    let input = Input {
        cluster: owner,
        engine: &document.engine,
        pod_template: &pod_template::parse(&owner.spec.pod_template, "spec.podTemplate").unwrap(),
    };
    let facts = Facts {
        default_tag: "test",
        replicas: owner.spec.replicas,
        paused: None,
        kinds,
        secrets: &[],
        rules: &Rules::from(&document),
        operator_namespace: None,
        runbooks: build::RUNBOOKS,
    };
    build::children(&input, &facts).objects
}
