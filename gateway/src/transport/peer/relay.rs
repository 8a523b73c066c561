//! Polls and POSTs whose session is on another pod.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri};
use tokio::time;

use super::body::{self, Pieces};
use super::link::Failure;
use super::seal::{Payload, SEAL, Seal};
use super::{GONE, Landed, Peers, UNSEALED};
use crate::clock;
use crate::id::KeyRing;
use crate::transport::body::Body;
use crate::transport::gate::Gate;
use crate::transport::settings::Settings;

/// What the owner needs of a request. Cookies and `Authorization` never leave the pod.
const ASKED: [HeaderName; 2] = [header::ACCEPT_ENCODING, header::CONTENT_TYPE];
/// What the client needs of an answer, beside what every answer of this pod has.
const ANSWERED: [HeaderName; 3] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::ALLOW,
];
/// A POST is answered as soon as its packets are taken. Longer than a pod may be suspended without losing its sessions.
const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// Has the owner answer a poll or a POST. Dropping this closes the link, as a client that gives up closes its connection.
pub(super) async fn relay(
    gate: &Gate,
    peers: &Peers,
    settings: &Settings,
    landed: Landed,
) -> Result<Response<Body>, Failure> {
    let address = peers.locate(landed.incarnation).await?;
    let Landed {
        request,
        client,
        secure,
        ..
    } = landed;
    let (head, body) = request.into_parts();
    let is_post = head.method == Method::POST;
    let (payload, pieces) = if is_post {
        body::read(body, settings.max_payload).await
    } else {
        body::nothing()
    };
    let seal = Seal {
        client,
        secure,
        payload,
    };
    let mut request = sealed(&gate.keys, &seal, head.method, &head.uri);
    *request.body_mut() = pieces;
    copy(&head.headers, request.headers_mut(), &ASKED);
    let sent = peers.links.send(address, request);
    let response = if is_post {
        time::timeout(POST_TIMEOUT, sent)
            .await
            .map_err(|_| Failure::Slow)??
    } else {
        sent.await?
    };
    let mut response = answered(response.map(Body::from))?;
    if !matches!(payload, Payload::Whole(_)) {
        // The rest of the client's body is not read.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

/// A request for the owner, without a body and with no header but its seal.
pub(super) fn sealed(keys: &KeyRing, seal: &Seal, method: Method, uri: &Uri) -> Request<Pieces> {
    let uri = relative(uri);
    let seal = seal.sign(keys, &method, &uri, clock::epoch_millis());
    let mut request = Request::new(Pieces::default());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("peer"));
    headers.insert(SEAL, seal);
    request
}

/// What the client gets of an answer of the owner.
pub(super) fn answered(from: Response<Body>) -> Result<Response<Body>, Failure> {
    let (head, body) = from.into_parts();
    match head.status {
        GONE => return Err(Failure::Gone),
        UNSEALED => return Err(Failure::Unsealed),
        _ => {}
    }
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    copy(&head.headers, response.headers_mut(), &ANSWERED);
    Ok(response)
}

pub(super) fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}

/// A client may name scheme and host too; the link takes path and query.
fn relative(uri: &Uri) -> Uri {
    let target = uri.path_and_query().cloned();
    target.map_or_else(Uri::default, Uri::from)
}
