//! Connections to other pods: HTTP/1.1 with one exchange at a time, kept for the next one.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::{self, AbortHandle};
use tokio::time;

use super::body::Pieces;
use crate::clock;

/// Why a request was not answered by the owner of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("its pod is gone")]
    Gone,
    #[error("its pod refuses connections")]
    Refused,
    #[error("its pod cannot be reached")]
    Unreachable,
    #[error("its pod does not take our seal: do the pods share their keys and the time?")]
    Unsealed,
    #[error("its pod broke the exchange off")]
    Broken,
    #[error("its pod is too slow")]
    Slow,
}

/// A connection. When it is dropped it is closed, by which the owner learns that nobody waits any more.
pub(super) struct Link {
    sender: SendRequest<Pieces>,
    _task: Task,
}

/// Ends with its handle.
struct Task(AbortHandle);

/// Connections that wait for their next exchange.
#[derive(Default)]
pub(super) struct Links(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    idle: HashMap<SocketAddr, Vec<Idle>>,
    swept: Option<Instant>,
}

struct Idle {
    since: Instant,
    link: Link,
}

/// A link, and where it goes back to when its answer was read to the end.
struct Lent {
    link: Link,
    home: Option<(SocketAddr, Arc<Links>)>,
}

/// An answer's body as it comes, and the link that it comes by.
pub(super) struct Returning {
    body: Incoming,
    lent: Option<Lent>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long sent bytes may stay without an acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// Less than the peer port waits for the next request, so that it rarely closes a link that is just being used.
const KEPT: Duration = Duration::from_secs(30);
const KEPT_PER_PEER: usize = 256;

impl Link {
    /// Connects. Only a refusal tells that nobody is there.
    pub(super) async fn dial(address: SocketAddr) -> Result<Self, Failure> {
        let stream = match time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                return Err(Failure::Refused);
            }
            Ok(Err(_)) | Err(_) => return Err(Failure::Unreachable),
        };
        stream.set_nodelay(true).ok();
        SockRef::from(&stream)
            .set_tcp_user_timeout(Some(UNACKNOWLEDGED))
            .ok();
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Broken)?;
        let task = task::spawn_local(async move {
            // Whoever waits for an answer is told of an error.
            connection.with_upgrades().await.ok();
        });
        let task = Task(task.abort_handle());
        Ok(Self {
            sender,
            _task: task,
        })
    }

    /// One exchange on a connection of its own.
    pub(super) async fn send(
        &mut self,
        request: Request<Pieces>,
    ) -> Result<Response<Incoming>, Failure> {
        let answer = self.sender.send_request(request);
        answer.await.map_err(|_| Failure::Broken)
    }
}

impl Links {
    /// One exchange. The link goes back to the others once the answer's body is read.
    pub(super) async fn send(
        self: &Arc<Self>,
        address: SocketAddr,
        mut request: Request<Pieces>,
    ) -> Result<Response<Returning>, Failure> {
        let lend = |link| Lent {
            link,
            home: Some((address, self.clone())),
        };
        while let Some(mut link) = self.take(address) {
            if link.sender.ready().await.is_err() {
                continue;
            }
            match link.sender.try_send_request(request).await {
                Ok(response) => return Ok(Returning::of(response, lend(link))),
                // Closed before it was sent: the next link may do.
                Err(mut error) => request = error.take_message().ok_or(Failure::Broken)?,
            }
        }
        let mut link = Link::dial(address).await?;
        let response = link.send(request).await?;
        Ok(Returning::of(response, lend(link)))
    }

    /// The link that was used last.
    fn take(&self, address: SocketAddr) -> Option<Link> {
        let (mut kept, now) = (self.kept(), clock::now());
        let idle = kept.idle.get_mut(&address)?;
        while let Some(last) = idle.pop() {
            if last.is_fresh(now) {
                return Some(last.link);
            }
        }
        None
    }

    fn put(&self, address: SocketAddr, link: Link) {
        let (mut kept, now) = (self.kept(), clock::now());
        kept.sweep(now);
        let idle = kept.idle.entry(address).or_default();
        if idle.len() < KEPT_PER_PEER {
            idle.push(Idle { since: now, link });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Now and then, drops what is of no use.
    fn sweep(&mut self, now: Instant) {
        let before = *self.swept.get_or_insert(now);
        if now.saturating_duration_since(before) < KEPT {
            return;
        }
        self.swept = Some(now);
        self.idle.retain(|_, links| {
            links.retain(|idle| idle.is_fresh(now));
            !links.is_empty()
        });
    }
}

impl Idle {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < KEPT && !self.link.sender.is_closed()
    }
}

impl Returning {
    /// An answer whose link is used no more.
    pub(super) fn once(body: Incoming, link: Link) -> Self {
        let lent = Some(Lent { link, home: None });
        Self { body, lent }
    }

    fn of(response: Response<Incoming>, lent: Lent) -> Response<Self> {
        response.map(|body| {
            let mut returning = Self {
                body,
                lent: Some(lent),
            };
            returning.return_at_end();
            returning
        })
    }

    fn return_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(Lent { link, home }) = self.lent.take()
            && let Some((address, links)) = home
        {
            links.put(address, link);
        }
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.return_at_end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
