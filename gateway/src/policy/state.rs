//! What is remembered of a socket between events: only levels of buckets that were used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_crds::compile::{Event, Namespace};

use super::Bucket;

/// The buckets of one socket. A socket that never sent anything holds nothing on the heap.
#[derive(Clone, Debug, Default)]
pub struct SocketState {
    all: Option<Bucket>,
    /// One word instead of three: most sockets never use it.
    each: Option<Box<Each>>,
}

/// Buckets by the names of events.
type Each = Vec<(Arc<str>, Bucket)>;

impl SocketState {
    /// Takes from the bucket of all events.
    pub(super) fn take(&mut self, rules: &Namespace, now: Instant) -> Result<(), Duration> {
        let limit = &rules.limit;
        let bucket = self
            .all
            .get_or_insert_with(|| Bucket::full(now, limit.burst));
        bucket.take(now, limit.rate.a_second(), limit.burst)
    }

    /// The buckets that were used: the one of all events, and those of single ones by name.
    #[must_use]
    pub fn buckets(&self) -> (Option<Bucket>, Vec<(Arc<str>, Bucket)>) {
        (self.all, self.each.as_deref().cloned().unwrap_or_default())
    }

    /// The state with these buckets.
    #[must_use]
    pub fn restored(all: Option<Bucket>, each: Vec<(Arc<str>, Bucket)>) -> Self {
        let each = (!each.is_empty()).then(|| Box::new(each));
        Self { all, each }
    }

    /// Takes from the bucket of one event, if it has a limit.
    pub(super) fn take_event(
        &mut self,
        rules: &Namespace,
        event: &Event,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some(limit) = event.limit else {
            return Ok(());
        };
        let each = self.each.get_or_insert_default();
        let index = match each.iter().position(|(name, _)| *name == event.name) {
            Some(index) => index,
            None => {
                // Names that a reload has taken away make room for those it brought.
                each.retain(|(name, _)| {
                    rules
                        .events
                        .get(&**name)
                        .is_some_and(|it| it.limit.is_some())
                });
                each.push((event.name.clone(), Bucket::full(now, limit.count())));
                each.len() - 1
            }
        };
        each[index].1.take(now, limit.a_second(), limit.count())
    }
}
