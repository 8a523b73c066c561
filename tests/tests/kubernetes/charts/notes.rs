//! What an install tells: where to go on, and what it warns of.

use carillon_tests::kubernetes::{self, Kubernetes, MAJORS};
use serde_json::{Value, json};

/// The beginnings of the warnings, in order, by both versions of Helm; and all that is told.
fn told(cluster: &Kubernetes, chart: &str, values: &Value) -> (Vec<String>, String) {
    let [one, other] = MAJORS.map(|major| {
        let notes = cluster.helm(major, "chat").notes(chart, values);
        notes.unwrap_or_else(|refused| panic!("{values}: {refused}"))
    });
    assert_eq!(one.trim(), other.trim());
    let warnings = one
        .lines()
        .filter_map(|line| line.strip_prefix("WARNING: "));
    let begin = |warning: &str| {
        warning
            .split([':', ' '])
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    };
    (warnings.map(begin).collect(), one)
}

/// A fleet of which there is nothing to warn, but for what is changed.
fn fleet(changed: &Value) -> Value {
    let key = json!({ "name": "backend", "namespaces": ["*"], "can": ["emit"], "secret": { "secretKeyRef": { "name": "backend", "key": "token" } } });
    let mut spec = json!({
        "replicas": 2,
        "redis": { "mode": "streams", "url": { "secretKeyRef": { "name": "redis", "key": "url" } } },
        "apiKeys": [key],
    });
    for (name, value) in changed.as_object().unwrap() {
        spec[name] = value.clone();
    }
    // Null: it is not there.
    let fields = spec.as_object_mut().unwrap();
    fields.retain(|_, value| !value.is_null());
    json!({ "spec": spec })
}

#[test]
fn of_a_fleet_warn() {
    kubernetes::test(async |cluster| {
        // Helm 3 looks whether there is such a kind.
        cluster.install_resource();
        let exposed = |kind: &str| json!({ "exposure": { "type": kind, "hosts": ["a.example"], "parentRefs": [{ "name": "edge" }] } });
        let by = |service: &str| json!({ "exposure": { "type": "Service", "service": { "type": service } } });
        let tls = json!({ "exposure": { "type": "Ingress", "hosts": ["a.example"], "tls": [{ "hosts": ["a.example"] }] } });
        let metrics = json!([{ "type": "CPU", "averageUtilization": 70 }]);
        let autoscaled = |fewest: Option<u8>| {
            let mut scaling = json!({ "maxReplicas": 4, "metrics": metrics });
            if let Some(fewest) = fewest {
                scaling["minReplicas"] = json!(fewest);
            }
            json!({ "replicas": null, "autoscaling": scaling })
        };
        for (changed, warnings, line) in [
            (
                json!({}),
                &[][..],
                "Browsers inside the cluster connect to http://talk.chat:3001",
            ),
            (json!({ "replicas": 1 }), &["one replica"], ""),
            (json!({ "replicas": null }), &["one replica"], ""),
            (autoscaled(Some(2)), &[], ""),
            (autoscaled(Some(1)), &["one replica"], ""),
            (autoscaled(None), &["one replica"], ""),
            (json!({ "redis": null }), &["no Redis"], ""),
            (json!({ "redis": { "mode": "memory" } }), &["no Redis"], ""),
            (
                json!({ "cors": { "origins": ["https://a.example"] } }),
                &[],
                "",
            ),
            (
                json!({ "cors": { "origins": ["*"] } }),
                &["cors.origins has"],
                "",
            ),
            (json!({ "apiKeys": null }), &["no apiKeys"], ""),
            (tls, &[], "Browsers connect to https://a.example once"),
            (
                exposed("Ingress"),
                &["no TLS"],
                "Browsers connect to http://a.example once",
            ),
            (
                exposed("HTTPRoute"),
                &["no TLS"],
                "Browsers connect to http://a.example (https where",
            ),
            (by("LoadBalancer"), &["no TLS"], "of the type LoadBalancer"),
            (by("NodePort"), &["no TLS"], "of the type NodePort"),
        ] {
            let (found, notes) = told(cluster, "carillon-cluster", &fleet(&changed));
            assert_eq!(found, warnings, "{changed}: {notes}");
            assert!(notes.contains(line), "{changed}: {notes}");
        }
        let (found, _) = told(
            cluster,
            "carillon-cluster",
            &json!({ "devRedis": { "enabled": true } }),
        );
        assert_eq!(found, ["one replica", "devRedis.enabled ", "no apiKeys"]);
    });
}

#[test]
fn of_the_operator_warn() {
    kubernetes::test(async |cluster| {
        for (values, warnings) in [
            (json!({}), &[][..]),
            (json!({ "replicas": 1 }), &["with one"]),
            (
                json!({ "replicas": 1, "podDisruptionBudget": { "enabled": false } }),
                &["with one"],
            ),
            (
                json!({ "podDisruptionBudget": { "enabled": false } }),
                &["no PodDisruptionBudget"],
            ),
            (
                json!({ "crds": { "enabled": false } }),
                &["the CustomResourceDefinition"],
            ),
            (json!({ "crds": { "keep": false } }), &["crds.keep is"]),
            (json!({ "rbac": { "create": false } }), &["the roles"]),
        ] {
            let (found, notes) = told(cluster, "carillon", &values);
            assert_eq!(found, warnings, "{values}: {notes}");
            assert!(
                notes.contains("helm install my charts/carillon-cluster"),
                "{notes}"
            );
        }
    });
}
