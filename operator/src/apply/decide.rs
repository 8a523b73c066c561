//! What to do about one child: pure.

use carillon_crds::names::kubernetes::annotation;
use serde_json::{Value, json};

use super::compare::is_subset;
use crate::build::{Child, Kind};
use crate::cache::live::{Live, digest, shorten};

/// A child as it is to be, with the hash of itself.
#[derive(Debug)]
pub struct Desired {
    kind: Kind,
    hash: String,
    object: Value,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Keep,
    /// There is none.
    Create,
    /// It has to be applied.
    Apply {
        /// Drift, or another wish.
        reason: Reason,
        /// The state on which this was decided, where another state would mean another decision.
        version: Option<String>,
    },
    /// It belongs to somebody else.
    Foreign,
    /// One of this name is about to go.
    Wait,
}

/// Why something is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The fleet's spec, or the operator, asks for something else than before.
    Changed,
    /// Somebody changed what is ours.
    Drift,
}

/// How the API server stores a wish that it words in its own way: the same answer to the same wish is no drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    hash: String,
    answer: String,
}

impl Desired {
    /// A child, with its hash as an annotation.
    #[must_use]
    pub fn new(child: &Child) -> Self {
        let mut object = child.object.clone();
        object.sort_all_objects();
        let hash = digest(&object.to_string())[..HASH].to_owned();
        object["metadata"]["annotations"][annotation::APPLIED] = hash.clone().into();
        Self {
            kind: child.kind,
            hash,
            object,
        }
    }

    /// Tells it from another wish.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What is sent.
    #[must_use]
    pub fn body(&self, verdict: &Verdict) -> Value {
        let mut body = self.object.clone();
        if let Verdict::Apply {
            version: Some(version),
            ..
        } = verdict
        {
            body["metadata"]["resourceVersion"] = json!(version);
        }
        body
    }

    fn stands_in(&self, live: &Value) -> bool {
        let mut object = self.object.clone();
        shorten(self.kind, &mut object);
        is_subset(self.kind, &object, live)
    }
}

impl Verdict {
    /// In a word, for the log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Create => "absent",
            Self::Apply {
                reason: Reason::Changed,
                ..
            } => "changed",
            Self::Apply {
                reason: Reason::Drift,
                ..
            } => "drift",
            Self::Keep | Self::Foreign | Self::Wait => "",
        }
    }
}

/// What to do about a child, given what is there.
#[must_use]
pub fn decide(
    desired: &Desired,
    live: Option<&Live>,
    owner: &str,
    memory: Option<&Settled>,
) -> Verdict {
    let Some(live) = live else {
        return Verdict::Create;
    };
    match live.owner.as_deref() {
        Some(other) if other != owner => return Verdict::Wait,
        None => return Verdict::Foreign,
        Some(_) if live.terminating => return Verdict::Wait,
        Some(_) => {}
    }
    let value = live.value();
    let same_wish = live.applied.as_deref() == Some(desired.hash.as_str());
    if same_wish && (desired.stands_in(&value) || memory == Some(&answer(desired, &value))) {
        return Verdict::Keep;
    }
    let reason = if same_wish {
        Reason::Drift
    } else {
        Reason::Changed
    };
    let version = steps(&desired.object, &value).then(|| live.resource_version.clone());
    Verdict::Apply { reason, version }
}

/// What is to be remembered of the answer to a wish, if the API server words it in its own way.
#[must_use]
pub fn settled(desired: &Desired, live: &Live) -> Option<Settled> {
    let value = live.value();
    if desired.stands_in(&value) {
        return None;
    }
    tracing::debug!(
        kind = live.kind.name(),
        namespace = live.namespace,
        name = live.name,
        "stored in other words than applied"
    );
    Some(answer(desired, &value))
}

/// Whether applying would change how many pods there are or whether a rollout goes on.
fn steps(desired: &Value, live: &Value) -> bool {
    [("replicas", json!(1)), ("paused", json!(false))]
        .into_iter()
        .any(|(field, default)| {
            let of = |object: &Value| object["spec"].get(field).cloned();
            of(desired).is_some_and(|wanted| wanted != of(live).unwrap_or(default))
        })
}

fn answer(desired: &Desired, live: &Value) -> Settled {
    let mut live = live.clone();
    if let Some(fields) = live.as_object_mut() {
        fields.remove("status");
    }
    if let Some(fields) = live["metadata"].as_object_mut() {
        for volatile in ["resourceVersion", "generation"] {
            fields.remove(volatile);
        }
    }
    live.sort_all_objects();
    Settled {
        hash: desired.hash.clone(),
        answer: digest(&live.to_string()),
    }
}

/// So many digits tell two wishes apart.
const HASH: usize = 32;

#[cfg(test)]
mod tests;
