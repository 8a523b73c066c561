//! The smallest object, and the rules in an object.

use serde_json::{Value, json};

use super::*;

fn cluster(spec: &str) -> RealtimeCluster {
    let spec: Value = serde_yaml::from_str(spec).expect("YAML");
    serde_json::from_value(json!({
        "apiVersion": "carillon.dev/v1alpha1",
        "kind": "RealtimeCluster",
        "metadata": { "name": "game", "namespace": "sim" },
        "spec": spec,
    }))
    .expect("an object")
}

#[test]
fn the_smallest_object_has_the_defaults() {
    let RealtimeClusterSpec {
        image,
        replicas,
        autoscaling,
        redis,
        drain,
        rollout,
        exposure,
        paused,
        pod_template,
        ..
    } = cluster("namespaces: [{ name: / }]").spec;
    assert_eq!(image.repository, "carillon/gateway");
    assert_eq!((replicas, autoscaling), (None, None));
    assert_eq!(redis.mode, RedisMode::Memory);
    assert_eq!(drain.reconnects_per_second, 200);
    assert_eq!(drain.timeout.to_string(), "9m");
    assert_eq!(rollout.progress_deadline.to_string(), "15m");
    assert_eq!(exposure.kind, ExposureType::None);
    assert!(!paused && pod_template.is_empty());
}

#[test]
fn rules_come_out_as_pods_read_them() {
    let spec = cluster(
        "
        upstreams: [{ name: app, url: 'http://app/', secret: { secretKeyRef: { name: app, key: hook } } }]
        apiKeys: [{ name: k, secret: { secretKeyRef: { name: api, key: key } }, namespaces: ['*'], can: [emit] }]
        redis: { mode: streams, url: { secretKeyRef: { name: redis, key: url } }, tls: { ca: { secretKeyRef: { name: redis, key: ca } } } }
        namespaces: [{ name: /, pattern: '', events: [{ name: e, args: [{ secretKeyRef: { name: no, key: secret } }] }] }]",
    )
    .spec;
    let rules = Rules::from(&spec.document().expect("rules"));
    assert_eq!(
        rules.json,
        concat!(
            r#"{"apiKeys":[{"can":["emit"],"name":"k","namespaces":["*"],"secret":{"file":"/etc/carillon/secrets/api/key"}}],"#,
            r#""namespaces":[{"events":[{"args":[{"secretKeyRef":{"key":"secret","name":"no"}}],"name":"e"}],"name":"/"}],"#,
            r#""upstreams":[{"name":"app","secret":{"file":"/etc/carillon/secrets/app/hook"},"url":"http://app/"}]}"#
        )
    );
    assert_eq!(rules.hash.len(), 64);
    let mounted = spec.mounted_secrets().expect("secrets");
    let paths: Vec<_> = mounted.iter().map(|secret| secret.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/etc/carillon/secrets/api/key",
            "/etc/carillon/secrets/app/hook",
            "/etc/carillon/secrets/redis/ca",
            "/etc/carillon/secrets/redis/url",
        ]
    );
}

#[test]
fn faults_of_rules_are_told_with_their_path() {
    let spec = cluster("namespaces: [{ name: /, evnts: [] }, { pattern: 5 }]").spec;
    let faults = spec.document().expect_err("faulty").to_string();
    assert!(
        faults.starts_with("namespaces[0].evnts: []: unknown key"),
        "{faults}"
    );
    assert!(
        faults.contains("namespaces[1].pattern: 5: expected a text"),
        "{faults}"
    );
}
