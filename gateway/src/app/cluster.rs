//! The other processes: reached before the shards start, spoken to on the control thread.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use carillon_crds::compile::Rulebook;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::{oneshot, watch};
use tokio::task;
use tokio::time;

use super::AppError;
use crate::admin::health::{Health, Latch};
use crate::admin::metrics::{Metrics, ShardMetrics, Source as Counted};
use crate::bus::Bus;
use crate::bus::broadcast::{HistoryLimits, Source};
use crate::bus::cluster::format::{Format, Mode};
use crate::bus::cluster::members::{Lease, Members, OtherMode};
use crate::bus::cluster::modes::Told;
use crate::bus::cluster::{self, Observer, Parts};
use crate::bus::redis::{Events, Link, RedisUrl, Settings, read_streams};
use crate::bus::remote::{Outgoing, Remote};
use crate::bus::wire::cluster::SubscriptionMode;
use crate::bus::wire::streams::Names;
use crate::clock;
use crate::config::{self, RedisMode, RedisSettings};
use crate::id::KeyRing;
use crate::policy::{NamespaceRules, Snapshot};
use crate::transport::{Directory, Found, PeerAddress};

/// What is made before the bus is.
pub(super) struct Prepared {
    pub(super) remote: Remote,
    outgoing: UnboundedReceiver<Outgoing>,
    pub(super) members: Members,
    asked: UnboundedReceiver<oneshot::Sender<()>>,
    link: Link,
    events: Events,
    up: watch::Receiver<bool>,
    format: Format,
    settings: Settings,
    prefix: String,
    local_address: Option<IpAddr>,
}

/// What the process has by then.
pub(super) struct Surroundings<'a> {
    pub(super) bus: &'a Bus,
    pub(super) rules: &'a watch::Receiver<Arc<Rulebook>>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) health: &'a Health,
    pub(super) keys: &'a Arc<KeyRing>,
    /// Where the peer port listens, and at which address others reach it, if that is told.
    pub(super) peer: Option<(SocketAddr, Option<IpAddr>)>,
    /// The keys are given from outside: those in Redis are not for us.
    pub(super) own_keys: bool,
}

/// Bytes of broadcasts that may wait for Redis.
const QUEUE_BYTES: usize = 16 << 20;
/// The first version of Redis that has sharded channels.
const SHARDED_SINCE: u16 = 7;
/// How long to wait between two questions to a Redis that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// Connects, and decides what is spoken.
pub(super) async fn prepare(settings: &RedisSettings) -> Result<Prepared, AppError> {
    let url: RedisUrl = settings
        .url
        .expose()
        .parse()
        .map_err(|error| AppError::Redis(format!("CARILLON_REDIS_URL: {error}")))?;
    let url = match &settings.ca {
        Some(pem) => url
            .with_ca(pem.clone().into_bytes())
            .map_err(|error| AppError::Redis(format!("CARILLON_REDIS_CA_FILE: {error}")))?,
        None => url,
    };
    let local_address = url.local_address();
    let link_settings = Settings {
        queue_bytes: QUEUE_BYTES,
        request_timeout: settings.request_timeout,
        ..Settings::new(url)
    };
    let (link, events, up) = Link::start(link_settings.clone());
    let mode = match settings.mode {
        Some(mode) => mode,
        None => choose(&link).await,
    };
    if mode == RedisMode::Sharded
        && let Some(major) = version(&link).await
        && major < SHARDED_SINCE
    {
        return Err(AppError::Redis(format!(
            "CARILLON_REDIS_MODE: sharded needs Redis {SHARDED_SINCE} or newer, this is {major}: use classic or streams"
        )));
    }
    let rooms = match settings.subscription_mode {
        config::SubscriptionMode::Static => SubscriptionMode::Static,
        config::SubscriptionMode::Dynamic => SubscriptionMode::Dynamic,
        config::SubscriptionMode::DynamicPrivate => SubscriptionMode::DynamicPrivate,
    };
    let names = Names::new(settings.stream_name.clone(), settings.stream_count);
    let format = Format::new(mode_of(mode), &settings.key_prefix, rooms, names);
    let (remote, outgoing) = Remote::new(
        QUEUE_BYTES,
        format.name(),
        format.hears(),
        settings.request_timeout,
        &settings.key_prefix,
    );
    let (members, asked) = Members::new();
    Ok(Prepared {
        remote,
        outgoing,
        members,
        asked,
        link,
        events,
        up,
        format,
        settings: link_settings,
        prefix: settings.key_prefix.clone(),
        local_address,
    })
}

/// The mode where none is named: it takes an answer of Redis.
async fn choose(link: &Link) -> RedisMode {
    loop {
        match version(link).await {
            Some(SHARDED_SINCE..) => return RedisMode::Sharded,
            Some(_) => return RedisMode::Classic,
            None => tracing::warn!(
                "Redis does not answer, and what is spoken depends on its version: waiting (CARILLON_REDIS_MODE names it)"
            ),
        }
        time::sleep(RETRY).await;
    }
}

async fn version(link: &Link) -> Option<u16> {
    link.version().await.ok().map(|(major, _)| major)
}

fn mode_of(mode: RedisMode) -> Mode {
    match mode {
        RedisMode::Classic => Mode::Classic,
        RedisMode::Sharded => Mode::Sharded,
        RedisMode::Streams => Mode::Streams,
    }
}

