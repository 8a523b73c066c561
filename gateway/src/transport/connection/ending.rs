//! How a session ends, and what its client is told of it.

use super::{Connection, transport};
use crate::clock;
use crate::engine::packet;
use crate::engine::session::{Carrier, Reason};
use crate::hub::{Batch, Close};
use crate::socket::frame;

/// How a session ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::transport) struct End {
    /// Engine.IO's text, or the name of our rule.
    pub(in crate::transport) reason: &'static str,
    pub(in crate::transport) farewell: Farewell,
}

/// What the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Farewell {
    /// Nothing: it is gone.
    Gone,
    /// It broke the protocol or a limit: a poll that waits is told, a later one finds no session, and nothing is kept for it.
    Abort,
    /// We want it to go: a later poll is told too.
    Linger,
}

impl End {
    /// The client broke the protocol, or left by its rules.
    pub(in crate::transport) fn of(reason: Reason) -> Self {
        Self {
            reason: reason.text(),
            farewell: Farewell::Abort,
        }
    }

    /// What a poll that waits is told: a client that has closed the session itself needs no word of it.
    fn last_packet(&self) -> &'static str {
        if self.reason == Reason::TransportClose.text() {
            packet::NOOP
        } else {
            packet::CLOSE
        }
    }

    /// The client is gone.
    pub(in crate::transport) fn gone(reason: Reason) -> Self {
        Self {
            reason: reason.text(),
            farewell: Farewell::Gone,
        }
    }
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self {
            reason: close.label(),
            farewell: match close {
                // What is too much must not be kept for a poll that may never come.
                Close::Backlog | Close::Overload => Farewell::Abort,
                Close::Forced | Close::Parse | Close::Shutdown => Farewell::Linger,
            },
        }
    }
}

impl Connection {
    /// Ends a session on a websocket, with this code in the close frame.
    pub(in crate::transport) fn close_websocket(&self, code: Option<u16>, reason: Reason) {
        self.finish(
            End {
                reason: reason.text(),
                farewell: Farewell::Abort,
            },
            code,
        );
    }

    /// Ends the session. Nothing happens the second time.
    pub(in crate::transport) fn close(&self, end: End) {
        self.finish(end, None);
    }

    /// The one way out.
    fn finish(&self, end: End, code: Option<u16>) {
        let (carrier, hub) = (self.carrier(), &self.gate.hub);
        if carrier == Carrier::Polling && self.client.unsent() > 0 {
            // What waits must not share a payload with the close packet.
            hub.flush_now(&self.client);
        }
        let polled = hub.is_polled(&self.client);
        let lingers = carrier == Carrier::Polling && end.farewell == Farewell::Linger && !polled;
        match carrier {
            Carrier::Closed => return,
            Carrier::Lingering { .. } => return self.forget(),
            Carrier::Polling | Carrier::Websocket => {}
        }
        self.engine.borrow_mut().close(lingers, clock::now());
        self.application().closed(end.reason);
        self.exchanges.end(hub);
        match carrier {
            Carrier::Websocket if end.farewell != Farewell::Gone => {
                hub.finish(&self.client, |out| frame::close(out, code));
            }
            Carrier::Polling if lingers => {
                self.owes_farewell.set(true);
                if self.client.unsent() == 0 {
                    self.say_farewell();
                } else {
                    hub.keep(&self.client);
                }
            }
            Carrier::Polling if polled => {
                hub.finish(&self.client, |out| frame::text(out, &[end.last_packet()]));
            }
            _ => hub.discard(&self.client),
        }
        self.gate
            .metrics
            .session_closed(transport(carrier), end.reason);
        self.permit.take();
        self.wake_reader();
        if !lingers {
            self.gate.leave(self);
        }
    }

    /// What a poll of a lingering session gets: what waited, and the poll after it the farewell.
    pub(in crate::transport) fn last_batches(&self) -> Option<Batch> {
        let take = || self.gate.hub.take_batch(&self.client);
        if self.owes_farewell.get() {
            let waited = take();
            self.say_farewell();
            if waited.is_some() {
                return waited;
            }
        }
        let farewell = take();
        self.forget();
        farewell
    }

    /// What the last poll gets: a noop and the close packet, as from Node, and nothing else. socket.io-client takes the
    /// messages of a payload only after its close packet: it would keep them for its next connection, where a recovered
    /// session gets them again, since their offset was not noted.
    fn say_farewell(&self) {
        self.owes_farewell.set(false);
        self.gate.hub.linger(&self.client, |out| {
            frame::text(out, &[packet::NOOP]);
            frame::text(out, &[packet::CLOSE]);
        });
    }

    /// Nothing is owed to a lingering session any more.
    fn forget(&self) {
        self.engine.borrow_mut().close(false, clock::now());
        self.gate.hub.discard(&self.client);
        self.gate.leave(self);
    }
}
