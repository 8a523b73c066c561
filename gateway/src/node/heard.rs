//! What this shard uses of the cluster, and which of its rooms are not heard yet.
//!
//! Where rooms are subscribed one by one, an event that joins one is acknowledged once messages to the room reach this
//! process: whoever has the ack misses none that is published after it.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use futures_util::{FutureExt, future::Shared};
use tokio::sync::oneshot;

use crate::bus::Bus;
use crate::bus::remote::{Hears, Remote};
use crate::hub::Watch;
use crate::target::is_socket_room;

/// Comes once a room is heard, or will not be for now.
pub(super) type Hearing = Shared<oneshot::Receiver<()>>;

/// The hub's watch.
pub(super) struct Heard {
    bus: Bus,
    hears: Hears,
    waiting: RefCell<HashMap<(Arc<str>, Arc<str>), Hearing>>,
}

impl Heard {
    pub(super) fn new(bus: Bus) -> Rc<Self> {
        let hears = bus.remote().map_or(Hears::Everything, Remote::hears);
        Rc::new(Self {
            bus,
            hears,
            waiting: RefCell::default(),
        })
    }

    /// What a join of these rooms has to wait for; nothing if all are heard.
    pub(super) fn missing(&self, namespace: &Arc<str>, rooms: &[Arc<str>]) -> Vec<Hearing> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        for room in rooms {
            let key = (Arc::clone(namespace), Arc::clone(room));
            let Some(hearing) = waiting.get(&key) else {
                continue;
            };
            if hearing.clone().now_or_never().is_some() {
                waiting.remove(&key);
            } else {
                missing.push(hearing.clone());
            }
        }
        missing
    }
}

impl Watch for Heard {
    fn namespace(&self, name: &Arc<str>, used: bool) {
        self.bus.use_namespace(name, used);
    }

    fn room(&self, namespace: &Arc<str>, room: &Arc<str>, used: bool) {
        match self.hears {
            Hears::Everything => return,
            Hears::Rooms if is_socket_room(room) => return,
            Hears::Rooms | Hears::AllRooms => {}
        }
        let key = || (Arc::clone(namespace), Arc::clone(room));
        if !used {
            self.waiting.borrow_mut().remove(&key());
            self.bus.leave_room(namespace, room);
        } else if let Some(hearing) = self.bus.enter_room(namespace, room) {
            self.waiting.borrow_mut().insert(key(), hearing.shared());
        }
    }
}
