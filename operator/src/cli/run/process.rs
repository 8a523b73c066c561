//! The parts of the service and how they hang together.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kube::config::InferConfigError;
use kube::{Api, Config};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::api::causes;
use super::options::Options;
use super::stop::Stop;
use super::{api, election, ready};
use crate::client::{self, Clients};
use crate::controller::{self, Context, Settings};
use crate::definition;
use crate::gate::Gate;
use crate::gateway::Gateways;
use crate::lease::{Candidate, Lost};
use crate::metrics::Metrics;
use crate::service::Service;
use crate::triggers::Triggers;
use crate::watches::{Caches, Watches};

/// Why the process does not go on.
#[derive(Debug, Error)]
pub enum Ended {
    /// Another process leads, or may.
    #[error(transparent)]
    Lost(Lost),
    /// It was asked to end and could not in time.
    #[error("the reconciles did not end within {0:?}: the lease is not released, it will expire")]
    Unfinished(Duration),
    /// A part ended that never ends.
    #[error("{0} has ended: {1}")]
    Defect(&'static str, String),
    /// No threads.
    #[error("no runtime: {0}")]
    Runtime(io::Error),
    /// No way to hear of signals.
    #[error("no signals: {0}")]
    Signals(io::Error),
    /// The port is not free.
    #[error("--port {0} cannot be opened: {1}")]
    Port(u16, io::Error),
    /// Neither a kubeconfig nor a service account.
    #[error("no way to an API server: {}", causes(.0))]
    Config(#[from] InferConfigError),
    /// The way to the API server cannot be used.
    #[error("no client of the API server: {}", causes(.0))]
    Client(#[from] kube::Error),
    /// No client for pods.
    #[error("no client for pods: {}", causes(.0))]
    Gateways(#[from] reqwest::Error),
    /// A family is registered twice.
    #[error("no metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Ended {
    /// In a word, for logs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Lost(_) => "LeadershipLost",
            Self::Unfinished(_) => "Unfinished",
            Self::Defect(..) => "Defect",
            Self::Runtime(_) | Self::Signals(_) | Self::Gateways(_) | Self::Metrics(_) => "Start",
            Self::Port(..) => "Port",
            Self::Config(_) | Self::Client(_) => "ApiServer",
        }
    }
}

/// Opens the port on every address: of both families where the kernel has both.
pub async fn listen(port: u16) -> Result<TcpListener, Ended> {
    let both: SocketAddr = (Ipv6Addr::UNSPECIFIED, port).into();
    let old: SocketAddr = (Ipv4Addr::UNSPECIFIED, port).into();
    let listener = TcpListener::bind([both, old].as_slice()).await;
    listener.map_err(|error| Ended::Port(port, error))
}

/// Runs until `stop`, or until it must not go on.
pub async fn operate(
    options: Options,
    config: Config,
    listener: TcpListener,
    stop: Stop,
) -> Result<(), Ended> {
    let metrics = Metrics::new()?;
    metrics.leads(&options.lease, false);
    let gate = Arc::new(Gate::default());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        api_server = %config.cluster_url,
        identity = options.identity,
        namespaces = namespaces(&options.settings),
        port = listener.local_addr().map_or(options.port, |address| address.port()),
        "the operator starts"
    );
    let Clients { gated, lease } = client::build(config, &gate, &options.times, &metrics.rest)?;
    let (waiting, reasons) = watch::channel(vec!["the API server was not asked yet".to_owned()]);
    let service = Service {
        metrics: metrics.clone(),
        waiting: reasons,
    };
    let watches = Watches {
        client: gated.clone(),
        scopes: options.settings.scopes.clone(),
        caches: Caches::default(),
        triggers: Triggers::default(),
    };
    let candidate = Candidate {
        leases: Api::namespaced(lease, &options.lease_namespace),
        name: options.lease.clone(),
        owner: options.lease_owner.clone(),
        identity: options.identity.clone(),
        times: options.times,
        gate,
    };
    let context = Context {
        client: gated,
        caches: watches.caches.clone(),
        triggers: watches.triggers.clone(),
        gateways: Gateways::new()?,
        metrics,
        instance: options.instance.clone(),
        settings: options.settings.clone(),
    };
    let lead = lead(
        candidate,
        context,
        watches,
        waiting,
        options.lease,
        stop.clone(),
    );
    tokio::select! {
        ended = lead => ended,
        ended = serve(service, listener) => Err(ended),
    }
}

/// The namespaces of the fleets, for people.
fn namespaces(settings: &Settings) -> String {
    let names: Vec<_> = settings
        .scopes
        .iter()
        .filter_map(Option::as_deref)
        .collect();
    if names.is_empty() {
        "all".to_owned()
    } else {
        names.join(",")
    }
}

/// Serves metrics and health for as long as the process lives.
async fn serve(service: Service, listener: TcpListener) -> Ended {
    let mut tasks = JoinSet::new();
    // A task of its own: the answers must not wait for anything else.
    tasks.spawn(service.serve(listener, pending()));
    let ended = match tasks.join_next().await {
        Some(Ok(Err(error))) => error.to_string(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(Ok(()))) | None => "it closed by itself".to_owned(),
    };
    Ended::Defect("the port of metrics and health", ended)
}

/// Waits for the API server, fills the caches, and then competes.
async fn lead(
    candidate: Candidate,
    context: Context,
    watches: Watches,
    waiting: watch::Sender<Vec<String>>,
    lease: String,
    stop: Stop,
) -> Result<(), Ended> {
    tokio::select! {
        () = stop.clone().asked() => return Ok(()),
        () = api::known(&context.client, &waiting) => {}
    }
    let compare = definition::compare_forever(context.client.clone(), context.metrics.clone());
    let compete = compete(candidate, context, &waiting, lease, stop);
    tokio::select! {
        ended = compete => ended,
        never = compare => match never {},
        ended = watches.run() => Err(Ended::Defect("a watch", ended)),
    }
}

/// Competes once the caches are complete. Whoever knows nothing yet lets others go first, but not for ever: what is
/// forbidden to watch is never known, and the fleets have to hear of it.
async fn compete(
    candidate: Candidate,
    context: Context,
    waiting: &watch::Sender<Vec<String>>,
    lease: String,
    stop: Stop,
) -> Result<(), Ended> {
    let filling = context.caches.filling.subscribe();
    let complete = || ready::complete(filling.clone(), waiting);
    tokio::select! {
        () = stop.clone().asked() => return Ok(()),
        _ = tokio::time::timeout(HEAD_START, complete()) => {}
    }
    let until = stop.clone().asked();
    let metrics = context.metrics.clone();
    let work = move || async move {
        metrics.leads(&lease, true);
        controller::run(context, until).await;
    };
    let mut competing = pin!(election::compete(candidate, work, stop));
    tokio::select! {
        ended = &mut competing => return ended,
        () = complete() => {}
    }
    competing.await
}

/// How long a process that does not know all yet lets others go first.
const HEAD_START: Duration = Duration::from_secs(5);
