//! A child as the API server has it.

use carillon_crds::names::kubernetes::{KIND, annotation, label};
use kube::core::{DynamicObject, TypeMeta};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Entry, Key};
use crate::build::Kind;
use crate::version::Version;

/// A child as the API server has it, as compact JSON: a thousand fleets have ten thousand of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The resourceVersion, as it is sent back.
    pub resource_version: String,
    /// The uid of the `RealtimeCluster` that controls it.
    pub owner: Option<String>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// The hash of what was last applied.
    pub applied: Option<String>,
    cluster: Option<String>,
    version: Version,
    json: Box<str>,
}

impl Live {
    /// Takes what is needed of an object.
    #[must_use]
    pub fn new(kind: Kind, mut object: DynamicObject) -> Self {
        let metadata = &mut object.metadata;
        metadata.managed_fields = None;
        // The items of a list do not say what they are, and would differ from what is to be.
        let gvk = kind.gvk();
        object.types = Some(TypeMeta {
            api_version: gvk.api_version(),
            kind: gvk.kind,
        });
        let owners = metadata.owner_references.iter().flatten();
        let owner = owners
            .filter(|owner| owner.controller == Some(true) && owner.kind == KIND)
            .map(|owner| owner.uid.clone())
            .next();
        let text = |map: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
            map.as_ref().and_then(|map| map.get(key)).cloned()
        };
        let mut live = Self {
            kind,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            owner,
            terminating: metadata.deletion_timestamp.is_some(),
            applied: text(&metadata.annotations, annotation::APPLIED),
            cluster: text(&metadata.labels, label::CLUSTER),
            version: Version::of(metadata),
            json: Box::default(),
        };
        if kind != Kind::Deployment
            && let Some(fields) = object.data.as_object_mut()
        {
            fields.remove("status");
        }
        let mut value = serde_json::to_value(object).unwrap_or_default();
        shorten(kind, &mut value);
        live.json = value.to_string().into();
        live
    }

    /// The object; texts that [`shorten`] replaces are replaced.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

impl Entry for Live {
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

/// Replaces what is large, and only has to be compared, by its digest: the dashboards in a ConfigMap, the rules in a
/// `PrometheusRule`.
pub fn shorten(kind: Kind, object: &mut Value) {
    match kind {
        Kind::ConfigMap => dashboards(object),
        Kind::PrometheusRule => rules(object),
        _ => {}
    }
}

fn dashboards(object: &mut Value) {
    let data = object.get_mut("data").and_then(Value::as_object_mut);
    for (key, value) in data.into_iter().flatten() {
        if key != carillon_crds::names::kubernetes::RULES_KEY
            && let Value::String(text) = value
            && text.len() > LONG
        {
            *value = digest(text).into();
        }
    }
}

fn rules(object: &mut Value) {
    let groups = object.pointer_mut("/spec/groups");
    for group in groups.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(rules) = group.get_mut("rules") {
            // The API server has its own order of fields.
            rules.sort_all_objects();
            *rules = digest(&rules.to_string()).into();
        }
    }
}

/// SHA-256, in hex.
#[must_use]
pub fn digest(text: &str) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _infallible = write!(hex, "{byte:02x}");
            hex
        })
}

const LONG: usize = 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_of_a_list_is_the_same_as_by_itself() {
        let item = json!({ "metadata": { "name": "game", "namespace": "sim" }, "spec": {} });
        let mut alone = item.clone();
        alone["apiVersion"] = json!("apps/v1");
        alone["kind"] = json!("Deployment");
        let live = |object| Live::new(Kind::Deployment, serde_json::from_value(object).unwrap());
        assert_eq!(live(item), live(alone.clone()));
        assert_eq!(live(alone.clone()).value(), alone);
    }

    #[test]
    fn of_rules_only_a_digest_is_kept_which_each_edit_changes() {
        let kept = |rules: &str| {
            let mut object = json!({ "spec": { "groups": [{ "name": "slo" }] } });
            object["spec"]["groups"][0]["rules"] = serde_json::from_str(rules).unwrap();
            shorten(Kind::PrometheusRule, &mut object);
            object
        };
        let rules = r#"[{ "alert": "Down", "expr": "up == 0", "labels": { "severity": "page" } }]"#;
        let ordered =
            r#"[{ "labels": { "severity": "page" }, "expr": "up == 0", "alert": "Down" }]"#;
        assert_eq!(kept(rules), kept(ordered));
        assert_eq!(kept(rules)["spec"]["groups"][0]["name"], "slo");
        let digest = &kept(rules)["spec"]["groups"][0]["rules"];
        assert_eq!(digest.as_str().map(str::len), Some(64));
        assert_ne!(kept(rules), kept(&rules.replace("up == 0", "up == 1")));
    }
}
