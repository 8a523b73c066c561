//! A way to know that two processes have heard the same: a question to all others, by the way that messages take.
//!
//! Whoever answers has taken all that was published before the question reached it, and what it had published itself is here
//! before its answer. Questions that come while one is under way share the next one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use tokio::time;

use super::Node;
use crate::bus::Bus;
use crate::bus::query::Query;
use crate::id::SocketId;
use crate::target::Target;

type Passing = Shared<LocalBoxFuture<'static, bool>>;

/// The questions under way, by namespace.
#[derive(Clone, Default)]
pub(super) struct Fences(Rc<RefCell<HashMap<Arc<str>, Lane>>>);

#[derive(Default)]
struct Lane {
    running: Option<Passing>,
    next: Option<Passing>,
}

/// A pod that answers later is too far behind.
const PATIENCE: Duration = Duration::from_secs(1);

impl Node {
    /// Waits until every other process has taken what was published in this namespace up to now, and this shard what they
    /// had published; false if that is not known.
    pub(super) fn fence(&self, namespace: &Arc<str>) -> impl Future<Output = bool> + use<> {
        let mut lanes = self.fences.0.borrow_mut();
        let lane = lanes.entry(namespace.clone()).or_default();
        if let Some(next) = &lane.next {
            return next.clone();
        }
        let before = lane.running.take();
        let (fences, bus, namespace) = (self.fences.clone(), self.bus.clone(), namespace.clone());
        let passing = async move {
            if let Some(before) = before {
                before.await;
            }
            if let Some(lane) = fences.0.borrow_mut().get_mut(&namespace) {
                lane.running = lane.next.take();
            }
            let passed = time::timeout(PATIENCE, pass(&bus, &namespace)).await;
            passed.unwrap_or(false)
        };
        let passing = passing.boxed_local().shared();
        lane.next = Some(passing.clone());
        passing
    }
}

async fn pass(bus: &Bus, namespace: &Arc<str>) -> bool {
    let Some(remote) = bus.remote() else {
        return true;
    };
    if !remote.is_up() {
        return false;
    }
    // Nobody has this id.
    let nobody = SocketId::random();
    let nobody = Target::room(namespace.clone(), nobody.as_str());
    let fetched = bus.fetch(nobody).await;
    if fetched.servers == 0 || fetched.missing > 0 || !remote.is_up() {
        return false;
    }
    // What came before the answers may still be in the inboxes.
    bus.ask(&Query::Counts).all(PATIENCE).await.is_some()
}
