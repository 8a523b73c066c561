//! Reading without a buffer per connection: all connections of a thread share one; a connection owns bytes only while it
//! holds an incomplete frame.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use super::frame::{Flow, FrameReader, Incoming, MAX_TAIL, Violation};
use crate::clock;

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The other side is gone.
    Gone,
    /// It broke RFC 6455.
    Violation(Violation),
    /// The handler has heard enough.
    Stopped,
}

/// What is done with messages.
pub trait Handler {
    /// One message or control frame; [`Flow::Stop`] ends the reading.
    fn on(&mut self, incoming: Incoming<'_>, now: Instant) -> Flow;

    /// Whether reading shall go on; keeps the waker, so that someone else can end it.
    fn is_wanted(&mut self, context: &Context<'_>) -> bool;
}

const SHARED_BYTES: usize = 64 * 1024;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = RefCell::new(vec![0; SHARED_BYTES + MAX_TAIL]);
}

/// Reads until the connection ends or the handler stops it. `ahead` was read before.
pub async fn read(
    reader: &mut OwnedReadHalf,
    frames: &mut FrameReader,
    mut ahead: Vec<u8>,
    handler: &mut impl Handler,
) -> Ended {
    let used = match take(frames, &mut ahead, handler) {
        Ok(used) => used,
        Err(ended) => return ended,
    };
    let mut tail = ahead.split_off(used);
    drop(ahead);
    poll_fn(move |context| {
        SHARED.with_borrow_mut(|shared| poll(context, reader, frames, &mut tail, shared, handler))
    })
    .await
}

fn poll(
    context: &mut Context<'_>,
    reader: &mut OwnedReadHalf,
    frames: &mut FrameReader,
    tail: &mut Vec<u8>,
    shared: &mut [u8],
    handler: &mut impl Handler,
) -> Poll<Ended> {
    loop {
        if !handler.is_wanted(context) {
            return Poll::Ready(Ended::Stopped);
        }
        let kept = tail.len();
        shared[..kept].copy_from_slice(tail);
        let mut buffer = ReadBuf::new(&mut shared[kept..]);
        match Pin::new(&mut *reader).poll_read(context, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(Ended::Gone),
        }
        let filled = kept + buffer.filled().len();
        match take(frames, &mut shared[..filled], handler) {
            Ok(used) => keep(tail, &shared[used..filled]),
            Err(ended) => return Poll::Ready(ended),
        }
    }
}

/// Hands out what is whole in `input`; says how much that was.
fn take(
    frames: &mut FrameReader,
    input: &mut [u8],
    handler: &mut impl Handler,
) -> Result<usize, Ended> {
    let now = clock::now();
    let mut stopped = false;
    let used = frames.read(input, |incoming| {
        let flow = handler.on(incoming, now);
        stopped |= flow == Flow::Stop;
        flow
    });
    match used {
        Err(violation) => Err(Ended::Violation(violation)),
        Ok(_) if stopped => Err(Ended::Stopped),
        Ok(used) => Ok(used),
    }
}

/// Nothing is held while idle: a tail that is empty gives its memory back.
fn keep(tail: &mut Vec<u8>, rest: &[u8]) {
    if rest.is_empty() {
        *tail = Vec::new();
    } else {
        tail.clear();
        tail.extend_from_slice(rest);
    }
}
