//! New rules, with everybody still connected.

use std::rc::Rc;
use std::sync::Arc;

use super::Node;
use super::space::{Space, backlog};
use crate::clock;
use crate::policy::{Code, NamespaceRules, Refusal, Snapshot};

impl Node {
    /// Takes new rules. Sockets of a namespace that is no longer declared are told and leave it; nobody else notices.
    pub fn set_rules(&self, rules: &Snapshot) {
        *self.rules.borrow_mut() = Arc::clone(rules);
        self.declare_metrics();
        let spaces: Vec<_> = self.spaces.borrow().values().cloned().collect();
        for space in spaces {
            match NamespaceRules::find(rules, &space.namespace.name) {
                Some(found) => self.take_rules(&space, found),
                None => self.remove(&space),
            }
        }
        self.metrics.retain(|label| {
            rules
                .namespaces()
                .any(|namespace| *namespace.label == *label)
        });
    }

    fn take_rules(&self, space: &Space, rules: NamespaceRules) {
        let live = self.live(rules);
        self.hub
            .open_namespace(&space.namespace.name, &live.metrics, backlog(&live.rules));
        let was_recoverable = space.recovery().is_some();
        space.set_live(live);
        if was_recoverable && space.recovery().is_none() {
            for socket in space.namespace.sockets() {
                self.end_recovery(&socket);
            }
        }
    }

    fn remove(&self, space: &Rc<Space>) {
        let now = clock::now();
        let live = space.live();
        let name = &*space.namespace.name;
        let refusal = Refusal::new(
            Code::NamespaceRemoved,
            format!("the namespace {name} is no longer declared"),
        );
        let args = refusal.to_event(None);
        for socket in space.namespace.sockets() {
            self.emit_text(&socket, &live.rules.rules.error_event, &args, now);
            self.expel(&socket, false);
        }
        self.spaces.borrow_mut().remove(&space.namespace.name);
        self.hub.close_namespace(&space.namespace);
    }
}
