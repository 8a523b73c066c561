//! The body of an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

use super::peer::Pieces;

/// All answers of the client port: whole in memory, in the pieces in which another pod has sent it, or whatever the API streams.
pub struct Body(Kind);

enum Kind {
    Whole {
        bytes: Bytes,
        written: Option<Written>,
    },
    Api(axum::body::Body),
    Relayed(Pieces),
}

/// Told true once the bytes were handed to the connection; dropped untold if they never were.
struct Written {
    tell: oneshot::Sender<bool>,
    mark: Mark,
}

/// Whether bytes were handed to a connection: known before anybody can have read them, while a receiver is told a turn later.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark(Arc<AtomicBool>);

impl Mark {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Body {
    /// The bytes.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole {
            bytes: bytes.into(),
            written: None,
        })
    }

    /// The bytes, and a receiver that learns whether they were written, after the mark.
    #[must_use]
    pub(super) fn reported(bytes: impl Into<Bytes>, mark: Mark) -> (Self, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        (
            Self(Kind::Whole {
                bytes: bytes.into(),
                written: Some(Written { tell, mark }),
            }),
            told,
        )
    }
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self(Kind::Api(body))
    }
}

impl From<Pieces> for Body {
    fn from(body: Pieces) -> Self {
        Self(Kind::Relayed(body))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.0 {
            Kind::Whole { bytes, written } => {
                if let Some(Written { tell, mark }) = written.take() {
                    mark.set();
                    tell.send(true).ok();
                }
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Api(body) => Pin::new(body).poll_frame(context),
            Kind::Relayed(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole { bytes, .. } => bytes.is_empty(),
            Kind::Api(body) => body.is_end_stream(),
            Kind::Relayed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
            Kind::Api(body) => body.size_hint(),
            Kind::Relayed(body) => body.size_hint(),
        }
    }
}
