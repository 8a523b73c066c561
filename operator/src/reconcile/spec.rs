//! What an object says, read once a generation: the rules are compiled as a gateway compiles them.

use carillon_crds::document::Engine;
use carillon_crds::fault::Faults;
use carillon_crds::resource::{Mounted, RealtimeCluster, Rules};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use crate::build::pod_template;
use crate::cache::fleet::Fleet;
use crate::scale::settings::Settings;

/// An object, read.
#[derive(Debug)]
pub struct Spec {
    /// The object. One that cannot be read at all has an empty spec here.
    pub cluster: RealtimeCluster,
    /// Whether the spec is the object's.
    pub readable: bool,
    /// What is written of it; absent where there are faults.
    pub content: Option<Content>,
    /// How it is scaled by itself, if it is.
    pub scaling: Option<Settings>,
    /// Every fault, a line each, with its path.
    pub faults: Vec<String>,
}

/// What is written of an object.
#[derive(Debug)]
pub struct Content {
    /// The connection as its rules have it, defaults included.
    pub engine: Engine,
    /// What pods serve.
    pub rules: Rules,
    /// How many namespaces these have.
    pub namespaces: usize,
    /// Its `podTemplate`.
    pub pod_template: PodTemplateSpec,
    /// The keys of Secrets that pods read.
    pub secrets: Vec<Mounted>,
}

impl Spec {
    /// Reads an object.
    #[must_use]
    pub fn read(fleet: &Fleet) -> Self {
        let value = fleet.value();
        match serde_json::from_value::<RealtimeCluster>(value.clone()) {
            Ok(cluster) => Self::of(cluster),
            Err(error) => Self {
                cluster: nameplate(&value),
                readable: false,
                content: None,
                scaling: None,
                faults: vec![format!("this operator cannot read the object: {error}")],
            },
        }
    }

    fn of(cluster: RealtimeCluster) -> Self {
        let mut faults = Vec::new();
        let content = content(&cluster).map_err(|found| faults.extend(lines(&found)));
        let scaling = cluster.spec.autoscaling.as_ref().map(Settings::parse);
        let scaling = match scaling.transpose() {
            Ok(scaling) => scaling,
            Err(invalid) => {
                faults.extend(invalid.0);
                None
            }
        };
        Self {
            content: content.ok().filter(|_| faults.is_empty()),
            scaling,
            faults,
            cluster,
            readable: true,
        }
    }
}

fn content(cluster: &RealtimeCluster) -> Result<Content, Faults> {
    let spec = &cluster.spec;
    let mut faults = Faults::new();
    let mut keep = |found: Faults, below: &str| {
        for mut fault in found {
            if !below.is_empty() {
                fault.path = format!(
                    "{below}{}{}",
                    if fault.path.is_empty() { "" } else { "." },
                    fault.path
                );
            }
            faults.push(fault);
        }
    };
    if let Err(found) = spec.rulebook() {
        keep(found, "spec");
    }
    let pod_template = pod_template::parse(&spec.pod_template, "spec.podTemplate");
    let pod_template = pod_template.map_err(|found| keep(found, ""));
    let document = spec.document();
    let secrets = spec.mounted_secrets();
    match (document, secrets, pod_template) {
        (Ok(document), Ok(secrets), Ok(pod_template)) if faults.is_empty() => Ok(Content {
            rules: Rules::from(&document),
            namespaces: document.namespaces.len(),
            engine: document.engine,
            pod_template,
            secrets,
        }),
        _ => Err(faults),
    }
}

fn lines(faults: &Faults) -> impl Iterator<Item = String> {
    faults.iter().map(ToString::to_string)
}

/// The object's metadata and status, which hold whatever its spec says.
fn nameplate(value: &Value) -> RealtimeCluster {
    let plate = |status: &Value| {
        let (metadata, spec) = (&value["metadata"], json!({ "namespaces": [] }));
        let plate = json!({
            "apiVersion": value["apiVersion"],
            "kind": value["kind"],
            "metadata": metadata,
            "spec": spec,
            "status": status,
        });
        serde_json::from_value(plate)
    };
    plate(&value["status"])
        .or_else(|_| plate(&Value::Null))
        .unwrap_or_else(|_| {
            let spec = serde_json::from_value(json!({ "namespaces": [] }));
            RealtimeCluster::new("unnamed", spec.expect("an empty spec is a spec"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &Value) -> Spec {
        let object = json!({
            "apiVersion": "carillon.dev/v1alpha1",
            "kind": "RealtimeCluster",
            "metadata": { "name": "game", "namespace": "sim", "uid": "u", "generation": 3 },
            "spec": spec,
            "status": { "connections": 7 },
        });
        Spec::read(&Fleet::new(
            serde_json::from_value(object).expect("an object"),
        ))
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        for (spec, expected) in [
            (json!({ "namespaces": [{ "name": "/" }] }), vec![]),
            (
                json!({
                    "namespaces": [{ "name": "/", "pattern": "" , "events": [{ "name": "a", "args": [{ "type": "strin" }] }] }],
                    "podTemplate": { "spec": { "priority": "high" } },
                }),
                vec![
                    "spec.namespaces[0].events[0].args[0]",
                    "spec.podTemplate.spec.priority: \"high\"",
                ],
            ),
            (
                json!({
                    "namespaces": [{ "name": "/" }],
                    "autoscaling": { "minReplicas": 3, "maxReplicas": 2, "metrics": [{ "type": "Connections", "averageValue": "10" }] },
                }),
                vec!["spec.autoscaling: minReplicas (3)"],
            ),
        ] {
            let read = read(&spec);
            assert!(read.readable, "{spec}: {:?}", read.faults);
            assert_eq!(read.faults.len(), expected.len(), "{:?}", read.faults);
            assert_eq!(read.content.is_some(), expected.is_empty());
            for (fault, expected) in read.faults.iter().zip(expected) {
                assert!(fault.starts_with(expected), "{fault}");
            }
        }
    }

    #[test]
    fn one_that_cannot_be_read_keeps_its_name_and_status() {
        let read =
            read(&json!({ "namespaces": [{ "name": "/" }], "exposure": { "type": "Pigeon" } }));
        assert!(!read.readable && read.content.is_none());
        assert!(read.faults[0].contains("Pigeon"), "{:?}", read.faults);
        let RealtimeCluster {
            metadata, status, ..
        } = read.cluster;
        assert_eq!(metadata.name.as_deref(), Some("game"));
        assert_eq!(status.and_then(|status| status.connections), Some(7));
    }
}
