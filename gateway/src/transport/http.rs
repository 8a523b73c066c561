//! The client port: one hyper connection, and which answer a request gets.

pub(super) mod answer;
mod handshake;

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::body::Body;
use super::connection::Connection;
use super::forward::{Forwarded, to_shard};
use super::gate::{Gate, Seat};
use super::polling;
use super::settings::Settings;
use super::websocket::handshake as upgrade;
use crate::engine::query::{Query, Request as Asked, RequestError};

const LARGEST_HEAD: usize = 16 * 1024;
/// A client that is slower with its headers than this is cut (slow loris).
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the seat of a connection is until a websocket takes it along.
type SeatSlot = Rc<RefCell<Option<Seat>>>;

/// Serves one connection.
pub(super) async fn serve(gate: Rc<Gate>, stream: TcpStream, peer: SocketAddr, seat: Seat) {
    let slot: SeatSlot = Rc::new(RefCell::new(Some(seat)));
    let kept = slot.clone();
    let service = service_fn(move |request| {
        let (gate, slot) = (gate.clone(), slot.clone());
        async move { Ok::<_, Infallible>(route(gate, request, peer, &slot).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // An error is the client's: it is gone, or what it sent is not HTTP, which hyper has answered.
    connection.await.ok();
    kept.take();
}

/// Answers a request that another shard has forwarded; if nobody waits any more, the request is dropped like a connection.
pub(super) async fn answer_forwarded(gate: Rc<Gate>, forwarded: Forwarded) {
    let Forwarded {
        request,
        peer,
        mut reply,
    } = forwarded;
    let slot = SeatSlot::default();
    let response = tokio::select! {
        response = route(gate, request, peer, &slot) => response,
        () = reply.closed() => return,
    };
    reply.send(response).ok();
}

async fn route(
    gate: Rc<Gate>,
    request: Request<Incoming>,
    peer: SocketAddr,
    slot: &SeatSlot,
) -> Response<Body> {
    let settings = gate.settings();
    if !request.uri().path().starts_with(&settings.path) {
        return match &gate.fallback {
            Some(fallback) => fallback(request).await,
            None => answer::status(http::StatusCode::NOT_FOUND),
        };
    }
    let origin = answer::Origin::of(request.headers());
    let mut response = if request.method() == Method::OPTIONS && !settings.cors.origins.is_empty() {
        answer::preflight(&settings.cors, request.headers())
    } else {
        engine(&gate, &settings, request, peer, slot).await
    };
    origin.answer(&settings.cors, response.headers_mut());
    response
}

/// A request of Engine.IO.
async fn engine(
    gate: &Rc<Gate>,
    settings: &Rc<Settings>,
    request: http::Request<Incoming>,
    peer: SocketAddr,
    slot: &SeatSlot,
) -> Response<Body> {
    let is_upgrade = upgrade::wants_upgrade(request.headers());
    let raw = request.uri().query().unwrap_or_default().to_owned();
    let asked = match Query::parse(&raw).request(
        request.method() == Method::GET,
        is_upgrade,
        settings.transports,
    ) {
        Ok(asked) => asked,
        Err(error) => return answer::error(error, is_upgrade),
    };
    let Asked::Session { sid, .. } = &asked else {
        return handshake::open(gate, settings, request, peer, slot);
    };
    let ours = gate
        .keys
        .session(sid)
        .filter(|(_, tag)| tag.incarnation == gate.keys.incarnation());
    let Some((id, tag)) = ours else {
        return answer::error(RequestError::UnknownSid, is_upgrade);
    };
    if tag.shard != gate.index {
        return match gate.shards.get(usize::from(tag.shard)) {
            Some(shard) => to_shard(shard, request, peer).await,
            None => answer::error(RequestError::UnknownSid, is_upgrade),
        };
    }
    match gate.session(&id) {
        Some(connection) => exchange(&connection, settings, request, &asked, slot).await,
        None => answer::error(RequestError::UnknownSid, is_upgrade),
    }
}

/// A request of a session that is here.
async fn exchange(
    connection: &Rc<Connection>,
    settings: &Settings,
    request: http::Request<Incoming>,
    asked: &Asked<'_>,
    slot: &SeatSlot,
) -> Response<Body> {
    let is_upgrade = upgrade::wants_upgrade(request.headers());
    if let Err(error) = asked.fits(connection.transport(), is_upgrade) {
        return answer::error(error, is_upgrade);
    }
    match *request.method() {
        _ if is_upgrade => handshake::upgrade(connection, settings, request, slot),
        Method::GET => polling::get(connection, settings, request.headers()).await,
        Method::POST => polling::post(connection, request).await,
        _ => answer::method_not_allowed(),
    }
}
