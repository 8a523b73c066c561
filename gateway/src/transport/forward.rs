//! Requests that another thread answers: a session of another shard, or the API.

use std::net::SocketAddr;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use super::body::Body;

/// A request for a session that lives on another shard. Each HTTP connection has at most one under way, which bounds the queue.
pub struct Forwarded {
    pub(super) request: Request<Incoming>,
    pub(super) peer: SocketAddr,
    pub(super) reply: oneshot::Sender<Response<Body>>,
}

/// A request that is not Engine.IO's: the control thread's router answers it.
pub struct Fallback {
    /// The request; its body still comes in through the shard.
    pub request: Request<Incoming>,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Response<Body>>,
}

/// Sends a request elsewhere and waits for the answer; 503 if the other side is gone.
pub(super) async fn elsewhere<T>(
    to: &mpsc::UnboundedSender<T>,
    pack: impl FnOnce(oneshot::Sender<Response<Body>>) -> T,
) -> Response<Body> {
    let (reply, answer) = oneshot::channel();
    if to.send(pack(reply)).is_ok()
        && let Ok(response) = answer.await
    {
        return response;
    }
    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
