//! Error branches of the requests, against a server that answers by a script.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Mutex;

use axum::http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// What the server does with one request that is no watch.
enum Answer {
    Lease { version: u64, holder: &'static str },
    Status(u16),
}

/// Answers in turn; a watch is silent.
fn client(script: Vec<Answer>, log: Arc<Mutex<Vec<String>>>) -> Client {
    let script = Arc::new(Mutex::new(VecDeque::from(script)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (script, log) = (script.clone(), log.clone());
        async move {
            let watched = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("fieldSelector"));
            if watched {
                std::future::pending::<()>().await;
            }
            let method = request.method().clone();
            log.lock().unwrap().push(method.to_string());
            let next = script.lock().unwrap().pop_front();
            let answer = next.unwrap_or(Answer::Status(500));
            let (code, body) = match answer {
                Answer::Lease { version, holder } => (
                    if method == Method::POST { 201 } else { 200 },
                    lease(version, holder),
                ),
                Answer::Status(code) => (
                    code,
                    json!({ "kind": "Status", "status": "Failure", "code": code, "reason": if code == 404 { "NotFound" } else { "Conflict" } }),
                ),
            };
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

fn lease(version: u64, holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "l", "uid": "u", "resourceVersion": version.to_string() },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15 },
    })
}

async fn run(script: Vec<Answer>) -> (String, Vec<String>, Arc<Gate>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let gate = Arc::new(Gate::default());
    let candidate = Candidate {
        leases: Api::namespaced(client(script, log.clone()), "default"),
        name: "l".to_owned(),
        owner: None,
        identity: "me".to_owned(),
        times: Times::default(),
        gate: gate.clone(),
    };
    let (elected, led) = oneshot::channel();
    let end = candidate.run(elected, async move {
        let _gone = led.await;
    });
    let end = match end.await {
        Ok(()) => "released".to_owned(),
        Err(lost) => lost.to_string(),
    };
    let log = log.lock().unwrap().clone();
    (end, log, gate)
}

#[tokio::test]
async fn elected_on_a_free_lease_and_released() {
    let (end, log, gate) = run(vec![
        Answer::Lease {
            version: 1,
            holder: "",
        },
        Answer::Lease {
            version: 2,
            holder: "me",
        },
        Answer::Lease {
            version: 3,
            holder: "",
        },
    ])
    .await;
    assert_eq!(
        (end.as_str(), log.join(" ")),
        ("released", "GET PUT PUT".to_owned())
    );
    assert!(gate.check(monotonic()).is_err());
}

#[tokio::test]
async fn a_refused_takeover_is_decided_anew() {
    let (end, log, _) = run(vec![
        Answer::Status(404),
        Answer::Status(409),
        Answer::Lease {
            version: 5,
            holder: "",
        },
        Answer::Lease {
            version: 6,
            holder: "me",
        },
        Answer::Lease {
            version: 7,
            holder: "",
        },
    ])
    .await;
    assert_eq!(
        (end.as_str(), log.join(" ")),
        ("released", "GET POST GET PUT PUT".to_owned())
    );
}
