//! The operator's own port: `/metrics`, `/livez`, `/readyz`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use carillon_crds::names::path;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// What the port tells.
#[derive(Clone)]
pub struct Service {
    /// The families.
    pub metrics: Metrics,
    /// Why the process is not ready yet; empty once it is. A standby is ready: it can take over.
    pub waiting: watch::Receiver<Vec<String>>,
}

impl Service {
    /// Serves until `shutdown` is done.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(listener, self.router())
            .with_graceful_shutdown(shutdown)
            .await
    }

    fn router(self) -> Router {
        Router::new()
            .route(path::METRICS, get(metrics))
            .route(path::LIVEZ, get(async || "ok\n"))
            .route(path::READYZ, get(readyz))
            .with_state(Arc::new(self))
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    match service.metrics.render() {
        Ok(text) => (
            [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn readyz(State(service): State<Arc<Service>>) -> Response {
    let reasons = service.waiting.borrow().clone();
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": ready, "reasons": reasons }))).into_response()
}

#[cfg(test)]
mod tests;
