//! The process put together: listeners, shards, and the control thread with the API, the admin port, reload and drain.

mod cluster;
mod deal;
mod door;
mod ending;
mod fleet;
mod listen;
mod pressure;
mod rules;
mod settings;
mod shard;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, LocalSet};
use tokio::time;

use self::cluster::{Leases, Surroundings};
use self::ending::Ending;
use self::fleet::{Fleet, Shared};
use self::listen::Listeners;
use self::rules::Source;
use self::settings::PodLimits;
use crate::admin::health::Health;
use crate::admin::metrics::{Metrics, Source as Counted};
use crate::admin::rules::RulesStatus;
use crate::admin::server::{self as admin, Admin};
use crate::api::keys::KeyRing;
use crate::api::{self, Control, Door, relay};
use crate::bus::{Bounds, Bus};
use crate::clock;
use crate::config::{Api, Bind, Config, ProcessEnvironment};
use crate::id::{KeyRing as SessionKeys, NodeId};
use crate::policy::Snapshot;
use crate::transport::Directory;
use crate::transport::Port;
use crate::transport::admission::Admission;

/// Why a gateway does not start, or ends badly.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules have faults, one a line.
    #[error("{0}")]
    Rules(String),
    /// A combination that leaves a door open or a call without an answer.
    #[error("{0}")]
    Configuration(&'static str),
    /// Redis cannot be what the configuration says.
    #[error("{0}")]
    Redis(String),
    /// A port cannot be opened.
    #[error("the {name} port {port} cannot be opened: {error}")]
    Listen {
        /// Which.
        name: &'static str,
        /// Its number.
        port: u16,
        /// What the system says.
        error: std::io::Error,
    },
    /// A thread or a runtime cannot be started.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl AppError {
    /// The exit code: 2 for what a person has configured.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Rules(_) | Self::Configuration(_) | Self::Redis(_) | Self::Listen { .. } => 2,
            Self::Io(_) => 1,
        }
    }
}

/// Serves until the first of `signals` has come and the drain is over, or the second has come.
///
/// # Errors
/// It cannot start.
pub fn run(config: Config, signals: impl AsyncSignal) -> Result<(), AppError> {
    let (source, rules) = Source::load(&config)?;
    check(&config, &rules)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve(config, source, rules, signals))
}

/// Connections of browsers wait so long in the kernel for a process that is not ready yet.
const READY: Duration = Duration::from_secs(3);
/// Taking a session takes no longer: who takes it may wait for another one, and ask its owner.
const CLAIMS: Duration = Duration::from_secs(5);

/// Where signals come from; a test brings its own.
pub trait AsyncSignal {
    /// The next signal to end.
    fn next(&mut self) -> impl Future<Output = ()>;
}

fn check(config: &Config, rules: &Snapshot) -> Result<(), AppError> {
    if config.api == Api::Client && config.api_key.is_none() && rules.api_keys.is_empty() {
        return Err(AppError::Configuration(
            "CARILLON_API_PORT: client serves /v1 to browsers too, so it needs a key: set CARILLON_API_KEY or declare apiKeys in the rules",
        ));
    }
    Ok(())
}

/// The demo page is for somebody at this machine: in development mode, or with the API beside it on loopback.
fn shows_demo(config: &Config) -> bool {
    let local = matches!(config.bind, Bind::Only(address) if address.is_loopback());
    config.is_development() || (local && config.api == Api::Client)
}

