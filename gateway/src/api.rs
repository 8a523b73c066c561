//! The HTTP API: backends emit, change and ask; browsers poll what the rules let them read.
//!
//! All handlers run on the control thread. A listener elsewhere passes its requests on through [`relay`].

use std::{fmt, sync::Arc};

use axum::{
    Router,
    http::{Method, Uri},
    routing::{get, post},
};
use carillon_crds::compile::Rulebook;
use tokio::sync::{Semaphore, watch};

mod binary;
pub mod demo;
mod idempotency;
mod ids;
pub mod keys;
mod params;
mod problem;
pub mod relay;
mod request;
mod response;
mod select;

mod access;
mod change;
mod cors;
mod emit;
mod events;
mod info;
mod media;
mod openapi;
mod past;
mod query;

use self::{
    ids::SharedIds,
    keys::KeyRing,
    problem::{Code, Problem},
};
use crate::bus::Bus;

/// What the API is made of.
#[derive(Clone)]
pub struct Control {
    /// The bus.
    pub bus: Bus,
    /// The rules in force.
    pub rules: watch::Receiver<Arc<Rulebook>>,
    /// The keys.
    pub keys: Arc<KeyRing>,
    /// The name of this node.
    pub node: Box<str>,
    /// Told of each accepted event, by the label of its namespace's rules.
    pub accepted: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Who can reach a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Whoever reaches the port: a key is needed.
    Open,
    /// Programs on this machine: while no key is declared, none is needed.
    Loopback,
}

/// The state that all handlers share.
pub(crate) struct Api {
    bus: Bus,
    rules: watch::Receiver<Arc<Rulebook>>,
    keys: Arc<KeyRing>,
    node: Box<str>,
    accepted: Arc<dyn Fn(&str) + Send + Sync>,
    door: Door,
    ids: SharedIds,
    waiters: Semaphore,
}

impl Api {
    fn rules(&self) -> Arc<Rulebook> {
        Arc::clone(&self.rules.borrow())
    }
}

/// The whole API, under `/v1`.
pub fn router(control: Control, door: Door) -> Router {
    Router::new()
        .route("/v1/emit", post(emit::emit))
        .route("/v1/join", post(change::join))
        .route("/v1/leave", post(change::leave))
        .route("/v1/disconnect", post(change::disconnect))
        .route("/v1/server-side-emit", post(emit::server_side_emit))
        .route("/v1/rooms", get(query::rooms))
        .route("/v1/sockets", get(query::sockets))
        .route("/v1/history", get(past::history))
        .route("/v1/info", get(info::info))
        .route("/v1/openapi.json", get(openapi::serve))
        .merge(polling())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state(control, door))
}

/// What browsers may call without a key, for the client port.
pub fn browser_router(control: Control) -> Router {
    polling()
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state(control, Door::Open))
}

fn polling() -> Router<Arc<Api>> {
    Router::new().route("/v1/events", get(events::events).options(events::preflight))
}

fn state(control: Control, door: Door) -> Arc<Api> {
    let Control {
        bus,
        rules,
        keys,
        node,
        accepted,
    } = control;
    Arc::new(Api {
        ids: SharedIds::new(MAX_IDS, bus.clone()),
        bus,
        rules,
        keys,
        node,
        accepted,
        door,
        waiters: Semaphore::new(MAX_WAITERS),
    })
}

async fn unknown_path(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}; the calls are listed at /v1/openapi.json",
        uri.path()
    );
    Problem::new(Code::NotFound, detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// So many ids are remembered; a loader that uses more in ten minutes makes the oldest give way.
const MAX_IDS: usize = 65_536;
/// So many callers may wait for a next event at once.
const MAX_WAITERS: usize = 10_000;

#[cfg(test)]
mod tests;
