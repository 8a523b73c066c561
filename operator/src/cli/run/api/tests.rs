use std::convert::Infallible;

use axum::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// An API server that gives one answer.
fn server(code: u16, body: Value) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        assert_eq!(request.uri().path(), "/apis/carillon.dev/v1alpha1");
        let body = Body::from(body.to_string().into_bytes());
        async move { Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap()) }
    });
    Client::new(service, "default")
}

fn list(kinds: &[&str]) -> Value {
    let resources: Vec<_> = kinds
        .iter()
        .map(|kind| json!({ "name": "x", "singularName": "", "namespaced": true, "kind": kind, "verbs": [] }))
        .collect();
    json!({ "kind": "APIResourceList", "groupVersion": "carillon.dev/v1alpha1", "resources": resources })
}

fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "status": "Failure", "code": code, "message": message, "reason": "Reason" })
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let missing = "the API server does not know RealtimeCluster of carillon.dev/v1alpha1: apply";
    for (code, body, expected) in [
        (200, list(&["RealtimeCluster"]), None),
        (200, list(&["Other"]), Some(missing)),
        (404, status(404, "not found"), Some(missing)),
        (
            401,
            status(401, "Unauthorized"),
            Some("the API server refuses this process: 401 Unauthorized"),
        ),
    ] {
        let said = ask(&server(code, body)).await.err();
        match (&said, expected) {
            (Some(said), Some(expected)) => assert!(said.starts_with(expected), "{said}"),
            (said, expected) => assert_eq!(said.as_deref(), expected),
        }
    }
}

/// Nothing listens there: the cause is told, not only that there was one.
#[tokio::test]
async fn an_api_server_that_is_not_there_is_named() {
    super::super::provide_tls();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    let said = ask(&Client::try_from(config).unwrap()).await.unwrap_err();
    assert!(
        said.starts_with("the API server cannot be reached: "),
        "{said}"
    );
    assert!(said.to_lowercase().contains("refused"), "{said}");
}
