//! The namespaces in use on this shard, each with the rules it lives under.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use carillon_crds::document::Overflow;

use super::Node;
use crate::admin::metrics::{EventMetrics, NamespaceMetrics};
use crate::bus::broadcast::HistoryLimits;
use crate::hub::{BacklogLimit, Namespace};
use crate::policy::NamespaceRules;

/// A namespace in use.
pub(super) struct Space {
    pub(super) namespace: Rc<Namespace>,
    live: RefCell<Rc<Live>>,
}

/// The rules of a namespace and the counters that go with them; replaced as a whole by a reload.
pub(super) struct Live {
    pub(super) rules: NamespaceRules,
    pub(super) metrics: Arc<NamespaceMetrics>,
    events: EventMetrics,
    /// The place of each declared event in `events`.
    indices: HashMap<Box<str>, usize>,
}

/// All of them, by name.
pub(super) type Spaces = HashMap<Arc<str>, Rc<Space>>;

/// At most so many namespaces exist by pattern on a shard.
const DYNAMIC: usize = 1000;

impl Space {
    pub(super) fn live(&self) -> Rc<Live> {
        self.live.borrow().clone()
    }

    pub(super) fn metrics(&self) -> Ref<'_, NamespaceMetrics> {
        Ref::map(self.live.borrow(), |live| &*live.metrics)
    }

    pub(super) fn set_live(&self, live: Live) {
        *self.live.borrow_mut() = Rc::new(live);
    }

    /// What the history keeps of this namespace, if it has any.
    pub(super) fn history(&self) -> Option<HistoryLimits> {
        let live = self.live.borrow();
        let history = live.rules.rules.history.as_ref()?;
        Some(HistoryLimits {
            size: history.size,
            ttl: history.ttl,
        })
    }

    /// What history and recovery keep of this namespace's messages; `None` if it has neither.
    pub(super) fn keeps(&self) -> Option<(HistoryLimits, Option<Duration>)> {
        let (history, recovery) = (self.history(), self.recovery());
        let is_kept = history.is_some() || recovery.is_some();
        is_kept.then(|| (history.unwrap_or(HistoryLimits::NONE), recovery))
    }

    /// How long a socket may be away, if it may come back.
    pub(super) fn recovery(&self) -> Option<Duration> {
        self.live.borrow().rules.rules.recovery
    }
}

impl Live {
    /// An event of that name came.
    pub(super) fn received(&self, event: &str) {
        self.events.received(self.indices.get(event).copied());
    }
}

impl Node {
    /// The namespace in use of that name.
    pub(super) fn space(&self, name: &str) -> Option<Rc<Space>> {
        self.spaces.borrow().get(name).cloned()
    }

    /// The namespace that a client asks for, if the rules have it.
    pub(super) fn open_space(&self, name: &str) -> Option<Rc<Space>> {
        if let Some(space) = self.space(name) {
            return Some(space);
        }
        let rules = NamespaceRules::find(&self.rules.borrow(), name)?;
        if !rules.rules.exact && !self.has_room_for_dynamic() {
            return None;
        }
        let live = self.live(rules);
        let namespace = self
            .hub
            .open_namespace(name, &live.metrics, backlog(&live.rules));
        let space = Rc::new(Space {
            namespace,
            live: RefCell::new(Rc::new(live)),
        });
        self.spaces
            .borrow_mut()
            .insert(space.namespace.name.clone(), space.clone());
        Some(space)
    }

    /// Rules with their counters.
    pub(super) fn live(&self, rules: NamespaceRules) -> Live {
        let label = &rules.rules.label;
        let mut names: Vec<&str> = rules.rules.events.keys().map(|name| &**name).collect();
        names.sort_unstable();
        let events = self.metrics.events(label, names.iter().copied());
        let indices = names
            .iter()
            .enumerate()
            .map(|(index, name)| ((*name).into(), index))
            .collect();
        Live {
            metrics: self.metrics.namespace(label),
            events,
            indices,
            rules,
        }
    }

    /// Every declared namespace has its metrics from the start, so that rates begin at zero.
    pub(super) fn declare_metrics(&self) {
        let rules = self.rules.borrow().clone();
        for namespace in rules.namespaces() {
            self.metrics.namespace(&namespace.label);
            self.metrics.events(
                &namespace.label,
                namespace.events.keys().map(|name| &**name),
            );
        }
    }

    fn has_room_for_dynamic(&self) -> bool {
        let mut spaces = self.spaces.borrow_mut();
        let is_dynamic = |space: &Space| !space.live.borrow().rules.rules.exact;
        if spaces.values().filter(|space| is_dynamic(space)).count() < DYNAMIC {
            return true;
        }
        spaces.retain(|_, space| {
            let keep = !is_dynamic(space) || space.namespace.socket_count() > 0;
            if !keep {
                self.hub.close_namespace(&space.namespace);
            }
            keep
        });
        spaces.values().filter(|space| is_dynamic(space)).count() < DYNAMIC
    }
}

/// The hub's form of the rule.
pub(super) fn backlog(rules: &NamespaceRules) -> BacklogLimit {
    BacklogLimit {
        bytes: rules.rules.backlog,
        skip: rules.rules.overflow == Overflow::Skip,
    }
}
