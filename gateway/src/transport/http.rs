//! The client port: one hyper connection, and which answer a request gets.

pub(super) mod answer;
pub(super) mod handshake;

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::Either;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::body::Body;
use super::connection::Connection;
use super::forward::{Forwarded, to_shard};
use super::gate::{Gate, Port, Seat};
use super::peer::{self, Landed, Seal};
use super::polling::{self, Name};
use super::settings::Settings;
use super::websocket::handshake as upgrade;
use crate::engine::query::{self, Query, Request as Asked, RequestError};
use crate::id::SessionId;

/// A client that is slower with its headers than this is cut (slow loris).
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the seat of a connection is until a websocket takes it along.
pub(super) type SeatSlot = Rc<RefCell<Option<Seat>>>;

/// What answers a request. It is made when the request comes: hyper drops a future unpolled if the client hangs up in the
/// same breath, and even then the session has to learn of it.
enum Answer {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>>>>),
}

impl Answer {
    async fn wait(self) -> Response<Body> {
        match self {
            Self::Now(response) => response,
            Self::Later(response) => response.await,
        }
    }

    fn later(response: impl Future<Output = Response<Body>> + 'static) -> Self {
        Self::Later(Box::pin(response))
    }

    fn error(error: RequestError, is_upgrade: bool) -> Self {
        Self::Now(answer::error(error, is_upgrade))
    }
}

impl Port {
    /// Bytes of a head. What another pod passes on has a seal besides.
    fn largest_head(self) -> usize {
        match self {
            Self::Client => 16 * 1024,
            Self::Peer => 20 * 1024,
        }
    }
}

