//! `carillon-gateway probe`: a Socket.IO client that tries a server, once by each transport. With a key of the HTTP API it
//! has an event sent to itself, which is heard wherever the two of them land.

mod polling;
mod request;
mod socket;
mod websocket;

use std::process::ExitCode;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time;

use self::request::Request;
use self::socket::Socket;
use crate::clock;
use crate::config::Probe;

/// Why a server did not pass.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, std::io::Error),
    #[error("the exchange was broken off: {0}")]
    Http(#[from] hyper::Error),
    #[error("{0} answered {1}: {2}")]
    Status(String, u16, String),
    #[error("the websocket failed: {0}")]
    Websocket(#[from] fastwebsockets::WebSocketError),
    #[error("what came is not of Engine.IO or Socket.IO: {0:?}")]
    Malformed(String),
    #[error("the server ended the session")]
    Closed,
    #[error("the server refused the namespace: {0}")]
    Refused(String),
    #[error("it took longer than {0:?}")]
    Slow(Duration),
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    Polling,
    Websocket,
}

impl Failure {
    fn malformed(text: &str) -> Self {
        Self::Malformed(text.chars().take(TOLD).collect())
    }
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Websocket => "websocket",
        }
    }
}

/// So many characters of what a server says are told.
const TOLD: usize = 200;

/// The name of the event that a probe has sent to itself.
const EVENT: &str = "carillon-probe";

/// Tries the server, prints a line for each transport, and ends with 1 if one failed.
#[must_use]
pub fn run(probe: &Probe) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(each(probe)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn each(probe: &Probe) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for transport in [Transport::Polling, Transport::Websocket] {
        let tried = time::timeout(probe.timeout, attempt(probe, transport)).await;
        match tried.unwrap_or(Err(Failure::Slow(probe.timeout))) {
            Ok(done) => println!("{}: {done}", transport.name()),
            Err(failure) => {
                println!("{}: FAILED: {failure}", transport.name());
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

async fn attempt(probe: &Probe, transport: Transport) -> Result<String, Failure> {
    let began = clock::now();
    let auth = probe.auth.as_ref().map_or("", |auth| auth.expose());
    let mut socket = Socket::connect(&probe.url, transport, &probe.namespace, auth).await?;
    let connected = began.elapsed();
    let mut done = format!("connected to {} in {connected:.0?}", probe.namespace);
    if probe.api.is_some() {
        let sent = clock::now();
        emit(probe, socket.id()).await?;
        socket.receive(EVENT, socket.id().to_owned()).await?;
        done.push_str(&format!(", an event came in {:.0?}", sent.elapsed()));
    }
    Ok(done)
}

/// Has the event sent to one socket, with its id.
async fn emit(probe: &Probe, socket: &str) -> Result<(), Failure> {
    let Some((api, key)) = &probe.api else {
        return Ok(());
    };
    let body = json!({ "namespace": probe.namespace, "sockets": [socket], "event": EVENT, "args": [socket] });
    let path = format!("{}/v1/emit", api.path().trim_end_matches('/'));
    let request = Request {
        method: Method::POST,
        path: &path,
        headers: &[
            ("authorization", &format!("Bearer {}", key.expose())),
            ("content-type", "application/json"),
        ],
        body: body.to_string(),
    };
    request::exchange(api, request).await.map(drop)
}
