//! Annotations of pods, on pods that go and come meanwhile.

use carillon_operator::apply::pods::annotate;
use carillon_operator::cache::pod::Pod;
use carillon_tests::kubernetes::{self, until};
use serde_json::{Value, json};

use super::scene::{DEADLINE, Scene};

/// A pod of the fleet that nobody schedules: it goes at once when it is deleted.
fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "game-0", "labels": { "carillon.dev/cluster": "game" } },
        "spec": {
            "schedulerName": "nobody",
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "gateway", "image": "localhost/pause:1",
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}

impl Scene<'_> {
    /// The pod as the cache has it, once that is another than `than`.
    async fn pod(&self, than: &str) -> Pod {
        let seen = async || {
            let pod = self.caches.pods.get(self.namespace.name(), "game-0");
            pod.filter(|pod| pod.uid != than)
                .ok_or_else(|| "no pod".to_owned())
        };
        let (pod, _) = until("the cache has the pod", DEADLINE, seen).await;
        Pod::clone(&pod)
    }

    async fn annotate(&self, pod: &Pod, key: &str, value: Option<&str>) {
        annotate(&self.client, &self.caches.pods, pod, key, value)
            .await
            .unwrap();
    }

    fn annotations(&self) -> Value {
        self.namespace.get(&["pod", "game-0"])["metadata"]["annotations"].clone()
    }
}

#[test]
fn annotations_do_not_remove_one_another() {
    kubernetes::test(async |cluster| {
        let scene = Scene::start(cluster, "annotate").await;
        scene.namespace.apply(&pod().to_string());
        let pod = scene.pod("").await;
        scene.annotate(&pod, "carillon.dev/one", Some("1")).await;
        scene.annotate(&pod, "carillon.dev/two", Some("2")).await;
        let found = scene.annotations();
        assert_eq!(
            (&found["carillon.dev/one"], &found["carillon.dev/two"]),
            (&json!("1"), &json!("2"))
        );
        scene.annotate(&pod, "carillon.dev/one", None).await;
        let found = scene.annotations();
        assert_eq!(
            (found.get("carillon.dev/one"), &found["carillon.dev/two"]),
            (None, &json!("2"))
        );
    });
}

#[test]
fn a_pod_that_has_gone_is_no_failure() {
    kubernetes::test(async |cluster| {
        let scene = Scene::start(cluster, "gone").await;
        scene.namespace.apply(&pod().to_string());
        let first = scene.pod("").await;
        scene.namespace.kubectl(&["delete", "pod", "game-0"]);
        let audit = cluster.audit();
        scene.annotate(&first, "carillon.dev/one", Some("1")).await;
        scene.namespace.apply(&pod().to_string());
        let second = scene.pod(&first.uid).await;
        // Of the same name, but not the one that is meant.
        scene.annotate(&first, "carillon.dev/one", Some("1")).await;
        let codes: Vec<_> = scene
            .writes(&audit)
            .iter()
            .map(|request| request.code)
            .collect();
        assert_eq!(codes[0], 404);
        assert!(matches!(codes[1..], [409 | 422]), "{codes:?}");
        assert_eq!(scene.annotations().get("carillon.dev/one"), None);
        assert_eq!(scene.pod("").await.uid, second.uid);
    });
}
