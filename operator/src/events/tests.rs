//! Against a server that answers by a script.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use serde_json::{Value, json};

use super::*;
use crate::gate::{Gate, GateLayer};

/// Method, path and body of each request.
type Log = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A recorder of a server that answers everything with this code, behind a gate.
fn recorder(code: u16, gate: &Arc<Gate>) -> (Recorder, Log) {
    let log = Log::default();
    let seen = log.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let seen = seen.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
            let answer = match code {
                200 | 201 => body.clone(),
                _ => {
                    json!({ "kind": "Status", "status": "Failure", "code": code, "message": "no" })
                }
            };
            seen.lock().unwrap().push((method, path, body));
            let answer = Body::from(answer.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(code).body(answer).unwrap())
        }
    });
    let layer = GateLayer {
        gate: gate.clone(),
        timeout: Duration::from_secs(4),
    };
    let client: Client = ClientBuilder::new(service, "default")
        .with_layer(&layer)
        .build();
    (Recorder::new(client, "operator-0".to_owned()), log)
}

fn open() -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    gate.open_until(monotonic() + Duration::from_secs(600));
    gate
}

fn cluster(uid: &str) -> RealtimeCluster {
    let spec = json!({ "namespaces": [{ "name": "/" }] });
    let mut cluster = RealtimeCluster::new("game", serde_json::from_value(spec).unwrap());
    cluster.metadata.namespace = Some("sim".to_owned());
    cluster.metadata.uid = Some(uid.to_owned());
    cluster
}

#[tokio::test]
async fn an_event_names_its_object_and_comes_again_in_a_series() {
    let (recorder, log) = recorder(201, &open());
    let resized = |count| Event::normal("SuccessfulRescale", format!("New size: {count}"));
    for count in [6, 6, 8] {
        recorder
            .record(&cluster("u"), &resized(count))
            .await
            .unwrap();
    }
    let long = Event::warning("InvalidSpec", "ä".repeat(2_000));
    recorder.record(&cluster("u"), &long).await.unwrap();

    let log = log.lock().unwrap();
    let methods: Vec<_> = log.iter().map(|(method, ..)| method.as_str()).collect();
    assert_eq!(methods, ["POST", "PATCH", "POST", "POST"]);
    let (_, path, first) = &log[0];
    assert_eq!(path, "/apis/events.k8s.io/v1/namespaces/sim/events");
    assert_eq!(first["regarding"]["kind"], "RealtimeCluster");
    assert_eq!(first["regarding"]["uid"], "u");
    assert_eq!(first["reportingController"], "carillon-operator");
    assert_eq!(first["reportingInstance"], "operator-0");
    assert_eq!(
        (&first["type"], &first["note"]),
        (&json!("Normal"), &json!("New size: 6"))
    );
    assert_eq!(log[1].2["series"]["count"], 2);
    assert_eq!(log[2].2["note"], "New size: 8");
    assert_eq!(log[3].2["type"], "Warning");
    let note = log[3].2["note"].as_str().unwrap();
    assert!(note.len() <= 1_024 && note.ends_with('…'), "{}", note.len());
    for (_, _, body) in log.iter() {
        assert!(body["action"].as_str().unwrap().len() <= 128);
    }
}

#[tokio::test]
async fn a_flood_ends_in_the_log() {
    let (recorder, log) = recorder(201, &open());
    for count in 0..100 {
        let event = Event::normal("RulesApplied", count.to_string());
        recorder.record(&cluster("loud"), &event).await.unwrap();
    }
    let quiet = Event::normal("RulesApplied", "once");
    recorder.record(&cluster("quiet"), &quiet).await.unwrap();
    assert_eq!(log.lock().unwrap().len(), 26);
}

#[tokio::test]
async fn what_was_not_written_is_told() {
    let event = Event::normal("RulesApplied", "2 pods");
    for (code, gate, expected, requests) in [
        (403, open(), "forbidden", 1),
        (500, open(), "api", 1),
        (201, Arc::new(Gate::default()), "gate", 0),
    ] {
        let (recorder, log) = recorder(code, &gate);
        let failure = recorder.record(&cluster("u"), &event).await.unwrap_err();
        assert_eq!(failure.label(), expected);
        assert_eq!(log.lock().unwrap().len(), requests, "{expected}");
    }
}
