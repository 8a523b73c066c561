//! The body of a request that is passed on: read whole once, as its hash is sealed, and sent in the pieces in which it came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::time;

use super::link::{Failure, Returning};
use super::seal::Payload;
use crate::transport::polling::BODY_TIMEOUT;

/// Pieces in memory.
#[derive(Clone, Debug, Default)]
pub(in crate::transport) struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        self.left += piece.len() as u64;
        self.pieces.push_back(piece);
    }
}

/// Reads a body of at most `limit` bytes. What is too large or does not come to its end leaves no pieces.
pub(super) async fn read(mut body: Incoming, limit: usize) -> (Payload, Pieces) {
    let limit = limit as u64;
    if body.size_hint().lower() > limit {
        return (Payload::TooLarge, Pieces::default());
    }
    let reading = async {
        let (mut pieces, mut hash) = (Pieces::default(), Sha256::new());
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return (Payload::Broken, Pieces::default());
            };
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            hash.update(&piece);
            pieces.push(piece);
            if pieces.left > limit {
                return (Payload::TooLarge, Pieces::default());
            }
        }
        (Payload::Whole(hash.finalize().into()), pieces)
    };
    let broken = |_| (Payload::Broken, Pieces::default());
    time::timeout(BODY_TIMEOUT, reading)
        .await
        .unwrap_or_else(broken)
}

/// Reads an answer of another pod to its end: one that breaks off before is asked for again.
pub(super) async fn read_answer(mut body: Returning) -> Result<Pieces, Failure> {
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(|_| Failure::Broken)?.into_data() {
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

/// A request without a body.
pub(super) fn nothing() -> (Payload, Pieces) {
    (Payload::Whole(Sha256::digest([]).into()), Pieces::default())
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
