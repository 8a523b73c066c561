//! The definition itself: what is committed is what is served, and every field of it is explained.

use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{self, until};
use serde_json::Value;
use std::time::Duration;

/// How long the API server may take to publish what it knows of a new kind.
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn what_is_committed_is_what_is_served() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let text = std::fs::read_to_string(workspace().join("crds/realtimecluster.yaml")).unwrap();
        let committed: Value = serde_yaml::from_str(&text).unwrap();
        let served =
            cluster.kubectl(&["get", "crd", "realtimeclusters.carillon.dev", "-o", "json"]);
        let served: Value = serde_json::from_str(&served).unwrap();
        assert_eq!(served["spec"]["versions"], committed["spec"]["versions"]);
        let conditions = served["status"]["conditions"].as_array().unwrap();
        let of = |kind: &str| {
            let mut all = conditions.iter();
            let found = all.find(|condition| condition["type"] == kind);
            found.map(|condition| condition["status"].as_str().unwrap())
        };
        // Without a structural schema nothing would be pruned or defaulted.
        assert_eq!(of("NonStructuralSchema"), None, "{conditions:?}");
        assert_eq!(of("Established"), Some("True"), "{conditions:?}");
        assert_eq!(of("NamesAccepted"), Some("True"), "{conditions:?}");
        // Who applies the same file again changes nothing.
        let again = cluster.try_apply(&text).unwrap();
        assert!(again.contains("unchanged"), "{again}");
    });
}

/// Adds the path of every field that has no text.
fn silent(schema: &Value, path: &str, found: &mut Vec<String>) {
    let fields = schema["properties"].as_object();
    for (name, field) in fields.into_iter().flatten() {
        let path = format!("{path}.{name}");
        let text = field["description"].as_str().unwrap_or_default();
        if text.trim().is_empty() && field.get("$ref").is_none() && field.get("allOf").is_none() {
            found.push(path.clone());
        }
        silent(field, &path, found);
        silent(&field["items"], &format!("{path}[]"), found);
        silent(
            &field["additionalProperties"],
            &format!("{path}{{}}"),
            found,
        );
    }
}

#[test]
fn every_field_is_explained() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let published = async || {
            let document = ["get", "--raw", "/openapi/v3/apis/carillon.dev/v1alpha1"];
            let document: Value = serde_json::from_str(&cluster.try_kubectl(&document)?).unwrap();
            let schema =
                &document["components"]["schemas"]["dev.carillon.v1alpha1.RealtimeCluster"];
            schema
                .is_object()
                .then(|| schema.clone())
                .ok_or_else(|| document.to_string())
        };
        let (schema, _) = until("the schema is published", DEADLINE, published).await;
        let mut found = Vec::new();
        silent(&schema, "", &mut found);
        assert_eq!(found, [""; 0], "fields without a text");
        let mut wrong = Vec::new();
        for (field, kind, text) in [
            ("rtc.spec.drain.hold", "<string>", "How long"),
            ("rtc.spec.namespaces.events.once.ttl", "<string>", ""),
            ("rtc.status.autoscaling.desiredReplicas", "<integer>", ""),
        ] {
            let told = cluster.kubectl(&["explain", field]);
            let about = told.split("DESCRIPTION:").nth(1).unwrap_or_default().trim();
            if !told.contains(kind) || about.is_empty() || !about.contains(text) {
                wrong.push(told);
            }
        }
        assert_eq!(wrong, [""; 0]);
        let tree = cluster.kubectl(&["explain", "rtc", "--recursive"]);
        for field in [
            "reconnectsPerSecond",
            "podTemplate",
            "recommendations",
            "observedGeneration",
        ] {
            assert!(tree.contains(field), "{field} in {tree}");
        }
    });
}
