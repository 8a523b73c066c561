//! Log lines of connects and disconnects, sampled above a rate.

use std::cell::RefCell;
use std::time::Instant;

use crate::admin::log::Sampler;
use crate::hub::Socket;

/// One shard's samplers.
pub(super) struct Log {
    connects: RefCell<Sampler>,
    disconnects: RefCell<Sampler>,
}

/// Lines of one kind in a second.
const PER_SECOND: u32 = 50;

impl Default for Log {
    fn default() -> Self {
        let sampler = || RefCell::new(Sampler::new(PER_SECOND));
        Self {
            connects: sampler(),
            disconnects: sampler(),
        }
    }
}

impl Log {
    pub(super) fn connect(&self, socket: &Socket, now: Instant) {
        let Some(left_out) = self.connects.borrow_mut().admit(now) else {
            return;
        };
        let address = &*socket.client.handshake.address;
        tracing::info!(socket = %socket.id, namespace = &*socket.namespace.name, address, left_out, "connect");
    }

    pub(super) fn disconnect(&self, socket: &Socket, reason: &str, now: Instant) {
        let Some(left_out) = self.disconnects.borrow_mut().admit(now) else {
            return;
        };
        let address = &*socket.client.handshake.address;
        tracing::info!(socket = %socket.id, namespace = &*socket.namespace.name, address, reason, left_out, "disconnect");
    }
}
