//! What the rules say to one event of one socket: pure, without IO and without a clock.
//!
//! Guards come first, then effects; nothing is done here. Every template is rendered before
//! anything takes effect, so that a refusal never leaves half an event behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use carillon_crds::compile::{self, Rulebook};

pub use admission::{Admission, Emit, admit};
pub use bucket::Bucket;
pub use effects::{Effects, EventName, Payload, Publication, Scope};
pub use facts::{Call, Facts, Rooms};
pub use kept::Kept;
pub use refusal::{Code, Refusal};
pub use state::SocketState;

mod admission;
mod bucket;
mod effects;
mod facts;
mod guards;
mod kept;
mod refusal;
mod state;

/// The rules of one moment, shared by all shards and replaced as a whole.
pub type Snapshot = Arc<Rulebook>;

/// The rules of one live namespace.
#[derive(Clone, Debug)]
pub struct NamespaceRules {
    /// The name that clients ask for.
    pub name: Arc<str>,
    /// The rules.
    pub rules: Arc<compile::Namespace>,
    captures: BTreeMap<Box<str>, Box<str>>,
}

impl NamespaceRules {
    /// The rules of the namespace that a client asks for, if there are any.
    #[must_use]
    pub fn find(rulebook: &Rulebook, name: &str) -> Option<Self> {
        let rules = rulebook.namespace(name)?;
        Some(Self {
            name: name.into(),
            rules,
            captures: rulebook.captures(name),
        })
    }

    /// What `{ns.key}` stands for: a capture of the pattern, or the namespace's own name.
    #[must_use]
    pub fn capture(&self, key: &str) -> Option<&str> {
        let own = || (key == "name").then_some(&*self.name);
        self.captures.get(key).map(|value| &**value).or_else(own)
    }
}

/// What an event does, or why it is refused.
///
/// # Errors
/// The first guard that refuses, or a template without a value.
pub fn decide<'a>(
    rules: &NamespaceRules,
    state: &mut SocketState,
    now: Instant,
    call: &Call<'a>,
    facts: &Facts<'_>,
) -> Result<Effects<'a>, Refusal> {
    let event = guards::pass(&rules.rules, state, now, call)?;
    effects::prepare(rules, event, call, facts)
}

#[cfg(test)]
mod tests;
