//! Every text and binary message comes back, over the gateway's own frame path. For outside websocket suites.
//!
//! Environment: `PORT` (3000), `MAX_PAYLOAD` (bytes of a message, 32 MiB).
#![expect(
    clippy::disallowed_methods,
    reason = "an example is its own process: it reads its environment and the clock"
)]

use std::convert::Infallible;
use std::rc::{Rc, Weak};
use std::str::FromStr;
use std::task::Context;
use std::time::Instant;

use carillon_gateway::hub::{Client, Frames, Handshake, Hub, Link, Owner};
use carillon_gateway::socket::frame;
use carillon_gateway::transport::websocket::frame::{Flow, FrameReader, Incoming};
use carillon_gateway::transport::websocket::{Ended, Handler, Stream, handshake, read};
use http::{Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming as Body};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::{self, LocalSet};

struct Echo<'a> {
    hub: &'a Rc<Hub>,
    client: &'a Rc<Client>,
    code: Option<u16>,
}

impl Echo<'_> {
    fn send(&self, len: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        self.hub.send(
            self.client,
            Frames {
                hint: len + 16,
                encode,
            },
        );
    }
}

impl Handler for Echo<'_> {
    fn on(&mut self, incoming: Incoming<'_>, _now: Instant) -> Flow {
        match incoming {
            Incoming::Text(text) => self.send(text.len(), |out| frame::text(out, &[text])),
            Incoming::Binary(bytes) => self.send(bytes.len(), |out| frame::binary(out, bytes)),
            Incoming::Ping(payload) => self.send(payload.len(), |out| frame::pong(out, payload)),
            Incoming::Pong(_) => {}
            Incoming::Close(code) => {
                self.code = code;
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn is_wanted(&mut self, _context: &Context<'_>) -> bool {
        !self.client.is_closing()
    }
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> std::io::Result<()> {
    let hub = Hub::new(Instant::now());
    task::spawn_local(hub.clone().flush_forever(Instant::now));
    let listener = TcpListener::bind(("127.0.0.1", variable("PORT", 3000))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hub = hub.clone();
        let service = service_fn(move |request| {
            let hub = hub.clone();
            async move { Ok::<_, Infallible>(upgrade(request, hub)) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        task::spawn_local(async move { connection.with_upgrades().await.ok() });
    }
}

fn upgrade(mut request: Request<Body>, hub: Rc<Hub>) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    match handshake::check(request.method(), request.version(), request.headers()) {
        Ok(accept) => {
            let upgraded = hyper::upgrade::on(&mut request);
            task::spawn_local(async move {
                if let Some(stream) = upgraded
                    .await
                    .ok()
                    .and_then(|upgraded| Stream::take(upgraded, false))
                {
                    echo(&hub, stream).await;
                }
            });
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(
                header::UPGRADE,
                header::HeaderValue::from_static("websocket"),
            );
            headers.insert(
                header::CONNECTION,
                header::HeaderValue::from_static("Upgrade"),
            );
            if let Ok(accept) = accept.0.try_into() {
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            }
        }
        Err(refusal) => {
            *response.status_mut() = refusal.status();
            if let Some((name, value)) = refusal.header() {
                response
                    .headers_mut()
                    .insert(name, header::HeaderValue::from_static(value));
            }
        }
    }
    response
}

async fn echo(hub: &Rc<Hub>, stream: Stream) {
    let Stream {
        mut reader,
        writer,
        ahead,
    } = stream;
    let client = Client::new(
        Link::Stream(writer),
        Weak::<Nobody>::new(),
        Rc::new(Handshake::default()),
    );
    let mut frames = FrameReader::new(variable("MAX_PAYLOAD", 32 << 20));
    let mut handler = Echo {
        hub,
        client: &client,
        code: None,
    };
    let ended = read(&mut reader, &mut frames, ahead, &mut handler).await;
    let code = match ended {
        Ended::Violation(violation) => Some(violation.code),
        Ended::Gone | Ended::Stopped => handler.code,
    };
    hub.finish(&client, |out| frame::close(out, code));
    let mut scratch = [0; 512];
    while reader.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
}

/// The connection belongs to its task alone.
struct Nobody;

impl Owner for Nobody {
    fn close(&self, _close: carillon_gateway::hub::Close) {}
}
