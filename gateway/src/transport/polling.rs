//! Long polling: a GET waits for packets, a POST brings them.

mod compress;

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::oneshot;
use tokio::task;

use super::body::Body;
use super::connection::{Connection, End};
use super::http::answer;
use super::settings::Settings;
use crate::clock;
use crate::engine::payload;
use crate::engine::session::{Carrier, Reason};
use crate::hub::{Batch, Link};
use crate::socket::frame::{Frames, Opcode};

/// Answers a GET: with what waits, or with what comes next.
pub(super) async fn get(
    connection: &Rc<Connection>,
    settings: &Settings,
    headers: &HeaderMap,
) -> Response<Body> {
    let hub = &connection.gate.hub;
    match connection.carrier() {
        Carrier::Polling => {}
        Carrier::Lingering { .. } => {
            let batch = hub.take_batch(&connection.client);
            let response = batch.map_or_else(
                || answer::status(StatusCode::BAD_REQUEST),
                |batch| reply(connection, batch, settings, headers),
            );
            connection.forget();
            return response;
        }
        Carrier::Websocket | Carrier::Closed => return answer::bad_request(),
    }
    if hub.is_polled(&connection.client) {
        // The first poll is told of the end, as Node does it.
        connection.close(End::of(Reason::TransportError));
        return answer::status(StatusCode::BAD_REQUEST);
    }
    let (tell, batch) = oneshot::channel();
    hub.set_link(&connection.client, Link::Poll(Some(tell)));
    if connection.is_upgrading() {
        connection.release_poll();
    }
    let unfinished = Unfinished(connection);
    let batch = batch.await;
    std::mem::forget(unfinished);
    match batch {
        Ok(batch) => reply(connection, batch, settings, headers),
        Err(_) => answer::status(StatusCode::BAD_REQUEST),
    }
}

/// A client that gives a poll up is gone.
struct Unfinished<'a>(&'a Rc<Connection>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.close(End::gone(Reason::TransportError));
    }
}

/// The payload of a batch; its messages are settled when it is written.
fn reply(
    connection: &Connection,
    batch: Batch,
    settings: &Settings,
    headers: &HeaderMap,
) -> Response<Body> {
    let payload = encode(&batch.frames);
    let (payload, encoding) = compress::answer(payload, settings.compress_from, headers);
    let (body, written) = Body::reported(payload);
    let hub = connection.gate.hub.clone();
    task::spawn_local(async move {
        let written = written.await.unwrap_or(false);
        hub.settle(batch, written);
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
    connection: &Rc<Connection>,
    request: Request<Incoming>,
) -> Response<Body> {
    if connection.carrier() != Carrier::Polling {
        return answer::bad_request();
    }
    if connection.posting.replace(true) {
        connection.close(End::of(Reason::TransportError));
        return answer::status(StatusCode::BAD_REQUEST);
    }
    let _posting = Posting(connection);
    let binary = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/octet-stream");
    if binary {
        connection.close(End::of(Reason::TransportError));
        return answer::status(StatusCode::BAD_REQUEST);
    }
    let limit = connection.max_payload;
    let declared = request.body().size_hint().lower();
    if declared > limit as u64 {
        return too_large(connection);
    }
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => take(connection, &body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => too_large(connection),
        Err(_) => {
            connection.close(End::of(Reason::TransportError));
            answer::status(StatusCode::BAD_REQUEST)
        }
    }
}

/// While a POST is read, another one is a fault.
struct Posting<'a>(&'a Rc<Connection>);

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.posting.set(false);
    }
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
        let result = packet
            .map_err(|_| End::of(Reason::ParseError))
            .and_then(|packet| connection.packet(&packet, now));
        if let Err(end) = result {
            connection.close(end);
            break;
        }
    }
    answer::ok()
}
