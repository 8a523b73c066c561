use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::http::{Method, Request, Response};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::gate::{Gate, Refused};
use crate::lease::times::Times;

/// A Lease as an API server keeps it, without a watch: an update needs the version that it was decided on.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Option<Value>>>);

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                if request
                    .uri()
                    .query()
                    .is_some_and(|query| query.contains("fieldSelector"))
                {
                    pending::<()>().await;
                }
                let method = request.method().clone();
                let body = request.into_body().collect_bytes().await.unwrap();
                let (code, body) = server.answer(&method, &body);
                let body = Body::from(body.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &Method, body: &[u8]) -> (u16, Value) {
        let mut kept = self.0.lock().unwrap();
        let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
        if method != Method::GET {
            let mut lease: Value = serde_json::from_slice(body).unwrap();
            let known = kept.as_ref().map(version).unwrap_or_default();
            if version(&lease) != known {
                return (409, status(409));
            }
            let next = known
                .as_str()
                .map_or(1, |known| known.parse::<u64>().unwrap() + 1);
            lease["metadata"]["resourceVersion"] = next.to_string().into();
            *kept = Some(lease);
        }
        kept.clone()
            .map_or((404, status(404)), |lease| (200, lease))
    }

    fn holder(&self) -> Option<String> {
        let kept = self.0.lock().unwrap();
        let holder = kept.as_ref()?["spec"]["holderIdentity"].as_str()?;
        Some(holder.to_owned())
    }

    fn candidate(&self, identity: &str) -> Candidate {
        Candidate {
            leases: Api::namespaced(self.client(), "default"),
            name: "l".to_owned(),
            owner: None,
            identity: identity.to_owned(),
            times: Times::default(),
            gate: Arc::new(Gate::default()),
        }
    }
}

fn status(code: u16) -> Value {
    let reason = if code == 404 { "NotFound" } else { "Conflict" };
    json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason })
}

#[tokio::test]
async fn the_lease_is_given_back_when_the_work_has_ended() {
    let server = Server::default();
    for identity in ["one", "other"] {
        let candidate = server.candidate(identity);
        let gate = candidate.gate.clone();
        let (ask, stop) = Stop::by_hand();
        let (began, mut begins) = mpsc::channel(1);
        let (during, until) = (server.clone(), stop.clone());
        let work = move || async move {
            began.send(()).await.unwrap();
            until.asked().await;
            // It is still the leader while it ends.
            assert_eq!(during.holder().as_deref(), Some(identity));
        };
        let competing = compete(candidate, work, stop);
        let asking = async {
            begins.recv().await.unwrap();
            ask.send_replace(true);
        };
        let (ended, ()) = tokio::join!(competing, asking);
        ended.unwrap();
        assert_eq!(server.holder().as_deref(), Some(""));
        assert_eq!(gate.check(crate::clock::monotonic()), Err(Refused::Shut));
    }
}

#[tokio::test]
async fn work_that_ends_by_itself_keeps_the_lease_from_others_until_it_expires() {
    let server = Server::default();
    let candidate = server.candidate("one");
    let gate = candidate.gate.clone();
    let (_ask, stop) = Stop::by_hand();
    let ended = compete(candidate, || async { panic!("a defect") }, stop).await;
    let ended = ended.unwrap_err();
    assert_eq!(ended.label(), "Defect", "{ended}");
    assert_eq!(server.holder().as_deref(), Some("one"));
    assert_eq!(gate.check(crate::clock::monotonic()), Err(Refused::Shut));
}

#[tokio::test]
async fn a_standby_ends_at_once_and_takes_nothing() {
    let server = Server::default();
    let other = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "l" },
        "spec": { "holderIdentity": "other", "leaseDurationSeconds": 15 },
    });
    server.answer(&Method::POST, other.to_string().as_bytes());
    let (ask, stop) = Stop::by_hand();
    ask.send_replace(true);
    let work = || async { unreachable!("it does not lead") };
    compete(server.candidate("one"), work, stop).await.unwrap();
    assert_eq!(server.holder().as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_given_up() {
    let (elected, leads) = oneshot::channel();
    elected.send(()).unwrap();
    let (ask, stop) = Stop::by_hand();
    let work = move || async move {
        ask.send_replace(true);
        pending::<()>().await;
    };
    let ended = lead(leads, work, stop).await.unwrap_err();
    assert_eq!(ended.label(), "Unfinished", "{ended}");
}
