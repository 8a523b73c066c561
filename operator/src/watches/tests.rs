use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

const GROUP: &str = "/apis/monitoring.coreos.com/v1";

/// An API server with one PodMonitor, which it knows for as long as `knows` says so; its watches are silent.
fn server(knows: Arc<AtomicBool>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let knows = knows.load(Ordering::Relaxed);
        async move {
            let uri = request.uri();
            if uri.query().is_some_and(|query| query.contains("watch")) {
                std::future::pending::<()>().await;
            }
            let (code, body) = match uri.path().strip_prefix(GROUP) {
                Some(_) if !knows => (404, missing()),
                Some("") => (200, resources()),
                Some(_) => (200, list(&[pod_monitor()])),
                None if uri.path().starts_with("/apis/gateway") => (404, missing()),
                None => (200, list(&[])),
            };
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

fn missing() -> Value {
    json!({ "kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "" })
}

fn resources() -> Value {
    let resource = json!({ "name": "podmonitors", "singularName": "", "namespaced": true, "kind": "PodMonitor", "verbs": [] });
    json!({ "kind": "APIResourceList", "groupVersion": "monitoring.coreos.com/v1", "resources": [resource] })
}

fn list(items: &[Value]) -> Value {
    json!({ "kind": "List", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": items })
}

fn pod_monitor() -> Value {
    let labels = json!({ label::CLUSTER: "game" });
    let metadata = json!({ "namespace": "sim", "name": "game", "uid": "u", "resourceVersion": "1", "labels": labels });
    json!({ "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": metadata })
}

#[tokio::test(start_paused = true)]
async fn an_optional_kind_may_go_and_come_back() {
    let knows = Arc::new(AtomicBool::new(false));
    let watches = Watches {
        client: server(knows.clone()),
        scopes: vec![None],
        caches: Caches::default(),
        triggers: Triggers::default(),
    };
    let mut kinds = watches.caches.kinds.subscribe();
    let children = watches.caches.children.clone();
    let steps = async {
        for known in [true, false, true] {
            knows.store(known, Ordering::Relaxed);
            let reached = kinds.wait_for(|kinds| kinds.contains(&Kind::PodMonitor) == known);
            reached.await.unwrap();
            // What the cache holds follows: nobody is to delete what is gone with its kind.
            let index = &children[&Kind::PodMonitor];
            while index.get("sim", "game").is_some() != known {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        ended = watches.run() => panic!("{ended}"),
        () = steps => {}
    }
}
