//! The API's own port: on loopback while there is no key at all, where the configuration says from the first key on.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::{task, time};

use super::listen;
use crate::api::Door;
use crate::config::Bind;
use crate::policy::Snapshot;

/// How long to wait for a port that cannot be opened yet.
const RETRY: Duration = Duration::from_millis(100);

/// Serves the API for the life of the process.
pub(super) async fn serve(
    (listener, door): (TcpListener, Door),
    bind: Bind,
    mut rules: watch::Receiver<Snapshot>,
    router: impl Fn(Door) -> Router,
) {
    if door == Door::Open {
        run(listener, router(Door::Open)).await;
        return;
    }
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let mut closing = rules.clone();
    let until_keyed = async move { keyed(&mut closing).await };
    let loopback = axum::serve(listener, router(Door::Loopback));
    // It goes on with the calls that it has, but its listener is closed at once and leaves the port.
    task::spawn_local(async move { loopback.with_graceful_shutdown(until_keyed).await });
    keyed(&mut rules).await;
    let mut told = false;
    let listener = loop {
        match listen::bind("API", bind, address.port()) {
            Ok(listener) => break listener,
            Err(error) if !told => {
                told = true;
                tracing::warn!(%error, "the rules have a key now: trying to open the API beyond loopback");
            }
            Err(_) => {}
        }
        time::sleep(RETRY).await;
    };
    tracing::info!(
        port = address.port(),
        "the rules have a key now: the API is open beyond loopback"
    );
    run(listener, router(Door::Open)).await;
}

async fn run(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the API is not served any more");
    }
}

/// Waits until the rules declare a key.
async fn keyed(rules: &mut watch::Receiver<Snapshot>) {
    let declared = rules.wait_for(|rules| !rules.api_keys.is_empty());
    let is_declared = declared.await.is_ok();
    if !is_declared {
        // Nobody follows the rules any more: there will be no key.
        std::future::pending::<()>().await;
    }
}
