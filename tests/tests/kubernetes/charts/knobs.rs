//! What a value changes in what a chart renders to, where a whole golden file would say less.

use carillon_tests::kubernetes::{self, Kubernetes, MAJORS};
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// The object of this kind that the chart renders to, by both versions of Helm.
fn rendered(cluster: &Kubernetes, chart: &str, values: &Value, kind: &str) -> Value {
    let [one, other] = MAJORS.map(|major| {
        let text = cluster.helm(major, "chat").render("talk", chart, values);
        let text = text.unwrap_or_else(|refused| panic!("{values}: {refused}"));
        let documents = text.split("\n---\n");
        let documents = documents.map(|one| serde_yaml::from_str::<Value>(one).unwrap());
        let mut found = documents.filter(|one| one["kind"] == kind);
        found.next().unwrap_or_default()
    });
    assert_eq!(one, other);
    one
}

/// Another operator rolls no fleet of the chart: it has a tag, or a digest.
#[test]
fn a_fleet_has_its_image_named() {
    kubernetes::test(async |cluster| {
        for (image, expected) in [
            (json!(null), json!({ "tag": VERSION })),
            (json!({}), json!({ "tag": VERSION })),
            (json!({ "tag": "" }), json!({ "tag": VERSION })),
            (
                json!({ "tag": "", "digest": "", "pullPolicy": "Never" }),
                json!({ "tag": VERSION, "digest": "", "pullPolicy": "Never" }),
            ),
            (json!({ "tag": "1.2.3" }), json!({ "tag": "1.2.3" })),
            (json!({ "digest": DIGEST }), json!({ "digest": DIGEST })),
        ] {
            let mut values = json!({ "spec": { "image": image } });
            if image.is_null() {
                values = json!({});
            }
            let found = rendered(cluster, "carillon-cluster", &values, "RealtimeCluster");
            let mut expected = expected;
            expected["repository"] = json!("carillon/gateway");
            assert_eq!(found["spec"]["image"], expected, "{values}");
        }
    });
}

#[test]
fn what_evictions_leave() {
    kubernetes::test(async |cluster| {
        for (budget, expected) in [
            (json!({}), json!({ "minAvailable": 1 })),
            (
                json!({ "minAvailable": "50%" }),
                json!({ "minAvailable": "50%" }),
            ),
            (
                json!({ "maxUnavailable": 0 }),
                json!({ "maxUnavailable": 0 }),
            ),
            (
                json!({ "maxUnavailable": "50%" }),
                json!({ "maxUnavailable": "50%" }),
            ),
        ] {
            let values = json!({ "podDisruptionBudget": budget });
            let found = rendered(cluster, "carillon", &values, "PodDisruptionBudget");
            let mut spec = found["spec"].clone();
            spec.as_object_mut().unwrap().remove("selector");
            assert_eq!(spec, expected);
        }
    });
}

/// Without `to` a rule is for everywhere; what is asked for is never without DNS and the fleets' pods.
#[test]
fn what_the_operator_may_reach() {
    kubernetes::test(async |cluster| {
        let on = |more: Value| {
            let mut policy = json!({ "enabled": true, "egress": { "enabled": true } });
            for (key, value) in more.as_object().unwrap() {
                policy["egress"][key] = value.clone();
            }
            let values = json!({ "networkPolicy": policy });
            rendered(cluster, "carillon", &values, "NetworkPolicy")["spec"].clone()
        };
        let found = on(json!({}));
        assert_eq!(found["policyTypes"], json!(["Ingress", "Egress"]));
        let ports: Vec<_> = (0..4)
            .map(|rule| found["egress"][rule]["ports"][0]["port"].clone())
            .collect();
        assert_eq!(ports, [53, 443, 80, 9090]);
        let is_bound: Vec<_> = (0..4)
            .map(|rule| found["egress"][rule]["to"].is_array())
            .collect();
        assert_eq!(is_bound, [false, false, false, true]);
        let to = json!([{ "ipBlock": { "cidr": "192.0.2.1/32" } }]);
        let found = on(json!({ "apiServer": { "to": to }, "additional": [{ "to": to }] }));
        assert_eq!(found["egress"][1]["to"], to);
        assert_eq!(found["egress"][4], json!({ "to": to }));
        let ingress = json!({ "networkPolicy": { "enabled": true } });
        let found = rendered(cluster, "carillon", &ingress, "NetworkPolicy");
        assert_eq!(found["spec"]["policyTypes"], json!(["Ingress"]));
        assert!(found["spec"]["egress"].is_null());
    });
}
