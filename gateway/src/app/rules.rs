//! The rules: loaded before anything starts, and followed while it runs.

use std::sync::Arc;
use std::time::Duration;

use carillon_crds::compile::{self, Namespace, Rulebook};
use carillon_crds::fault::Faults;
use tokio::sync::watch;

use super::AppError;
use super::cluster::history;
use super::fleet::Orders;
use super::settings::PodLimits;
use crate::admin::metrics::Metrics;
use crate::admin::rules::RulesStatus;
use crate::bus::Bus;
use crate::clock;
use crate::config::{Config, RedisMode, RulesSource};
use crate::policy::{NamespaceRules, Snapshot};
use crate::reload::{RulesFile, check_recovery};

/// Where the rules come from, and what is added to them.
pub(super) struct Source {
    file: Option<RulesFile>,
    app_origin: Option<String>,
    joined: Joined,
}

/// By what this process is joined to others.
#[derive(Clone, Copy)]
enum Joined {
    /// There are none.
    Alone,
    /// It is chosen when Redis answers.
    Soon,
    /// By this format.
    By(RedisMode),
}

/// Who is told of new rules.
pub(super) struct Followers {
    pub(super) publish: watch::Sender<Arc<Rulebook>>,
    pub(super) orders: Orders,
    pub(super) bus: Bus,
    pub(super) status: Arc<RulesStatus>,
    pub(super) metrics: Arc<Metrics>,
}

/// Expired history is forgotten so often, also where nobody asks for it.
const TRIM_EVERY: Duration = Duration::from_secs(5);

impl Source {
    /// Loads the rules for the first time.
    pub(super) fn load(config: &Config) -> Result<(Self, Snapshot), AppError> {
        let app_origin = config.app_origin.clone();
        let joined = match &config.redis {
            None => Joined::Alone,
            Some(redis) => redis.mode.map_or(Joined::Soon, Joined::By),
        };
        let (file, text) = match &config.rules {
            RulesSource::Development => {
                return Ok((
                    Self {
                        file: None,
                        app_origin,
                        joined,
                    },
                    Arc::new(compile::development()),
                ));
            }
            RulesSource::File(path) => {
                let file =
                    RulesFile::open(path).map_err(|error| AppError::Rules(error.to_string()))?;
                let text = file.text().to_owned();
                (Some(file), text)
            }
            RulesSource::Text(text) => (None, text.clone()),
        };
        let source = Self {
            file,
            app_origin,
            joined,
        };
        let rules = source
            .compile(&text)
            .map_err(|faults| AppError::Rules(lines(&faults).join("\n")))?;
        Ok((source, rules))
    }

    /// The format is chosen: rules that need another one are refused from now on.
    pub(super) fn joined_by(&mut self, mode: RedisMode) {
        self.joined = Joined::By(mode);
    }

    /// Follows the file, for the life of the process. A bad edit changes nothing.
    pub(super) async fn follow(mut self, followers: Followers) {
        loop {
            let Some(file) = &mut self.file else {
                tokio::time::sleep(TRIM_EVERY).await;
                followers.trim();
                continue;
            };
            let text = tokio::select! {
                text = file.changed() => text.map(str::to_owned),
                () = tokio::time::sleep(TRIM_EVERY) => {
                    followers.trim();
                    continue;
                }
            };
            let rules = match text {
                Ok(text) => self.compile(&text).map_err(|faults| lines(&faults)),
                Err(error) => Err(vec![error.to_string()]),
            };
            match rules {
                Ok(rules) => followers.take(rules),
                Err(faults) => followers.reject(faults),
            }
        }
    }

    fn compile(&self, text: &str) -> Result<Snapshot, Faults> {
        let mut rules = compile::load(text)?;
        if let Joined::By(mode) = self.joined {
            check_recovery(&rules, mode == RedisMode::Streams)?;
        }
        if let Some(origin) = &self.app_origin {
            rules.origins.add(origin);
        }
        Ok(Arc::new(rules))
    }
}

impl Followers {
    fn take(&self, rules: Snapshot) {
        let limits = PodLimits::of(&rules);
        self.metrics.set_limits(
            limits.connections.unwrap_or(0) as u64,
            limits.memory.unwrap_or(0),
        );
        self.orders.rules(&rules, limits);
        self.status.loaded(rules.hash.clone(), clock::wall());
        tracing::info!(hash = rules.hash, "rules loaded");
        let before = self.publish.borrow().clone();
        let is_new = |namespace: &Arc<Namespace>| {
            let was = before.namespaces().find(|was| was.label == namespace.label);
            namespace.recovery.is_some() && was.is_none_or(|was| was.recovery.is_none())
        };
        if rules.namespaces().any(is_new) {
            self.bus.recovers_more();
        }
        self.publish.send_replace(rules);
        self.trim();
    }

    fn reject(&self, faults: Vec<String>) {
        for fault in &faults {
            tracing::error!(fault, "rules refused; the last good ones stay");
        }
        self.status.rejected(faults, clock::wall());
    }

    fn trim(&self) {
        let rules = self.publish.borrow().clone();
        self.bus.trim(&|name| history(&rules, name), clock::now());
        let is_recoverable = |name: &str| {
            let found = NamespaceRules::find(&rules, name);
            found.is_some_and(|found| found.rules.recovery.is_some())
        };
        self.bus.trim_recovery(&is_recoverable, clock::now());
    }
}

fn lines(faults: &Faults) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
