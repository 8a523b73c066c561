//! The other processes: reached before the shards start, spoken to on the control thread.

mod source;
mod watcher;

use std::cell::RefCell;
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

use self::watcher::Watcher;
use super::AppError;
use crate::admin::health::{Health, Latch};
use crate::admin::metrics::Metrics;
use crate::bus::Bus;
use crate::bus::broadcast::HistoryLimits;
use crate::bus::budget::Budget;
use crate::bus::cluster::format::{Format, Mode};
use crate::bus::cluster::members::{Lease, Members, OtherMode};
use crate::bus::cluster::modes::Told;
use crate::bus::cluster::{self, Parts};
use crate::bus::redis::{Events, Link, Past, Settings, read_streams};
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
    pub(super) mode: RedisMode,
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
/// The first version that can cut a stream by age.
const RECOVERY_SINCE: (u16, u16) = (6, 2);
/// How long to wait between two questions to a Redis that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// Connects, and decides what is spoken.
pub(super) async fn prepare(
    settings: &RedisSettings,
    rules: &Rulebook,
) -> Result<Prepared, AppError> {
    let url = source::first(settings).map_err(AppError::Redis)?;
    let local_address = url.local_address();
    let link_settings = Settings {
        source: source::of(settings, url.clone()),
        queue_bytes: QUEUE_BYTES,
        request_timeout: settings.request_timeout,
        ..Settings::new(url)
    };
    let (link, events, up) = Link::start(link_settings.clone());
    let recovers = window(rules).is_some();
    let mode = match settings.mode {
        Some(mode) => mode,
        None if recovers => RedisMode::Streams,
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
    if recovers
        && let Some(version) = link.version().await.ok()
        && version < RECOVERY_SINCE
    {
        let ((major, minor), (since, since_minor)) = (version, RECOVERY_SINCE);
        return Err(AppError::Redis(format!(
            "recovery needs Redis {since}.{since_minor} or newer, this is {major}.{minor}"
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
        format.names(),
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
        mode,
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
    /// The drain budget of the fleet.
    pub(super) fn budget(&self, keys: &KeyRing) -> Budget {
        let key = self.remote.key("drain");
        let (link, up) = (self.link.clone(), self.up.clone());
        Budget::new(link, up, key, keys.incarnation(), clock::now)
    }

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
            mode: _,
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
            let rules = (*rules).clone();
            let past: Past =
                Arc::new(move || window(&rules.borrow()).map(|window| window + BEFORE));
            task::spawn_local(read_streams(settings.clone(), streams, past, to));
            entries
        });
        let observer = Watcher::new(metrics, health, (*rules).clone());
        let declared = {
            let rules = rules.borrow();
            rules.declared().map(|(name, _)| Arc::from(name)).collect()
        };
        let keep = {
            let rules = (*rules).clone();
            move |name: &str| keeps(&rules.borrow(), name)
        };
        let window = {
            let rules = (*rules).clone();
            move || window(&rules.borrow())
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
            window: Box::new(window),
            claimant: keys.incarnation(),
            observer: Rc::new(observer),
            members,
            other_mode: watched,
            now: clock::now,
        };
        task::spawn_local(cluster::run(parts));
    }
}

/// A loss may be noticed so much later than a message was sent, beside the window itself.
const BEFORE: Duration = Duration::from_secs(30);
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

/// What history and recovery keep of a namespace.
fn keeps(rules: &Snapshot, name: &str) -> Option<(HistoryLimits, Option<Duration>)> {
    let recovery = NamespaceRules::find(rules, name)?.rules.recovery;
    match history(rules, name) {
        None if recovery.is_none() => None,
        limits => Some((limits.unwrap_or(HistoryLimits::NONE), recovery)),
    }
}

/// The longest window of recovery, if there is any.
pub(super) fn window(rules: &Rulebook) -> Option<Duration> {
    rules.namespaces().filter_map(|found| found.recovery).max()
}
