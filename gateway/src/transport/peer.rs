//! No sticky sessions: a request that lands on a pod which does not have its session is passed on to the pod that has it.
//!
//! A session id names its owner and carries a MAC, so a made-up one costs no message. A poll or a POST is relayed over a pooled
//! HTTP connection to the owner's peer port, and once more where that breaks; a websocket takes its session along to this pod, or is piped. Every request of the link is sealed with a key of the ring,
//! and is never passed on a second time.
//!
//! [`pipe::begin`] alone decides what an upgrade that lands here does: it begins as a pipe, and where the client says `5`
//! ([`switch`]) the session is moved ([`moving`]) if it can be.

mod body;
mod directory;
mod hang_up;
mod link;
mod moving;
mod pipe;
mod relay;
mod seal;
mod switch;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

pub(super) use self::body::Pieces;
pub use self::directory::{Directory, Found, PeerAddress, Static};
pub(super) use self::hang_up::{HANG_UP, RELEASE, hang_up, release};
use self::link::{Failure, Links};
pub(super) use self::moving::{Left, MOVE, hand_over};
pub(super) use self::pipe::Pipes;
pub(super) use self::seal::{Payload, Seal};
use super::address::{client_address, is_secure};
use super::body::Body;
use super::gate::Gate;
use super::http::{SeatSlot, answer};
use super::settings::Settings;
use crate::clock;
use crate::engine::query::RequestError;
use crate::id::SessionId;

/// The other pods, as a shard reaches them.
pub(super) struct Peers {
    directory: Arc<dyn Directory>,
    links: Arc<Links>,
}

/// A request whose session is elsewhere.
pub(super) struct Landed {
    request: Request<Incoming>,
    sid: SessionId,
    incarnation: u32,
    client: IpAddr,
    secure: bool,
}

/// What the owner answers where the session id names another incarnation than its own.
pub(super) const GONE: StatusCode = StatusCode::GONE;
/// What the owner answers to a request that is not sealed as it should be.
const UNSEALED: StatusCode = StatusCode::UNAUTHORIZED;

impl Peers {
    pub(super) fn new(directory: Arc<dyn Directory>) -> Self {
        Self {
            directory,
            links: Arc::default(),
        }
    }

    /// Where to dial for a session of that incarnation, and whether its lease is live.
    async fn locate(&self, incarnation: u32) -> Result<(SocketAddr, bool), Failure> {
        match self.directory.find(incarnation).await {
            Found::Here(peer) => Ok((peer.address, true)),
            Found::Stale(peer) => Ok((peer.address, false)),
            Found::Gone => Err(Failure::Gone),
        }
    }
}

impl Landed {
    pub(super) fn new(
        request: Request<Incoming>,
        peer: SocketAddr,
        (sid, incarnation): (SessionId, u32),
        settings: &Settings,
    ) -> Self {
        let (headers, trusted) = (request.headers(), &settings.trusted_proxies);
        Self {
            client: client_address(peer.ip(), headers, trusted),
            secure: is_secure(peer.ip(), headers, trusted),
            request,
            sid,
            incarnation,
        }
    }

    /// Has the owner answer.
    pub(super) async fn pass_on(
        self,
        gate: Rc<Gate>,
        settings: Rc<Settings>,
        seat: SeatSlot,
        is_upgrade: bool,
    ) -> Response<Body> {
        let Some(peers) = &gate.peers else {
            return answer::error(RequestError::UnknownSid, is_upgrade);
        };
        let answered = match *self.request.method() {
            _ if is_upgrade => pipe::begin(&gate, peers, &settings, self, &seat).await,
            Method::GET | Method::POST => relay::relay(&gate, peers, &settings, self).await,
            _ => Ok(answer::method_not_allowed()),
        };
        answered.unwrap_or_else(|failure| {
            if matches!(failure, Failure::Gone | Failure::Refused) {
                return answer::error(RequestError::UnknownSid, is_upgrade);
            }
            if let Some(left_out) = gate.peer_log.borrow_mut().admit(clock::now()) {
                tracing::warn!(%failure, left_out, "a request could not be passed on");
            }
            answer::unavailable()
        })
    }

    fn seal(&self, payload: Payload) -> Seal {
        Seal {
            client: self.client,
            secure: self.secure,
            payload,
            exchange: rand::random(),
        }
    }
}

/// Takes a request of the peer port, if a pod that holds our keys has sealed it; else the answer is the error.
pub(super) fn unseal(
    gate: &Gate,
    mut request: Request<Incoming>,
) -> Result<Request<Incoming>, Response<Body>> {
    match Seal::open(&gate.keys, &request, clock::epoch_millis()) {
        Ok(seal) => {
            request.extensions_mut().insert(seal);
            Ok(request)
        }
        Err(refused) => {
            if let Some(left_out) = gate.peer_log.borrow_mut().admit(clock::now()) {
                tracing::warn!(%refused, left_out, "a request on the peer port is refused");
            }
            Err(answer::status(UNSEALED))
        }
    }
}
