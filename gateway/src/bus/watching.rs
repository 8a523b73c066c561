//! Who waits for the next entry of a room.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::{Bus, remote::Hears};

/// Someone waiting for a room's next entry.
#[derive(Debug)]
pub struct Watch {
    heard: Option<oneshot::Receiver<()>>,
    changed: Option<watch::Receiver<()>>,
    namespace: Arc<str>,
    room: Arc<str>,
    bus: Bus,
}

impl Bus {
    /// Waits for entries of a room that come after this call, from other processes too once it is [`Watch::heard`].
    pub fn watch(&self, namespace: Arc<str>, room: Arc<str>) -> Watch {
        let heard = self.remote().and_then(|remote| {
            self.use_namespace(&namespace, true);
            let subscribes = remote.hears() != Hears::Everything && !room.is_empty();
            subscribes.then(|| self.enter_room(&namespace, &room))?
        });
        Watch {
            heard,
            changed: Some(self.store().watch(&namespace, &room)),
            namespace,
            room,
            bus: self.clone(),
        }
    }
}

impl Watch {
    /// Waits until what others publish to the room reaches this process.
    pub async fn heard(&mut self) {
        if let Some(heard) = self.heard.take() {
            // An error means that nobody is there who could say.
            let _ = heard.await;
        }
    }

    /// Waits for an entry that is newer than this watch, or than the last call. Cancel safe.
    pub async fn changed(&mut self) {
        if let Some(changed) = &mut self.changed {
            // The sender lives in the store as long as a receiver does, and the store as long as this handle.
            let _ = changed.changed().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.changed = None;
        self.bus.store().unwatch(&self.namespace, &self.room);
        if let Some(remote) = self.bus.remote() {
            if remote.hears() != Hears::Everything && !self.room.is_empty() {
                self.bus.leave_room(&self.namespace, &self.room);
            }
            self.bus.use_namespace(&self.namespace, false);
        }
    }
}
