//! The other processes: reached before the shards start, spoken to on the control thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use carillon_crds::compile::Rulebook;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task;
use tokio::time;

use super::AppError;
use crate::admin::health::{Health, Latch};
use crate::admin::metrics::{Metrics, ShardMetrics, Source as Counted};
use crate::bus::Bus;
use crate::bus::broadcast::{HistoryLimits, Source};
use crate::bus::cluster::format::{Format, Mode};
use crate::bus::cluster::{self, Observer, Parts};
use crate::bus::redis::{Event, Link, RedisUrl, Settings};
use crate::bus::remote::{Outgoing, Remote};
use crate::clock;
use crate::bus::wire::cluster::SubscriptionMode;
use crate::bus::wire::streams::Names;
use crate::config::{self, RedisMode, RedisSettings};
use crate::policy::{NamespaceRules, Snapshot};

/// What is made before the bus is.
pub(super) struct Prepared {
    pub(super) remote: Remote,
    outgoing: UnboundedReceiver<Outgoing>,
    link: Link,
    events: UnboundedReceiver<Event>,
    up: watch::Receiver<bool>,
    format: Format,
    request_timeout: Duration,
}

/// Bytes of broadcasts that may wait for Redis.
const QUEUE_BYTES: usize = 16 << 20;
/// The first version of Redis that has sharded channels.
const SHARDED_SINCE: u16 = 7;
/// How long to wait between two questions to a Redis that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// Connects, and decides what is spoken.
pub(super) async fn prepare(
    settings: &RedisSettings,
    rules: &Snapshot,
) -> Result<Prepared, AppError> {
    let url: RedisUrl = settings
        .url
        .expose()
        .parse()
        .map_err(|error| AppError::Redis(format!("CARILLON_REDIS_URL: {error}")))?;
    let (link, events, up) = Link::start(Settings {
        queue_bytes: QUEUE_BYTES,
        request_timeout: settings.request_timeout,
        ..Settings::new(url)
    });
    let mode = match settings.mode {
        Some(mode) => mode,
        None => choose(&link, rules).await,
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
    let (remote, outgoing) = Remote::new(QUEUE_BYTES, format.name(), format.hears_rooms());
    Ok(Prepared {
        remote,
        outgoing,
        link,
        events,
        up,
        format,
        request_timeout: settings.request_timeout,
    })
}

/// The mode where none is named: it takes an answer of Redis.
async fn choose(link: &Link, _rules: &Snapshot) -> RedisMode {
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
    pub(super) fn start(
        self,
        bus: &Bus,
        rules: &watch::Receiver<Arc<Rulebook>>,
        metrics: &Arc<Metrics>,
        health: &Health,
    ) {
        let Self {
            remote,
            outgoing,
            link,
            events,
            up: _,
            format,
            request_timeout,
        } = self;
        metrics.set_bus_up(false);
        let observer = Watcher {
            metrics: metrics.clone(),
            counted: metrics.control(),
            rules: rules.clone(),
            starting: RefCell::new(Some(health.latch("the bus is not connected yet"))),
            is_up: Cell::new(false),
        };
        let declared = {
            let rules = rules.borrow();
            rules.declared().map(|(name, _)| Arc::from(name)).collect()
        };
        let keep = {
            let rules = rules.clone();
            move |name: &str| history(&rules.borrow(), name)
        };
        let parts = Parts {
            bus: bus.clone(),
            remote,
            outgoing,
            link,
            events,
            format,
            declared,
            request_timeout,
            keep: Box::new(keep),
            observer: Rc::new(observer),
            now: clock::now,
        };
        task::spawn_local(cluster::run(parts));
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
