//! Requests that somebody else answers: the shard of a session, or the API.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

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

/// Answers a request that is not Engine.IO's.
pub type Fallback = Rc<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response<Body>>>>>;

/// Has the session's shard answer; 503 if that shard is gone. The request is on its way when this returns.
pub(super) fn to_shard(
    shard: &mpsc::UnboundedSender<Forwarded>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> impl Future<Output = Response<Body>> + use<> {
    let (reply, answer) = oneshot::channel();
    shard
        .send(Forwarded {
            request,
            peer,
            reply,
        })
        .ok();
    async move {
        answer.await.unwrap_or_else(|_| {
            let mut response = Response::new(Body::whole(""));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        })
    }
}
