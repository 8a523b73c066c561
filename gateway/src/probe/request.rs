//! One request on a connection of its own: whatever spreads connections spreads a probe too.

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::HOST;
use http::{Method, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, TOLD};

pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// With its query.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: String,
}

/// More than a server sends to a socket that has just connected.
const MAX_ANSWER: usize = 1 << 20;

pub(super) fn authority(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    format!("{host}:{}", url.port_u16().unwrap_or(80))
}

pub(super) async fn dial(url: &Uri) -> Result<TcpStream, Failure> {
    let authority = authority(url);
    match TcpStream::connect(&authority).await {
        Ok(stream) => Ok(stream),
        Err(error) => Err(Failure::Unreachable(authority, error)),
    }
}

/// The body of an answer of the class 2xx; any other is a failure that tells it.
pub(super) async fn exchange(url: &Uri, request: Request<'_>) -> Result<String, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(dial(url).await?)).await?;
    let what = format!("{} {}", request.method, authority(url));
    let request = built(url, request)?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| Failure::malformed(&error.to_string()))?;
        Ok::<_, Failure>((
            status,
            String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        ))
    };
    let (status, body) = match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // What has come is read to its end though the server has hung up.
        Either::Right((_, answer)) => answer.await,
    }?;
    if status.is_success() {
        return Ok(body);
    }
    let told = body.chars().take(TOLD).collect();
    Err(Failure::Status(what, status.as_u16(), told))
}

fn built(url: &Uri, request: Request<'_>) -> Result<http::Request<Full<Bytes>>, Failure> {
    let mut builder = http::Request::builder()
        .method(request.method)
        .uri(request.path)
        .header(HOST, authority(url));
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    builder
        .body(Full::from(request.body))
        .map_err(|error| Failure::malformed(&error.to_string()))
}