/// Serves one connection.
pub(super) async fn serve(
    gate: Rc<Gate>,
    stream: TcpStream,
    peer: SocketAddr,
    port: Port,
    seat: Seat,
) {
    let slot: SeatSlot = Rc::new(RefCell::new(Some(seat)));
    let kept = slot.clone();
    let service = service_fn(move |request| {
        let request = match port {
            Port::Client => Ok(request),
            Port::Peer => peer::unseal(&gate, request),
        };
        let response = match request {
            Ok(request) => Either::Left(respond(&gate, request, peer, &slot)),
            Err(refusal) => Either::Right(std::future::ready(refusal)),
        };
        async move { Ok::<_, Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(port.largest_head())
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
    let response = respond(&gate, request, peer, &SeatSlot::default());
    let response = tokio::select! {
        response = response => response,
        () = reply.closed() => return,
    };
    reply.send(response).ok();
}

fn respond(
    gate: &Rc<Gate>,
    request: Request<Incoming>,
    peer: SocketAddr,
    slot: &SeatSlot,
) -> impl Future<Output = Response<Body>> + use<> {
    let settings = gate.settings();
    let is_relayed = request.extensions().get::<Seal>().is_some();
    let is_engine = !is_relayed && request.uri().path().starts_with(&settings.path);
    let origin = is_engine.then(|| answer::Origin::of(request.headers()));
    let between = between_pods(request.uri().path()).filter(|_| is_relayed);
    let answer = if let Some(answer) = between {
        for_session(gate, request, peer, answer)
    } else if is_relayed {
        // Headers for the browser are those of the pod where it landed.
        engine(gate, &settings, request, peer, slot)
    } else if request.version() == Version::HTTP_11 && !request.headers().contains_key(header::HOST)
    {
        Answer::Now(answer::status(StatusCode::BAD_REQUEST))
    } else if origin.is_none() {
        elsewhere(gate, request)
    } else if request.method() == Method::OPTIONS && !settings.cors.origins.is_empty() {
        Answer::Now(answer::preflight(&settings.cors, request.headers()))
    } else {
        engine(gate, &settings, request, peer, slot)
    };
    let gate = gate.clone();
    async move {
        let mut response = answer.wait().await;
        if gate.admission.is_draining()
            && !is_relayed
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            // The next request is to land elsewhere.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        if let Some(origin) = origin {
            origin.answer(&settings.cors, response.headers_mut());
        }
        response
    }
}

/// A request that is not Engine.IO's.
fn elsewhere(gate: &Gate, request: Request<Incoming>) -> Answer {
    match &gate.fallback {
        Some(fallback) => Answer::Later(fallback(request)),
        None => Answer::Now(answer::status(StatusCode::NOT_FOUND)),
    }
}

/// A request of Engine.IO.
fn engine(
    gate: &Rc<Gate>,
    settings: &Rc<Settings>,
    request: Request<Incoming>,
    peer: SocketAddr,
    slot: &SeatSlot,
) -> Answer {
    let is_upgrade = upgrade::wants_upgrade(request.headers());
    let raw = request.uri().query().unwrap_or_default().to_owned();
    let is_get = request.method() == Method::GET;
    let asked = match Query::parse(&raw).request(is_get, is_upgrade, settings.transports) {
        Ok(asked) => asked,
        Err(error) => return Answer::error(error, is_upgrade),
    };
    let is_relayed = request.extensions().get::<Seal>().is_some();
    let Asked::Session { sid, .. } = &asked else {
        return match is_relayed {
            false => Answer::Now(handshake::open(gate, settings, request, peer, slot)),
            true => Answer::error(RequestError::BadRequest, is_upgrade),
        };
    };
    match gate.keys.session(sid) {
        Some((id, tag)) if tag.incarnation != gate.keys.incarnation() => {
            if is_relayed {
                return Answer::Now(answer::status(peer::GONE));
            }
            let landed = Landed::new(request, peer, (id, tag.incarnation), settings);
            let (gate, settings) = (gate.clone(), settings.clone());
            Answer::later(landed.pass_on(gate, settings, slot.clone(), is_upgrade))
        }
        Some((id, tag)) if tag.shard == gate.index => match gate.session(&id) {
            Some(connection) => exchange(&connection, settings, request, &asked, slot),
            // As where it has a websocket here.
            None if gate.left.has(&id) => Answer::error(RequestError::BadRequest, is_upgrade),
            None => Answer::error(RequestError::UnknownSid, is_upgrade),
        },
        Some((_, tag)) => match gate.shards.get(usize::from(tag.shard)) {
            Some(shard) => Answer::later(to_shard(shard, request, peer)),
            None => Answer::error(RequestError::UnknownSid, is_upgrade),
        },
        None => Answer::error(RequestError::UnknownSid, is_upgrade),
    }
}

/// What a pod asks another one about a session: by its id, and what is named in `of`.
type BetweenPods = fn(&Gate, &SessionId, &str) -> Response<Body>;

fn between_pods(path: &str) -> Option<BetweenPods> {
    match path {
        peer::MOVE => Some(peer::hand_over),
        peer::HANG_UP => Some(peer::hang_up),
        peer::RELEASE => Some(peer::release),
        _ => None,
    }
}

fn for_session(
    gate: &Rc<Gate>,
    request: Request<Incoming>,
    peer: SocketAddr,
    ask: BetweenPods,
) -> Answer {
    let named = |name: &str| {
        let mut pairs = query::pairs(request.uri().query().unwrap_or_default());
        let value = pairs.find(|(key, _)| key == name).map(|(_, value)| value);
        value.unwrap_or_default().into_owned()
    };
    let gone = || Answer::Now(answer::status(peer::GONE));
    match gate.keys.session(&named("sid")) {
        Some((_, tag)) if tag.incarnation != gate.keys.incarnation() => gone(),
        Some((id, tag)) if tag.shard == gate.index => Answer::Now(ask(gate, &id, &named("of"))),
        Some((_, tag)) => match gate.shards.get(usize::from(tag.shard)) {
            Some(shard) => Answer::later(to_shard(shard, request, peer)),
            None => gone(),
        },
        None => gone(),
    }
}

/// A request of a session that is here.
fn exchange(
    connection: &Rc<Connection>,
    settings: &Settings,
    request: Request<Incoming>,
    asked: &Asked<'_>,
    slot: &SeatSlot,
) -> Answer {
    let is_upgrade = upgrade::wants_upgrade(request.headers());
    if let Err(error) = asked.fits(connection.transport(), is_upgrade) {
        return Answer::error(error, is_upgrade);
    }
    let name = Name::of(&request, asked.name());
    match *request.method() {
        _ if is_upgrade => Answer::Now(handshake::upgrade(connection, settings, request, slot)),
        Method::GET => match polling::begin(connection, settings, name, &request) {
            Ok(poll) => Answer::later(poll.answer()),
            Err(response) => Answer::Now(response),
        },
        Method::POST => Answer::later(polling::post(connection.clone(), name, request)),
        _ => Answer::Now(answer::method_not_allowed()),
    }
}
