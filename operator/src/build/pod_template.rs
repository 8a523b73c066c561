//! `spec.podTemplate`: read strictly, and laid over the template that the operator makes.

use std::sync::LazyLock;

use carillon_crds::fault::Faults;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

pub use merge::{Conflict, merge};

mod form;
mod merge;

/// Reads a `podTemplate` that stands at `path`. A partial template is fine: only names are required in lists of named things.
///
/// # Errors
/// Every fault of its form: unknown keys, wrong types, absent names.
pub fn parse(template: &Map<String, Value>, path: &str) -> Result<PodTemplateSpec, Faults> {
    let template = Value::from(template.clone());
    let mut faults = form::faults(schema(), &template, path);
    match serde_json::from_value(template) {
        Ok(template) => faults.or(template),
        Err(error) => {
            if faults.is_empty() {
                faults.add(path, error.to_string());
            }
            Err(faults)
        }
    }
}

/// The schema of a pod template, of which nothing has to be there.
fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let generator = SchemaSettings::draft2020_12().into_generator();
        let mut schema = generator
            .into_root_schema_for::<PodTemplateSpec>()
            .to_value();
        let pod = schema
            .pointer_mut(POD_SPEC)
            .and_then(Value::as_object_mut)
            .expect("the schema of a pod template defines that of a pod");
        pod.remove("required");
        schema
    });
    &SCHEMA
}

const POD_SPEC: &str = "/$defs/io.k8s.api.core.v1.PodSpec";

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        let template: Map<String, Value> = serde_yaml::from_str(text).expect("YAML");
        match parse(&template, "spec.podTemplate") {
            Ok(_) => String::new(),
            Err(faults) => faults.to_string(),
        }
    }

    #[test]
    fn partial_templates_are_taken() {
        for text in [
            "{}",
            "{ metadata: { annotations: { a.b/c: d } } }",
            "{ spec: { nodeSelector: { disk: ssd }, priority: -5 } }",
            "{ spec: { containers: [{ name: gateway, resources: { requests: { cpu: 0.5, memory: 1Gi }, limits: { cpu: 2 } } }] } }",
            "{ spec: { containers: [{ name: side, livenessProbe: { httpGet: { port: http } }, readinessProbe: { httpGet: { port: 80 } } }] } }",
            "{ spec: { tolerations: [{ key: a, operator: Exists, tolerationSeconds: 5 }], affinity: null } }",
            "{ spec: { volumes: [{ name: cache, emptyDir: {} }, { name: csi, csi: { driver: x, volumeAttributes: { any: thing } } }] } }",
        ] {
            assert_eq!(faults(text), "", "{text}");
        }
    }

    #[test]
    fn every_fault_has_its_place() {
        for (text, expected) in [
            (
                "{ spec: { containers: [{ name: gateway, resources: { limit: { cpu: 1 } } }] } }",
                "spec.podTemplate.spec.containers[0].resources.limit: {\"cpu\":1}: unknown key, the nearest known one is `limits` (allowed: claims, limits, requests)",
            ),
            (
                "{ spec: { priority: high, hostNetwork: 1, tolerations: {} } }",
                "spec.podTemplate.spec.priority: \"high\": expected a whole number\n\
                 spec.podTemplate.spec.hostNetwork: 1: expected true or false\n\
                 spec.podTemplate.spec.tolerations: {}: expected a list",
            ),
            (
                "{ spec: { priority: 3000000000 } }",
                "spec.podTemplate.spec.priority: 3000000000: allowed: -2147483648 to 2147483647",
            ),
            (
                "{ spec: { containers: [{ image: x }], nodeSelector: { a: 1 } } }",
                "spec.podTemplate.spec.containers[0].name: required, but absent\n\
                 spec.podTemplate.spec.nodeSelector.a: 1: expected a text",
            ),
            (
                "{ spec: { containers: [{ name: a, resources: { limits: { cpu: [1] } } }] } }",
                "spec.podTemplate.spec.containers[0].resources.limits.cpu: [1]: expected a number or a text",
            ),
            (
                "{ spec: { containers: [{ name: a, env: [{ name: A, value: 1 }] }] } }",
                "spec.podTemplate.spec.containers[0].env[0].value: 1: expected a text",
            ),
            (
                "{ metadata: { creationTimestamp: yesterday } }",
                "spec.podTemplate.metadata.creationTimestamp: \"yesterday\": expected a time such as 2026-01-31T12:00:00Z",
            ),
        ] {
            assert_eq!(faults(text), expected, "{text}");
        }
    }
}