impl Prepared {
    /// Starts to speak to the others.
    pub(super) fn start(self, around: &Surroundings<'_>) {
        let Self {
            remote,
            outgoing,
            members,
            asked,
            link,
            events,
            up,
            format,
            settings,
            prefix,
            local_address,
        } = self;
        let Surroundings {
            bus,
            rules,
            metrics,
            health,
            keys,
            peer,
            own_keys,
        } = around;
        metrics.set_bus_up(false);
        metrics.set_bus_unsent(Arc::clone(remote.lost()));
        let lease = Lease {
            keys: Arc::clone(keys),
            shares_keys: !own_keys,
            address: peer.and_then(|(bound, told)| {
                let bound_to = Some(bound.ip()).filter(|address| !address.is_unspecified());
                let address = told.or(bound_to).or(local_address)?;
                Some((address, bound.port()).into())
            }),
            mode: format.name(),
            prefix,
            now: clock::now,
        };
        let stores = {
            let members = members.clone();
            move || members.is_lowest()
        };
        let other_mode = other_mode((*health).clone(), lease.mode);
        let watched = seen_mode((*health).clone(), lease.mode);
        task::spawn_local(
            members
                .clone()
                .keep(lease, link.clone(), asked, up, other_mode),
        );
        let entries = Some(format.streams()).filter(|streams| !streams.is_empty());
        let entries = entries.map(|streams| {
            let (to, entries) = mpsc::channel(ENTRIES);
            task::spawn_local(read_streams(settings.clone(), streams, to));
            entries
        });
        let observer = Watcher {
            metrics: Arc::clone(metrics),
            counted: metrics.control(),
            rules: (*rules).clone(),
            starting: RefCell::new(Some(health.latch("the bus is not connected yet"))),
            is_up: Cell::new(false),
        };
        let declared = {
            let rules = rules.borrow();
            rules.declared().map(|(name, _)| Arc::from(name)).collect()
        };
        let keep = {
            let rules = (*rules).clone();
            move |name: &str| history(&rules.borrow(), name)
        };
        let parts = Parts {
            bus: (*bus).clone(),
            remote,
            outgoing,
            link,
            events,
            entries,
            format,
            declared,
            request_timeout: settings.request_timeout,
            keep: Box::new(keep),
            stores: Box::new(stores),
            observer: Rc::new(observer),
            members,
            other_mode: watched,
            now: clock::now,
        };
        task::spawn_local(cluster::run(parts));
    }
}

/// Entries of streams that are read and not yet taken: more wait in Redis.
const ENTRIES: usize = 64;

/// Not ready while pods of ours speak another mode.
fn other_mode(health: Health, ours: &'static str) -> OtherMode {
    // Until the first heartbeat this pod does not know the keys of the others.
    let first = health.latch("the keys of the cluster are not known yet");
    let told = told(health, ours, "the other nodes speak", first);
    Box::new(told)
}

/// Not ready while other servers are seen to speak another mode.
fn seen_mode(health: Health, ours: &'static str) -> Told {
    let first = health.latch("it is not known yet what the other servers speak");
    let told = told(health, ours, "servers on the same channels speak", first);
    Box::new(told)
}

/// Holds `first` until it is called, then a latch that names the other mode while there is one.
fn told(
    health: Health,
    ours: &'static str,
    who: &'static str,
    first: Latch,
) -> impl Fn(Option<&str>) {
    let latch = RefCell::new(Some((String::new(), first)));
    move |other: Option<&str>| {
        let mut latch = latch.borrow_mut();
        let told = latch.as_ref().map(|(mode, _)| mode.as_str());
        if told == other {
            return;
        }
        *latch = other.map(|other| {
            let reason = format!(
                "{who} {other}, this one {ours}: set CARILLON_REDIS_MODE={other} here, or {ours} there"
            );
            tracing::error!(reason, "not ready");
            (other.to_owned(), health.latch(reason))
        });
    }
}

/// The other pods, for the shards.
pub(super) struct Leases(pub(super) Members);

impl Directory for Leases {
    fn find(&self, incarnation: u32) -> Pin<Box<dyn Future<Output = Found>>> {
        let members = self.0.clone();
        Box::pin(async move {
            let Some(sighting) = members.find(incarnation).await else {
                return Found::Gone;
            };
            let peer = PeerAddress {
                address: sighting.address,
                draining: sighting.draining,
            };
            if sighting.live {
                Found::Here(peer)
            } else {
                Found::Stale(peer)
            }
        })
    }
}

/// What the history keeps of a namespace.
pub(super) fn history(rules: &Snapshot, name: &str) -> Option<HistoryLimits> {
    let found = NamespaceRules::find(rules, name)?;
    let history = found.rules.history.as_ref()?;
    Some(HistoryLimits {
        size: history.size,
        ttl: history.ttl,
    })
}

/// Tells metrics, health and log how the cluster goes.
struct Watcher {
    metrics: Arc<Metrics>,
    counted: Arc<ShardMetrics>,
    rules: watch::Receiver<Arc<Rulebook>>,
    /// Not ready until all subscriptions stand for the first time; a loss later does not take the pod out of service.
    starting: RefCell<Option<Latch>>,
    is_up: Cell<bool>,
}

impl Observer for Watcher {
    fn up(&self, up: bool, reason: &str) {
        self.metrics.set_bus_up(up);
        if up {
            self.starting.take();
        }
        match (self.is_up.replace(up), up) {
            (false, true) => tracing::info!("the bus is up"),
            (true, false) => {
                tracing::warn!(reason, "the bus is down: messages reach this node alone");
            }
            _ => {}
        }
    }

    fn error(&self, kind: &'static str) {
        self.counted.bus_error(kind);
    }

    fn accepted(&self, namespace: &str, source: Source) {
        let source = match source {
            Source::Emitter => Counted::Emitter,
            _ => Counted::Bus,
        };
        if let Some(found) = NamespaceRules::find(&self.rules.borrow(), namespace) {
            self.counted.namespace(&found.rules.label).accepted(source);
        }
    }

    fn lag(&self, lag: Duration) {
        self.counted.bus_lag(lag);
    }
}
