//! Where rules, rooms and bus meet: what a packet does.
//!
//! One node a shard. It knows no transport: a [`Session`] gets texts and bytes, and answers through the hub.

mod acks;
mod event;
mod fence;
mod heard;
mod holding;
mod inbound;
mod log;
mod park;
mod publish;
mod recovery;
mod reload;
mod replay;
mod restore;
mod session;
mod space;
mod view;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use self::acks::Pending;
use self::fence::Fences;
use self::heard::Heard;
use self::holding::Holding;
use self::log::Log;
use self::recovery::Unwritten;
use self::replay::Replays;
pub use self::session::{Held, Outline, Session, Stays};
use self::space::Spaces;
use crate::admin::metrics::ShardMetrics;
use crate::bus::Bus;
use crate::hub::{Client, Hub};
use crate::id::EntryId;
use crate::policy::Snapshot;

/// One shard's brain.
pub struct Node {
    hub: Rc<Hub>,
    bus: Bus,
    /// Which of the bus's shards this is.
    shard: usize,
    metrics: Arc<ShardMetrics>,
    rules: RefCell<Snapshot>,
    spaces: RefCell<Spaces>,
    acks: RefCell<Pending>,
    /// The last entry of each order that came by the inbox: this shard's position.
    latest: Vec<Cell<EntryId>>,
    unwritten: Unwritten,
    replays: Replays,
    holding: Holding,
    log: Log,
    /// The rooms whose messages from other processes do not reach this one yet.
    heard: Rc<Heard>,
    fences: Fences,
}

impl Node {
    /// A node that nobody has connected to yet.
    #[must_use]
    pub fn new(
        hub: Rc<Hub>,
        bus: Bus,
        shard: usize,
        metrics: Arc<ShardMetrics>,
        rules: Snapshot,
    ) -> Rc<Self> {
        let heard = Heard::new(bus.clone());
        if bus.remote().is_some() {
            hub.watch(heard.clone());
        }
        let latest = (0..bus.lanes())
            .map(|lane| Cell::new(bus.start(lane)))
            .collect();
        let node = Self {
            hub,
            bus,
            shard,
            metrics,
            rules: RefCell::new(rules),
            spaces: RefCell::default(),
            acks: RefCell::default(),
            latest,
            unwritten: Unwritten::default(),
            replays: Replays::default(),
            holding: Holding::default(),
            log: Log::default(),
            heard,
            fences: Fences::default(),
        };
        node.declare_metrics();
        Rc::new(node)
    }

    /// Up to where this shard has heard an order.
    fn position(&self, lane: usize) -> EntryId {
        self.latest[lane].get()
    }

    /// A new Engine.IO session, whose messages have at most `max_payload` bytes each.
    #[must_use]
    pub fn open(self: &Rc<Self>, client: &Rc<Client>, max_payload: usize) -> Rc<Session> {
        Rc::new(Session::new(self.clone(), client.clone(), max_payload))
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Snapshot {
        self.rules.borrow().clone()
    }
}
