//! Events of Kubernetes (`events.k8s.io/v1`), on the resource.
//!
//! The same event that comes again within six minutes is counted in a series instead of made anew. An object has a
//! budget of events (`limit.rs`), so that one that cannot settle floods nobody.

mod limit;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use carillon_crds::names::kubernetes::MANAGER;
use carillon_crds::resource::RealtimeCluster;
use kube::runtime::events::{self, EventType, Reporter};
use kube::{Client, Resource, ResourceExt};

use self::limit::Limit;
use crate::clock::monotonic;
use crate::failure::Failure;
use crate::status::words::shortened;

/// An event of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// In one word.
    pub reason: &'static str,
    /// In a sentence.
    pub message: String,
}

impl Event {
    /// What went as it should.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            message: message.into(),
        }
    }

    /// What somebody should look at.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::normal(reason, message)
        }
    }
}

/// Writes events.
pub struct Recorder {
    recorder: events::Recorder,
    limit: Mutex<Limit>,
}

impl Recorder {
    /// One for the process. The client is the gated one; `instance` is the name of the operator's pod.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(instance),
        };
        Self {
            recorder: events::Recorder::new(client, reporter),
            limit: Mutex::default(),
        }
    }

    /// Writes one event. What could not be written is in the log; an object beyond its budget has it in the log alone.
    ///
    /// # Errors
    /// Why it was not written. No reconcile should fail for it.
    pub async fn record(&self, cluster: &RealtimeCluster, event: &Event) -> Result<(), Failure> {
        let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
        let Event {
            warning,
            reason,
            message,
        } = event;
        if !self.admits(&cluster.uid().unwrap_or_default()) {
            tracing::info!(namespace, name, reason, message, "too many events");
            return Ok(());
        }
        let note = shortened(message, MAX_NOTE);
        let event = events::Event {
            type_: if *warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: (*reason).to_owned(),
            action: action(reason, &note),
            note: Some(note),
            secondary: None,
        };
        let written = self
            .recorder
            .publish(&event, &cluster.object_ref(&()))
            .await;
        written.map_err(|error| {
            let failure = Failure::from(error);
            tracing::warn!(namespace, name, reason, message, %failure, "an event was not written");
            failure
        })
    }

    fn admits(&self, uid: &str) -> bool {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.admits(uid, monotonic())
    }
}

/// A series is told by reason and action, and keeps the note of its first event: another note needs another action, or
/// `New size: 8` would be counted as one more `New size: 6`.
fn action(reason: &str, note: &str) -> String {
    let mut hasher = DefaultHasher::new();
    note.hash(&mut hasher);
    format!("{reason}-{:016x}", hasher.finish())
}

/// The API server refuses longer notes, in bytes.
const MAX_NOTE: usize = 1_024;

#[cfg(test)]
mod tests;
