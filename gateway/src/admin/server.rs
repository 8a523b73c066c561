//! The admin port: `/metrics`, `/livez`, `/readyz`, `/rules`. It is never routed to browsers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use carillon_crds::names::path;
use serde_json::json;
use tokio::net::TcpListener;

use super::health::Health;
use super::metrics::{Gathered, Metrics};
use super::process::ProcessFacts;
use super::rules::RulesStatus;

/// Asks every shard for the numbers that it knows only by looking.
pub type Gather = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Gathered> + Send>> + Send + Sync>;

/// What the admin port tells.
pub struct Admin {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The latches of `/readyz`.
    pub health: Health,
    /// The rules in force.
    pub rules: Arc<RulesStatus>,
    /// How to ask the shards.
    pub gather: Gather,
}

/// Serves until `shutdown` is done; requests under way are answered first.
pub async fn serve(
    listener: TcpListener,
    admin: Admin,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(admin))
        .with_graceful_shutdown(shutdown)
        .await
}

/// The routes, for a server of one's own.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route(path::METRICS, get(metrics))
        .route(path::LIVEZ, get(livez))
        .route(path::READYZ, get(readyz))
        .route(path::RULES, get(rules))
        .with_state(Arc::new(admin))
}

/// Shards answer between two ticks; one that does not is a finding, and must not hide the rest.
const GATHER_TIMEOUT: Duration = Duration::from_secs(2);

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let gathered = tokio::time::timeout(GATHER_TIMEOUT, (admin.gather)())
        .await
        .ok();
    if gathered.is_none() {
        tracing::warn!("a shard did not answer a scrape in time: its gauges are left out");
    }
    let text = admin
        .metrics
        .render(&admin.rules, &ProcessFacts::read(), gathered.as_ref());
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let reasons = admin.health.reasons();
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": ready, "reasons": reasons }))).into_response()
}

async fn rules(State(admin): State<Arc<Admin>>) -> Response {
    Json(admin.rules.report()).into_response()
}

#[cfg(test)]
mod tests;
