//! Requests that arrive on a shard, answered on the control thread.
//!
//! Handlers and the bodies that they stream run where the router lives, so that what they count has one writer.

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{Request, Response, StatusCode},
    response::IntoResponse,
};
use futures_util::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

/// The shard's end. Clones lead to the same router.
#[derive(Clone, Debug)]
pub struct Relay(mpsc::Sender<Exchange>);

#[derive(Debug)]
struct Exchange {
    request: Request<Body>,
    answer: oneshot::Sender<Response<Body>>,
}

impl Relay {
    /// Has a request answered; with 503 while too many wait or the router is gone.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        let (answer, response) = oneshot::channel();
        if self.0.try_send(Exchange { request, answer }).is_ok()
            && let Ok(response) = response.await
        {
            return response;
        }
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

/// A relay, and the future that answers what comes through it until all its ends are gone.
pub fn relay(router: Router) -> (Relay, impl Future<Output = ()>) {
    let (to, from) = mpsc::channel(WAITING);
    (Relay(to), serve(router, from))
}

async fn serve(router: Router, mut from: mpsc::Receiver<Exchange>) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            exchange = from.recv(), if open.len() < OPEN => match exchange {
                Some(exchange) => open.push(answer(router.clone(), exchange)),
                None => break,
            },
            Some(()) = open.next(), if !open.is_empty() => {}
        }
    }
    open.collect::<()>().await;
}

/// Answers one request, unless its caller goes away before.
async fn answer(router: Router, exchange: Exchange) {
    let Exchange {
        request,
        mut answer,
    } = exchange;
    let response = tokio::select! {
        Ok(response) = router.oneshot(request) => response,
        () = answer.closed() => return,
    };
    let (parts, body) = response.into_parts();
    if body.size_hint().exact().is_some() {
        let whole = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let _ = answer.send(Response::from_parts(parts, whole.into()));
        return;
    }
    let (to, from) = mpsc::channel::<Result<Bytes, axum::Error>>(CHUNKS);
    let passed = stream::unfold(
        from,
        |mut from| async move { Some((from.recv().await?, from)) },
    );
    let response = Response::from_parts(parts, Body::from_stream(passed));
    if answer.send(response).is_ok() {
        pump(body, &to).await;
    }
}

/// Passes a body on, chunk by chunk, as long as somebody reads it.
async fn pump(body: Body, to: &mpsc::Sender<Result<Bytes, axum::Error>>) {
    let mut chunks = body.into_data_stream();
    loop {
        let chunk = tokio::select! {
            chunk = chunks.next() => chunk,
            () = to.closed() => None,
        };
        let Some(chunk) = chunk else { return };
        if to.send(chunk).await.is_err() {
            return;
        }
    }
}

/// So many requests may wait for the control thread to look at them.
const WAITING: usize = 1024;
/// So many may be under way; most of them are long polls.
const OPEN: usize = 20_000;
/// So many chunks of a streamed answer may be under way.
const CHUNKS: usize = 4;
