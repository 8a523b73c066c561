//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

use super::peer::Returning;

/// All answers of the client port: whole in memory, or whatever the API or another pod streams.
pub struct Body(Kind);

enum Kind {
    Whole {
        bytes: Bytes,
        written: Option<Written>,
    },
    Api(axum::body::Body),
    Relayed(Returning),
}

/// Told true once the bytes were handed to the connection; dropped untold if they never were.
struct Written(oneshot::Sender<bool>);

impl Body {
    /// The bytes.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole {
            bytes: bytes.into(),
            written: None,
        })
    }

    /// The bytes, and a receiver that learns whether they were written.
    #[must_use]
    pub fn reported(bytes: impl Into<Bytes>) -> (Self, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        (
            Self(Kind::Whole {
                bytes: bytes.into(),
                written: Some(Written(tell)),
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

impl From<Returning> for Body {
    fn from(body: Returning) -> Self {
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
                if let Some(Written(tell)) = written.take() {
                    tell.send(true).ok();
                }
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Api(body) => Pin::new(body).poll_frame(context),
            Kind::Relayed(body) => Pin::new(body).poll_frame(context).map_err(axum::Error::new),
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
