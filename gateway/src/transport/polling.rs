//! Long polling: a GET waits for packets, a POST brings them.

mod compress;
mod exchanges;

use std::cell::RefCell;
use std::future;
use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::{task, time};

use self::compress::Compression;
pub(super) use self::exchanges::{Exchanges, Name};
use self::exchanges::{Handed, Hash256, Waiting};
use super::body::{Body, Mark};
use super::connection::{Connection, End};
use super::http::answer;
use super::peer::{Payload, Seal};
use super::settings::Settings;
use crate::clock;
use crate::engine::payload;
use crate::engine::session::{Carrier, Reason};
use crate::hub::{Batch, Link};
use crate::socket::frame::{Frames, Opcode};

/// A body that takes longer than this is not waited for: heartbeats could not come meanwhile either.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A poll that another pod passes on and whose link broke comes again within this time, or its client is gone.
pub(super) const BROKEN: Duration = Duration::from_secs(8);

/// A GET that waits for packets. A client that gives it up is gone.
pub(super) struct Poll {
    connection: Option<Rc<Connection>>,
    waiting: Rc<Waiting>,
    compression: Compression,
}

/// Begins to answer a GET, or refuses it.
pub(super) fn begin(
    connection: &Rc<Connection>,
    settings: &Settings,
    name: Name,
    request: &Request<Incoming>,
) -> Result<Poll, Response<Body>> {
    let (hub, exchanges) = (&connection.gate.hub, &connection.exchanges);
    let compression = Compression::of(settings.compress_from, request.headers());
    match connection.carrier() {
        Carrier::Polling => {}
        Carrier::Lingering { .. } => {
            let batch = connection.last_batches();
            let refused = || answer::status(StatusCode::BAD_REQUEST);
            return Err(
                batch.map_or_else(refused, |batch| reply(connection, name, batch, compression))
            );
        }
        Carrier::Websocket | Carrier::Closed => return Err(answer::bad_request()),
    }
    connection.listening(true);
    if let Some(handed) = exchanges.again(name) {
        return Err(tell(connection, handed, name.is_relayed()));
    }
    let before = exchanges.go_on(name);
    if before.is_none() && hub.is_polled(&connection.client) {
        // The first poll is told of the end, as Node does it.
        connection.close(End::of(Reason::TransportError));
        return Err(answer::status(StatusCode::BAD_REQUEST));
    }
    let batch = before.unwrap_or_else(|| {
        let (tell, batch) = oneshot::channel();
        hub.set_link(&connection.client, Link::Poll(Some(tell)));
        batch
    });
    if connection.is_upgrading() {
        connection.release_poll();
    }
    Ok(Poll {
        connection: Some(connection.clone()),
        waiting: exchanges.wait(name, batch),
        compression,
    })
}

