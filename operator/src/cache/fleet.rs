//! A `RealtimeCluster` as the API server has it.

use carillon_crds::names::kubernetes::annotation;
use carillon_crds::resource::RealtimeClusterStatus;
use kube::core::{DynamicObject, ObjectMeta};
use serde_json::Value;

use super::{Entry, Key};
use crate::version::Version;

/// A `RealtimeCluster`, not yet read: one that this operator cannot read must not stop the watch of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which spec it is.
    pub generation: i64,
    /// Its `carillon.dev/restartedAt`: the only thing outside of the spec that children depend on.
    pub restarted_at: Option<String>,
    /// Whether it is being deleted.
    pub terminating: bool,
    version: Version,
    /// Compact JSON: there may be thousands.
    json: Box<str>,
}

impl Fleet {
    /// Takes what is needed of an object.
    #[must_use]
    pub fn new(mut object: DynamicObject) -> Self {
        object.metadata.managed_fields = None;
        let version = Version::of(&object.metadata);
        let json = serde_json::to_string(&object).unwrap_or_default();
        let metadata = object.metadata;
        let ObjectMeta {
            annotations,
            namespace,
            name,
            uid,
            generation,
            deletion_timestamp,
            ..
        } = metadata;
        Self {
            namespace: namespace.unwrap_or_default(),
            name: name.unwrap_or_default(),
            uid: uid.unwrap_or_default(),
            generation: generation.unwrap_or_default(),
            restarted_at: annotations
                .and_then(|mut annotations| annotations.remove(annotation::RESTARTED_AT)),
            terminating: deletion_timestamp.is_some(),
            version,
            json: json.into(),
        }
    }

    /// The object.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// Its status. One that cannot be read is written anew.
    #[must_use]
    pub fn status(&self) -> RealtimeClusterStatus {
        let status = self.value()["status"].take();
        serde_json::from_value(status).unwrap_or_default()
    }
}

impl Entry for Fleet {
    fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }

    fn cluster(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn version(&self) -> &Version {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_taken_whatever_its_spec_says() {
        let object = json!({
            "apiVersion": "carillon.dev/v1alpha1",
            "kind": "RealtimeCluster",
            "metadata": {
                "name": "game", "namespace": "sim", "uid": "u", "generation": 7, "resourceVersion": "9",
                "managedFields": [{ "manager": "kubectl" }],
                "annotations": { "carillon.dev/restartedAt": "now" },
            },
            "spec": { "exposure": { "type": "Carrier pigeon" } },
        });
        let fleet = Fleet::new(serde_json::from_value(object).unwrap());
        assert_eq!(fleet.key(), ("sim".to_owned(), "game".to_owned()));
        assert_eq!((fleet.generation, fleet.uid.as_str()), (7, "u"));
        assert_eq!(fleet.restarted_at.as_deref(), Some("now"));
        let value = fleet.value();
        assert_eq!(value["spec"]["exposure"]["type"], "Carrier pigeon");
        assert_eq!(value["metadata"].get("managedFields"), None);
    }
}
