//! Polls and POSTs whose session is on another pod.

use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri};
use tokio::time;

use super::body::{self, Pieces};
use super::hang_up::HangUp;
use super::link::Failure;
use super::seal::{Payload, SEAL, Seal};
use super::{GONE, Landed, Peers, UNSEALED};
use crate::clock;
use crate::id::{KeyRing, SessionId};
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
/// How long a link that breaks is tried again: less than the owner waits for that ([`super::super::polling::BROKEN`]).
const PATIENCE: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(25);
/// A word that came before its poll is said again.
const RELEASED: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// A request that is passed on, as often as it takes.
struct Passed<'a> {
    gate: &'a Gate,
    peers: &'a Peers,
    sid: SessionId,
    incarnation: u32,
    seal: Seal,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pieces: Pieces,
}

/// Has the owner answer a poll or a POST. Where the link breaks it is asked again, by the same number, so that nothing is taken
/// or told twice. If this is dropped, the client has given up, and the owner is told.
pub(super) async fn relay(
    gate: &Rc<Gate>,
    peers: &Peers,
    settings: &Settings,
    landed: Landed,
) -> Result<Response<Body>, Failure> {
    let _relaying = gate.admission.relay();
    let is_post = landed.request.method() == Method::POST;
    let mut seal = landed.seal(Payload::Broken);
    let (head, body) = landed.request.into_parts();
    let (payload, pieces) = if is_post {
        body::read(body, settings.max_payload).await
    } else {
        body::nothing()
    };
    seal.payload = payload;
    let passed = Passed {
        gate,
        peers,
        sid: landed.sid,
        incarnation: landed.incarnation,
        seal,
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        pieces,
    };
    let mut response = passed.until_answered().await?;
    if !matches!(payload, Payload::Whole(_)) {
        // The rest of the client's body is not read.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

impl Passed<'_> {
    async fn until_answered(&self) -> Result<Response<Body>, Failure> {
        let mut word = HangUp::default();
        let answered = self.ask_on(&mut word).await;
        word.disarm();
        answered
    }

    async fn ask_on(&self, word: &mut HangUp) -> Result<Response<Body>, Failure> {
        let (mut pause, mut broken_since): (_, Option<Instant>) = (PAUSE, None);
        loop {
            let (address, is_live) = self.peers.locate(self.incarnation).await?;
            if self.method == Method::GET {
                word.arm(self.gate, self.peers, address, (self.sid, &self.seal));
            }
            let failure = match self.exchange_or_leave(address, word).await {
                Ok(response) => return Ok(response),
                // Its lease has lapsed, and nobody is there.
                Err(Failure::Refused) if !is_live => return Err(Failure::Gone),
                Err(failure @ (Failure::Refused | Failure::Unreachable | Failure::Broken)) => {
                    failure
                }
                Err(failure) => return Err(failure),
            };
            let since = *broken_since.get_or_insert_with(clock::now);
            if clock::now().saturating_duration_since(since) > PATIENCE {
                return Err(failure);
            }
            time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// A pod that goes away has the polls that wait answered first: to a client whose load balancer does not ask again, the end of
    /// this pod would be the end of its session.
    async fn exchange_or_leave(
        &self,
        address: SocketAddr,
        word: &HangUp,
    ) -> Result<Response<Body>, Failure> {
        let mut exchange = pin!(self.exchange(address));
        tokio::select! {
            answered = &mut exchange => return answered,
            () = self.gate.admission.drains() => {}
        }
        loop {
            word.release();
            tokio::select! {
                answered = &mut exchange => return answered,
                () = time::sleep(RELEASED) => {}
            }
        }
    }

    async fn exchange(&self, address: SocketAddr) -> Result<Response<Body>, Failure> {
        let mut request = sealed(&self.gate.keys, &self.seal, self.method.clone(), &self.uri);
        *request.body_mut() = self.pieces.clone();
        copy(&self.headers, request.headers_mut(), &ASKED);
        let sent = async {
            let (head, body) = self.peers.links.send(address, request).await?.into_parts();
            let body = body::read_answer(body).await?;
            answered(Response::from_parts(head, Body::from(body)))
        };
        if self.method != Method::POST {
            return sent.await;
        }
        let answered = time::timeout(POST_TIMEOUT, sent).await;
        answered.map_err(|_| Failure::Slow)?
    }
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
