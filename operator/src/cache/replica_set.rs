//! A ReplicaSet of a fleet's Deployment: which template has which `pod-template-hash`.

use carillon_crds::names::kubernetes::label;
use kube::core::DynamicObject;
use serde_json::Value;

use super::live::digest;
use super::pod::TEMPLATE_HASH;
use super::{Entry, Key};
use crate::version::Version;

/// A ReplicaSet of a fleet's Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSet {
    namespace: String,
    name: String,
    /// The uid of the Deployment that controls it.
    pub owner: Option<String>,
    /// The label of its pods.
    pub template_hash: String,
    /// See [`template_digest`].
    pub template: String,
    cluster: Option<String>,
    version: Version,
}

impl ReplicaSet {
    /// Takes what is needed of an object.
    #[must_use]
    pub fn new(object: DynamicObject) -> Self {
        let version = Version::of(&object.metadata);
        let labels = object.metadata.labels.unwrap_or_default();
        let owners = object.metadata.owner_references.unwrap_or_default();
        let owner = owners
            .into_iter()
            .find(|owner| owner.controller == Some(true));
        Self {
            namespace: object.metadata.namespace.unwrap_or_default(),
            name: object.metadata.name.unwrap_or_default(),
            owner: owner.map(|owner| owner.uid),
            template_hash: labels.get(TEMPLATE_HASH).cloned().unwrap_or_default(),
            template: template_digest(&object.data["spec"]["template"]),
            cluster: labels.get(label::CLUSTER).cloned(),
            version,
        }
    }
}

impl Entry for ReplicaSet {
    fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    fn version(&self) -> &Version {
        &self.version
    }
}

/// Tells templates apart as the Deployment's controller does: by all that they say but the label that it adds itself.
#[must_use]
pub fn template_digest(template: &Value) -> String {
    let mut template = template.clone();
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    template.sort_all_objects();
    digest(&template.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_label_of_the_controller_is_no_difference() {
        let template = |hash: Option<&str>, image: &str| {
            let mut template = json!({
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "gateway", "image": image }] },
            });
            if let Some(hash) = hash {
                template["metadata"]["labels"][TEMPLATE_HASH] = hash.into();
            }
            template_digest(&template)
        };
        assert_eq!(template(None, "x:1"), template(Some("abc"), "x:1"));
        assert_ne!(template(None, "x:1"), template(Some("abc"), "x:2"));
    }
}
