//! From a resource that holds to the objects that the operator keeps for it: pure, without a clock and without a client.

use std::collections::BTreeSet;

use carillon_crds::document::Engine;
use carillon_crds::names::kubernetes as names_of;
use carillon_crds::resource::{RealtimeCluster, Rules};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;

pub(crate) use deployment::grace;
pub use kind::Kind;
pub use pod_template::Conflict;

use context::Context;

mod alerts;
mod container;
mod context;
pub mod dashboards;
mod deployment;
mod disruption;
mod environment;
mod exposure;
mod kind;
mod monitoring;
pub mod names;
mod network_policy;
pub mod pod_template;
mod rules;
mod service;
mod service_account;
mod volumes;

/// What has been read of a resource, all of it without a fault.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The resource.
    pub cluster: &'a RealtimeCluster,
    /// The connection as its rules have it, defaults included.
    pub engine: &'a Engine,
    /// Its `podTemplate`, as [`pod_template::parse`] reads it.
    pub pod_template: &'a PodTemplateSpec,
}

/// What the children depend on beside the resource.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The tag of an image for which the resource names none.
    pub default_tag: &'a str,
    /// How many pods; absent: left to whom it belongs.
    pub replicas: Option<i32>,
    /// Whether the Deployment takes no further step; absent: it does.
    pub paused: Option<bool>,
    /// Those of [`Kind::OPTIONAL`] that the API server knows.
    pub kinds: &'a BTreeSet<Kind>,
    /// The names of the Secrets to mount, in order.
    pub secrets: &'a [String],
    /// The rules to publish, which may be older than the resource's.
    pub rules: &'a Rules,
    /// The namespace of the operator's own pods; absent: it runs elsewhere.
    pub operator_namespace: Option<&'a str>,
    /// The URL, without a closing slash, below which each alert has a page of its own.
    pub runbooks: &'a str,
}

/// Where the pages of alerts are if nobody says otherwise.
pub const RUNBOOKS: &str = "https://carillon.dev/runbooks";

/// One object to keep, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: Kind,
    /// Its name; its namespace is the resource's.
    pub name: String,
    /// The object as it is applied: what is absent is not ours.
    pub object: Value,
}

/// All that a resource should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    /// The objects, in the order in which they are applied. Those of [`possible`] that are not here are to be deleted.
    pub objects: Vec<Child>,
    /// What the `podTemplate` says and the operator says otherwise.
    pub conflicts: Vec<Conflict>,
    /// Kinds that the resource asks for and the API server does not know.
    pub missing: Vec<Kind>,
}

/// The children of a resource.
#[must_use]
pub fn children(input: &Input<'_>, facts: &Facts<'_>) -> Children {
    let context = Context::new(input, facts);
    let (deployment, conflicts) = deployment::build(&context);
    let mut set = Set::default();
    set.maybe(Kind::ServiceAccount, service_account::build(&context));
    set.add(Kind::ConfigMap, rules::build(&context));
    set.maybe(Kind::ConfigMap, dashboards::build(&context));
    for service in service::build(&context) {
        set.add(Kind::Service, service);
    }
    set.maybe(Kind::NetworkPolicy, network_policy::build(&context));
    set.add(Kind::PodDisruptionBudget, disruption::build(&context));
    set.add(Kind::Deployment, deployment);
    set.maybe(Kind::Ingress, exposure::ingress(&context));
    for wanted in [
        exposure::http_route(&context),
        monitoring::pod_monitor(&context),
        monitoring::prometheus_rule(&context),
    ] {
        set.optional(wanted, facts.kinds);
    }
    let Set { objects, missing } = set;
    Children {
        objects,
        conflicts,
        missing,
    }
}

/// Every child that a resource of this name may have, by kind and name.
#[must_use]
pub fn possible(cluster: &str) -> Vec<(Kind, String)> {
    let own = |kind| (kind, cluster.to_owned());
    vec![
        own(Kind::ServiceAccount),
        (Kind::ConfigMap, names_of::rules_config_map(cluster)),
        (Kind::ConfigMap, names_of::dashboards_config_map(cluster)),
        own(Kind::Service),
        (Kind::Service, names_of::api_service(cluster)),
        (Kind::Service, names_of::peers_service(cluster)),
        own(Kind::NetworkPolicy),
        own(Kind::PodDisruptionBudget),
        own(Kind::Deployment),
        own(Kind::Ingress),
        own(Kind::HttpRoute),
        own(Kind::PodMonitor),
        own(Kind::PrometheusRule),
    ]
}

/// The image of a resource's pods.
#[must_use]
pub fn image(cluster: &RealtimeCluster, default_tag: &str) -> String {
    let image = &cluster.spec.image;
    let tag = if image.tag.is_empty() {
        default_tag
    } else {
        &image.tag
    };
    if image.digest.is_empty() {
        format!("{}:{tag}", image.repository)
    } else {
        format!("{}@{}", image.repository, image.digest)
    }
}

/// Whether a resource's image changes with the operator's version.
#[must_use]
pub fn follows_operator(cluster: &RealtimeCluster) -> bool {
    let image = &cluster.spec.image;
    image.tag.is_empty() && image.digest.is_empty()
}

/// A child of an optional kind, if it is wanted.
enum Wanted {
    /// It is not.
    No,
    /// It is, where the kind exists.
    IfKnown(Kind, Value),
    /// It is; without the kind that is a fault.
    Always(Kind, Value),
}

#[derive(Default)]
struct Set {
    objects: Vec<Child>,
    missing: Vec<Kind>,
}

impl Set {
    fn add(&mut self, kind: Kind, object: impl Serialize) {
        let object =
            serde_json::to_value(object).expect("an object of the Kubernetes API has text keys");
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        self.objects.push(Child { kind, name, object });
    }

    fn maybe(&mut self, kind: Kind, object: Option<impl Serialize>) {
        if let Some(object) = object {
            self.add(kind, object);
        }
    }

    fn optional(&mut self, wanted: Wanted, known: &BTreeSet<Kind>) {
        match wanted {
            Wanted::IfKnown(kind, object) | Wanted::Always(kind, object)
                if known.contains(&kind) =>
            {
                self.add(kind, object);
            }
            Wanted::Always(kind, _) => self.missing.push(kind),
            Wanted::No | Wanted::IfKnown(..) => {}
        }
    }
}

impl Children {
    /// One of them.
    #[must_use]
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Child> {
        let mut objects = self.objects.iter();
        objects.find(|child| child.kind == kind && child.name == name)
    }
}

/// The name of a resource, which every resource of the API server has.
fn name(cluster: &RealtimeCluster) -> String {
    cluster.name_any()
}
