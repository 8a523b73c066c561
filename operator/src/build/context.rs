//! What all builders need: the resource, the facts, and the metadata of a child.

use std::collections::BTreeMap;

use carillon_crds::names::kubernetes::{MANAGER, label};
use carillon_crds::resource::{RealtimeClusterSpec, RedisMode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::Resource;

use super::names::{self, COMPONENT};
use super::{Facts, Input};

/// Labels or annotations.
pub(super) type Texts = BTreeMap<String, String>;

pub(super) struct Context<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) facts: &'a Facts<'a>,
    /// The resource's name.
    pub(super) name: String,
    /// The resource's namespace.
    pub(super) namespace: String,
}

impl<'a> Context<'a> {
    pub(super) fn new(input: &'a Input<'a>, facts: &'a Facts<'a>) -> Self {
        let metadata = &input.cluster.metadata;
        Self {
            input,
            facts,
            name: super::name(input.cluster),
            namespace: metadata.namespace.clone().unwrap_or_default(),
        }
    }

    pub(super) fn spec(&self) -> &'a RealtimeClusterSpec {
        &self.input.cluster.spec
    }

    /// Whether there is one pod, on a bus of its own.
    pub(super) fn is_alone(&self) -> bool {
        self.spec().redis.mode == RedisMode::Memory
    }

    /// The metadata of a child, with these annotations of its own.
    pub(super) fn meta(&self, name: impl Into<String>, annotations: Texts) -> ObjectMeta {
        let given = &self.spec().metadata;
        let mut labels = foreign(&given.labels);
        labels.extend(self.labels());
        let mut all = foreign(&given.annotations);
        all.extend(annotations);
        ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace.clone()),
            labels: Some(labels),
            annotations: (!all.is_empty()).then_some(all),
            owner_references: self.owner().map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    /// With the resource goes the child, and with foreground deletion the child first.
    fn owner(&self) -> Option<OwnerReference> {
        let owner = self.input.cluster.controller_owner_ref(&())?;
        Some(OwnerReference {
            block_owner_deletion: Some(true),
            ..owner
        })
    }

    /// The labels of all that belongs to the fleet, its pods included. None depends on a version.
    pub(super) fn labels(&self) -> Texts {
        texts([
            (label::NAME, label::APP),
            (label::INSTANCE, &self.name),
            (label::COMPONENT, COMPONENT),
            (label::PART_OF, label::APP),
            (label::MANAGED_BY, MANAGER),
            (label::CLUSTER, &self.name),
        ])
    }

    /// What selects the fleet's pods; it can never change.
    pub(super) fn pods(&self) -> Texts {
        texts([(label::CLUSTER, self.name.as_str())])
    }

    /// The same as a selector.
    pub(super) fn selector(&self) -> LabelSelector {
        LabelSelector {
            match_labels: Some(self.pods()),
            ..LabelSelector::default()
        }
    }
}

pub(super) fn texts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Texts {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Without what only the operator sets.
fn foreign(given: &Texts) -> Texts {
    let pairs = given.iter().filter(|(key, _)| !names::is_own_key(key));
    pairs
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
