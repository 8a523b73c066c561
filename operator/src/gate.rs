//! The gate before every write: open while this process is surely the leader.
//!
//! It is a layer of the client, beneath everything that decides and right above the connection: no write can pass beside it, and the
//! time between the check and the wire is as short as it gets. A process that was stopped meanwhile finds it shut.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::{Method, Request};
use kube::client::Body;
use thiserror::Error;
use tower::{BoxError, Layer, Service};

use crate::clock::monotonic;

/// Until when this process may write.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Option<Instant>>);

/// Why a write was not sent, or given up.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Refused {
    /// This process is not, or not surely, the leader.
    #[error("not sent: this process does not lead")]
    Shut,
    /// There was no answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

impl Gate {
    /// A renewal was done: open until `until`.
    pub fn open_until(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// From now on nothing is written.
    pub fn shut(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a write may be sent at `now`.
    pub fn check(&self, now: Instant) -> Result<(), Refused> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) if now < until => Ok(()),
            _ => Err(Refused::Shut),
        }
    }
}

/// Puts the gate into a client.
#[derive(Debug, Clone)]
pub struct GateLayer {
    /// Which one.
    pub gate: Arc<Gate>,
    /// How long a write may take.
    pub timeout: Duration,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose writes pass a gate.
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    layer: GateLayer,
}

impl<S, R> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = R>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = R;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<R, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let limit = self.layer.timeout;
        if is_read(request.method()) {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        if let Err(refused) = self.layer.gate.check(monotonic()) {
            return Box::pin(async move { Err(refused.into()) });
        }
        let answer = tokio::time::timeout(limit, self.inner.call(request));
        Box::pin(async move {
            match answer.await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(Refused::Late(limit).into()),
            }
        })
    }
}

fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

#[cfg(test)]
mod tests;