impl Poll {
    /// What waits, or what comes next.
    pub(super) async fn answer(mut self) -> Response<Body> {
        let batch = future::poll_fn(|context| self.waiting.poll(context)).await;
        match (self.connection.take(), batch) {
            (Some(connection), Some(batch)) => {
                reply(&connection, self.waiting.name(), batch, self.compression)
            }
            _ => answer::status(StatusCode::BAD_REQUEST),
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let waiting = self.waiting.clone();
        if waiting.is_left() || connection.carrier() != Carrier::Polling || !waiting.breaks() {
            return give_up(&connection, &waiting);
        }
        connection.listening(false);
        task::spawn_local(async move {
            time::sleep(BROKEN).await;
            give_up(&connection, &waiting);
        });
    }
}

/// Nobody listens to a poll any more, unless it has come again.
fn give_up(connection: &Connection, waiting: &Waiting) {
    let Some(mut batch) = waiting.leave() else {
        return;
    };
    // An answer may have come that nobody has looked at.
    if let Ok(batch) = batch.try_recv() {
        connection.gate.hub.settle(batch, false);
    }
    if connection.carrier() != Carrier::Websocket {
        connection.close(End::gone(Reason::TransportError));
    }
}

/// The payload of a batch; what another pod passes on is kept until the client is known to have it.
fn reply(
    connection: &Connection,
    name: Name,
    mut batch: Batch,
    compression: Compression,
) -> Response<Body> {
    let (payload, encoding) = compression.pack(encode(&batch.frames));
    batch.frames = Vec::new();
    let handed = Handed {
        name,
        is_retold: false,
        payload: payload.into(),
        encoding,
        batch: Rc::new(RefCell::new(Some(batch))),
        written: Mark::default(),
    };
    let is_kept = name.is_relayed() && connection.is_open();
    if is_kept {
        connection.exchanges.hand(handed.clone());
    }
    tell(connection, handed, is_kept)
}

/// Answers a poll; the messages are settled when it is written, or, if it is not kept, cannot be.
fn tell(connection: &Connection, handed: Handed, is_kept: bool) -> Response<Body> {
    let Handed {
        payload,
        encoding,
        batch,
        written,
        ..
    } = handed;
    let (body, written) = Body::reported(payload, written);
    let hub = connection.gate.hub.clone();
    task::spawn_local(async move {
        let written = written.await.unwrap_or(false);
        if (written || !is_kept)
            && let Some(batch) = batch.take()
        {
            hub.settle(batch, written);
        }
    });
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Frames as a polling payload.
fn encode(frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len());
    for frame in Frames::new(frames) {
        match frame.opcode {
            Opcode::Text => payload::push_text(&mut out, frame.payload),
            Opcode::Binary => payload::push_binary(&mut out, frame.payload),
            Opcode::Close | Opcode::Ping | Opcode::Pong => {}
        }
    }
    out
}

/// Answers a POST: takes its packets.
pub(super) async fn post(
    connection: Rc<Connection>,
    name: Name,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(_posting) = connection.exchanges.begin_post(name) else {
        connection.close(End::of(Reason::TransportError));
        return answer::status(StatusCode::BAD_REQUEST);
    };
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|kind| kind == "application/octet-stream") {
        connection.close(End::of(Reason::TransportError));
        return answer::status(StatusCode::BAD_REQUEST);
    }
    let limit = connection.max_payload;
    let seal = request.extensions().get::<Seal>();
    let hash = match seal.map(|seal| seal.payload) {
        None => None,
        Some(Payload::Whole(hash)) => Some(hash),
        Some(Payload::TooLarge) => return too_large(&connection),
        Some(Payload::Broken) => return broken(&connection),
    };
    if request.body().size_hint().lower() > limit as u64 {
        return too_large(&connection);
    }
    let body = Limited::new(request.into_body(), limit).collect();
    match time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            let digest = || Hash256::from(Sha256::digest(&body));
            if hash.is_some_and(|hash| digest() != hash) {
                tracing::warn!("a POST of another pod was changed on its way");
                return answer::status(StatusCode::BAD_REQUEST);
            }
            let now = clock::now();
            if connection.exchanges.has_taken(name, digest, now) {
                return answer::ok();
            }
            connection.exchanges.taken(name, hash, now);
            take(&connection, &body)
        }
        // The client's body is whole: it is the link that broke, and the POST comes again.
        Ok(Err(_)) | Err(_) if hash.is_some() => answer::status(StatusCode::BAD_REQUEST),
        Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(&connection),
        Ok(Err(_)) | Err(_) => broken(&connection),
    }
}

/// The body did not come to its end.
fn broken(connection: &Connection) -> Response<Body> {
    connection.close(End::of(Reason::TransportError));
    let mut response = answer::status(StatusCode::BAD_REQUEST);
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn too_large(connection: &Connection) -> Response<Body> {
    connection.close(End::of(Reason::ForcedClose));
    let mut response = answer::status(StatusCode::PAYLOAD_TOO_LARGE);
    // The rest of the body is not read.
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The packets of a body, up to the first that ends the session.
fn take(connection: &Rc<Connection>, body: &[u8]) -> Response<Body> {
    let now = clock::now();
    let Ok(body) = std::str::from_utf8(body) else {
        connection.close(End::of(Reason::ParseError));
        return answer::status(StatusCode::BAD_REQUEST);
    };
    for packet in payload::packets(body) {
        let Ok(packet) = packet else {
            connection.close(End::of(Reason::ParseError));
            // Node says `ok` to an empty body; to other garbage the protocol allows a plain answer.
            return if body.is_empty() {
                answer::ok()
            } else {
                answer::status(StatusCode::BAD_REQUEST)
            };
        };
        if let Err(end) = connection.packet(&packet, now) {
            connection.close(end);
            break;
        }
    }
    answer::ok()
}
