//! A bound on what is read without becoming an answer or a message: a server that talks nonsense for ever fills no memory.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::LinkError;

/// More than any answer or message that can be meant for us.
const LIMIT: usize = 64 << 20;

/// Counts; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    read: AtomicUsize,
    over: AtomicBool,
}

impl Meter {
    /// What was read so far made sense.
    pub(super) fn progress(&self) {
        self.0.read.store(0, Ordering::Relaxed);
    }

    /// Why a connection is closed: by us, if so.
    pub(super) fn explain(&self, error: LinkError) -> LinkError {
        if self.0.over.load(Ordering::Relaxed) {
            return LinkError::Protocol;
        }
        error
    }

    fn add(&self, read: usize) -> io::Result<()> {
        if self.0.read.fetch_add(read, Ordering::Relaxed) + read > LIMIT {
            self.0.over.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// A stream that ends when the meter is over its limit.
pub(super) struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, meter: Meter) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let ready = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match ready {
            Poll::Ready(Ok(())) => Poll::Ready(self.meter.add(buffer.filled().len() - before)),
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