async fn serve(
    config: Config,
    mut source: Source,
    rules: Snapshot,
    mut signals: impl AsyncSignal,
) -> Result<(), AppError> {
    let has_key = config.api_key.is_some() || !rules.api_keys.is_empty();
    let listeners = Listeners::bind(&config, has_key)?;
    let metrics = Metrics::new(config.shards);
    let admission = Arc::new(Admission::default());
    let limits = PodLimits::of(&rules);
    let cluster = match &config.redis {
        Some(redis) => Some(cluster::prepare(redis, &rules).await?),
        None => None,
    };
    if let Some(cluster) = &cluster {
        source.joined_by(cluster.mode);
    }
    let remote = cluster.as_ref().map(|cluster| cluster.remote.clone());
    let (bus, inboxes) = Bus::new(
        config.shards,
        clock::epoch_millis(),
        Bounds::default(),
        remote,
    );
    let (publish, published) = watch::channel(rules.clone());
    let node = config
        .node_id
        .as_deref()
        .map_or_else(NodeId::random, NodeId::named);
    let keys = Arc::new(KeyRing::new(
        Box::new(ProcessEnvironment),
        config.api_key.as_ref(),
    ));
    let counted = metrics.control();
    let accepted: Arc<dyn Fn(&str) + Send + Sync> =
        Arc::new(move |label| counted.namespace(label).accepted(Counted::Http));
    let control = || Control {
        bus: bus.clone(),
        rules: published.clone(),
        keys: keys.clone(),
        node: node.as_str().into(),
        accepted: accepted.clone(),
    };
    let front = match config.api {
        Api::Client => api::router(control(), Door::Open),
        Api::Off | Api::Port(_) => api::browser_router(control()),
    };
    let front = if shows_demo(&config) {
        front.merge(api::demo::router())
    } else {
        front
    };
    let (relay, relaying) = relay::relay(front);
    task::spawn_local(relaying);

    let shared_key = config.peer_link().and_then(|peer| peer.key.as_ref());
    let ring = shared_key.map_or_else(SessionKeys::random, |key| {
        SessionKeys::of_text(key.expose())
    });
    let ring = Arc::new(ring);
    let members = cluster.as_ref().map(|cluster| cluster.members.clone());
    let peers = members
        .clone()
        .filter(|_| config.peer_link().is_some())
        .map(|members| Arc::new(Leases(members)) as Arc<dyn Directory>);
    let shared = Shared {
        rules: rules.clone(),
        limits,
        bus: bus.clone(),
        admission: admission.clone(),
        metrics: metrics.clone(),
        relay,
        keys: ring.clone(),
        peers,
    };
    let Listeners {
        client,
        peer,
        api: api_listener,
        admin: admin_listener,
        addresses,
    } = listeners;
    let fleet = Fleet::start(&shared, inboxes)?;
    peer.into_iter()
        .for_each(|peer| fleet.serve(Port::Peer, peer));
    let orders = fleet.orders();
    let health = Health::default();
    let budget = cluster.as_ref().map(|cluster| cluster.budget(&ring));
    if let Some(cluster) = cluster {
        let told = config.peer_link().and_then(|peer| peer.address);
        cluster.start(&Surroundings {
            bus: &bus,
            rules: &published,
            metrics: &metrics,
            health: &health,
            keys: &ring,
            peer: addresses.peer.map(|bound| (bound, told)),
            own_keys: shared_key.is_some(),
        });
    }
    let status = Arc::new(RulesStatus::default());
    status.loaded(rules.hash.clone(), clock::wall());
    metrics.set_limits(
        limits.connections.unwrap_or(0) as u64,
        limits.memory.unwrap_or(0),
    );

    if let Some(listener) = api_listener {
        let control = control();
        let router = move |door| api::router(control.clone(), door);
        task::spawn_local(door::serve(
            listener,
            config.bind,
            published.clone(),
            router,
        ));
    }
    let gather = {
        let (orders, bus) = (orders.clone(), bus.clone());
        Box::new(
            move || -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
                let (orders, bus) = (orders.clone(), bus.clone());
                Box::pin(async move { orders.gather(&bus).await })
            },
        )
    };
    let admin = Admin {
        metrics: metrics.clone(),
        health: health.clone(),
        rules: status.clone(),
        gather,
    };
    task::spawn_local(admin::serve(admin_listener, admin, std::future::pending()));
    task::spawn_local(pressure::watch(
        limits.memory,
        admission.clone(),
        orders.clone(),
    ));
    task::spawn_local(source.follow(rules::Followers {
        publish,
        orders: orders.clone(),
        bus: bus.clone(),
        status,
        metrics: metrics.clone(),
    }));
    // Whoever comes back finds what it missed here. A fleet without its Redis serves all the same.
    time::timeout(READY, health.ready()).await.ok();
    fleet.serve(Port::Client, client);
    addresses.announce(&config, node.as_str(), &rules.hash);

    let ending = Ending {
        admission,
        orders,
        metrics,
        fleet: members.zip(budget),
    };
    signals.next().await;
    let draining = health.latch("draining");
    tokio::select! {
        () = ending.drain(config.drain) => {}
        () = signals.next() => tracing::warn!("a second signal: ending at once"),
    }
    drop(draining);
    // What is being taken for a client that is gone by now is given back, or its next pod would wait for us in vain.
    time::timeout(CLAIMS, bus.claims_nothing()).await.ok();
    fleet.stop();
    bus.flush().await;
    ending.release().await;
    Ok(())
}
