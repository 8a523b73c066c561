//! New sessions, and websockets for sessions that exist.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::task;

use super::SeatSlot;
use super::answer;
use crate::clock;
use crate::engine::packet::Open;
use crate::engine::query::{self, RequestError};
use crate::hub::{Handshake, Link};
use crate::socket::frame;
use crate::transport::Body;
use crate::transport::address::{client_address, is_secure};
use crate::transport::admission::Permit;
use crate::transport::connection::Connection;
use crate::transport::gate::Gate;
use crate::transport::peer::Seal;
use crate::transport::settings::Settings;
use crate::transport::websocket::{self, Stream, handshake};

/// What a handshake brings, once it is admitted.
struct Admitted {
    handshake: Handshake,
    permit: Permit,
}

/// Opens a session, by either transport.
pub(super) fn open(
    gate: &Rc<Gate>,
    settings: &Rc<Settings>,
    request: Request<Incoming>,
    peer: SocketAddr,
    slot: &SeatSlot,
) -> Response<Body> {
    let is_upgrade = handshake::wants_upgrade(request.headers());
    if is_upgrade && !settings.cors.admits_websocket(request.headers()) {
        gate.metrics.handshake_refused("origin");
        return answer::error(RequestError::Forbidden, is_upgrade);
    }
    let admitted = match admit(gate, settings, &request, peer) {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    if is_upgrade {
        open_websocket(gate, settings, request, admitted, slot)
    } else {
        open_polling(gate, settings, admitted)
    }
}

fn admit(
    gate: &Gate,
    settings: &Settings,
    request: &Request<Incoming>,
    peer: SocketAddr,
) -> Result<Admitted, Response<Body>> {
    let headers = request.headers();
    let address = client_address(peer.ip(), headers, &settings.trusted_proxies);
    let permit = gate
        .admission
        .admit(address, &settings.admission, clock::now())
        .map_err(|refused| {
            gate.metrics.handshake_refused(refused.label());
            answer::unavailable()
        })?;
    let handshake = Handshake {
        url: request.uri().path().into(),
        address: address.to_string(),
        issued: clock::epoch_millis(),
        secure: is_secure(peer.ip(), headers, &settings.trusted_proxies),
        xdomain: headers.contains_key(header::ORIGIN),
        headers: kept_headers(gate, headers),
        query: kept_query(gate, request.uri().query().unwrap_or_default()),
    };
    Ok(Admitted { handshake, permit })
}

fn kept_headers(gate: &Gate, headers: &HeaderMap) -> Vec<(Rc<str>, Rc<str>)> {
    let kept =
        |name: &str| matches!(name, "user-agent" | "origin") || gate.upper.keeps_header(name);
    let wanted = headers.iter().filter(|(name, _)| kept(name.as_str()));
    wanted
        .filter_map(|(name, value)| {
            Some((
                gate.intern(name.as_str()),
                gate.intern(value.to_str().ok()?),
            ))
        })
        .collect()
}

fn kept_query(gate: &Gate, query: &str) -> Vec<(String, String)> {
    let wanted = query::pairs(query).filter(|(name, _)| gate.upper.keeps_query(name));
    wanted
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn open_polling(gate: &Rc<Gate>, settings: &Settings, admitted: Admitted) -> Response<Body> {
    let Admitted { handshake, permit } = admitted;
    let connection = Connection::open(
        gate,
        settings,
        Link::Poll(None),
        handshake,
        permit,
        clock::now(),
    );
    answer::payload(opening(
        &connection,
        settings,
        settings.transports.websocket,
    ))
}

fn open_websocket(
    gate: &Rc<Gate>,
    settings: &Rc<Settings>,
    mut request: Request<Incoming>,
    admitted: Admitted,
    slot: &SeatSlot,
) -> Response<Body> {
    let (response, upgraded) = match accept(&mut request) {
        Ok(accepted) => accepted,
        Err(response) => return response,
    };
    let (gate, settings, seat) = (gate.clone(), settings.clone(), slot.take());
    task::spawn_local(async move {
        let Some(stream) = stream(upgraded, seat.is_none()).await else {
            return;
        };
        let Admitted { handshake, permit } = admitted;
        let link = Link::Stream(stream.writer.clone());
        let connection = Connection::open(&gate, &settings, link, handshake, permit, clock::now());
        let open = opening(&connection, &settings, false);
        connection.send(|out| frame::text(out, &[&open]));
        // A task of its own, so that the future of the handshake is freed.
        task::spawn_local(websocket::session::carry(connection, stream, seat));
    });
    response
}

/// Puts a websocket beside the polls of a session.
pub(super) fn upgrade(
    connection: &Rc<Connection>,
    settings: &Settings,
    mut request: Request<Incoming>,
    slot: &SeatSlot,
) -> Response<Body> {
    // Where it landed, the origin was seen.
    let is_relayed = request.extensions().get::<Seal>().is_some();
    if !is_relayed && !settings.cors.admits_websocket(request.headers()) {
        return answer::error(RequestError::Forbidden, true);
    }
    let (response, upgraded) = match accept(&mut request) {
        Ok(accepted) => accepted,
        Err(response) => return response,
    };
    if !connection.begin_upgrade(clock::now()) {
        return answer::error(RequestError::BadRequest, true);
    }
    let (connection, seat) = (connection.clone(), slot.take());
    task::spawn_local(async move {
        match stream(upgraded, seat.is_none()).await {
            Some(stream) => {
                task::spawn_local(websocket::session::upgrade(connection, stream, seat));
            }
            None => connection.abandon_upgrade("gone"),
        }
    });
    response
}

/// The answer that opens a websocket, and the connection that it then is; or the refusal.
pub(in crate::transport) fn accept(
    request: &mut Request<Incoming>,
) -> Result<(Response<Body>, OnUpgrade), Response<Body>> {
    let accept = handshake::check(request.method(), request.version(), request.headers()).map_err(
        |refusal| {
            let mut response = answer::text(refusal.status(), "text/plain", refusal.to_string());
            if let Some((name, value)) = refusal.header() {
                response
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            }
            response
        },
    )?;
    let upgraded = hyper::upgrade::on(request);
    let mut response = answer::status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept = HeaderValue::try_from(accept.0).expect("base64 is a header value");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok((response, upgraded))
}

/// The upgraded connection. One that was forwarded has no seat here, and another thread's reactor.
async fn stream(upgraded: OnUpgrade, is_foreign: bool) -> Option<Stream> {
    Stream::take(upgraded.await.ok()?, is_foreign)
}

/// The open packet.
fn opening(connection: &Connection, settings: &Settings, may_upgrade: bool) -> String {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let open = Open {
        sid: connection.id.as_str(),
        may_upgrade,
        ping_interval: millis(settings.ping_interval),
        ping_timeout: millis(settings.ping_timeout),
        max_payload: settings.max_payload as u64,
    };
    open.text()
}
