//! One Engine.IO session: its state machine, what carries it, and the application above it.

mod ending;
mod moving;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Instant;

use tokio::net::tcp::OwnedWriteHalf;

pub(super) use self::ending::{End, Farewell};
pub(super) use self::moving::{Offer, Snapshot, Unmoved};
use super::Application;
use super::admission::Permit;
use super::gate::Gate;
use super::polling::Exchanges;
use super::settings::Settings;
use crate::admin::metrics::Transport;
use crate::engine::packet::{self, Packet};
use crate::engine::query;
use crate::engine::session::{Carrier, Due, Reason, Session, Step, Times, UpgradeStep};
use crate::hub::{Client, Close, Frames, Handshake, Link, Owner};
use crate::id::SessionId;
use crate::socket::frame;

/// A session on this shard.
///
/// There is one way in, [`Connection::open`], and one way out, [`Connection::finish`].
pub(super) struct Connection {
    pub(super) id: SessionId,
    pub(super) client: Rc<Client>,
    pub(super) gate: Rc<Gate>,
    pub(super) max_payload: usize,
    engine: RefCell<Session>,
    application: OnceCell<Box<dyn Application>>,
    /// By when the client has to have done what it came for.
    connect_by: Cell<Option<Instant>>,
    /// The earliest call of the timer that is sure to come.
    armed: Cell<Option<Instant>>,
    /// What it remembers of requests that other pods pass on.
    pub(super) exchanges: Exchanges,
    /// The task that reads the websocket, to be woken when the session ends.
    reader: RefCell<Option<Waker>>,
    permit: RefCell<Option<Permit>>,
    /// It lingers, and the poll that is told of the end is not the next one.
    owes_farewell: Cell<bool>,
}

/// In each interval pings go out at so many moments at the most.
const PING_MOMENTS: u32 = 64;

impl Connection {
    /// A session opens.
    pub(super) fn open(
        gate: &Rc<Gate>,
        settings: &Settings,
        link: Link,
        handshake: Handshake,
        permit: Permit,
        now: Instant,
    ) -> Rc<Self> {
        let carrier = if matches!(link, Link::Stream(_)) {
            Carrier::Websocket
        } else {
            Carrier::Polling
        };
        let times = Times {
            ping_interval: settings.ping_interval,
            ping_timeout: settings.ping_timeout,
            upgrade_timeout: settings.upgrade_timeout,
        };
        let id = gate.keys.mint(gate.index);
        let connection = Rc::new_cyclic(|this: &std::rc::Weak<Self>| Self {
            id,
            client: Client::new(
                link,
                this.clone() as std::rc::Weak<dyn Owner>,
                Rc::new(handshake),
            ),
            gate: gate.clone(),
            max_payload: settings.max_payload,
            engine: RefCell::new(Session::open(carrier, times, now, rand::random())),
            application: OnceCell::new(),
            connect_by: Cell::new(Some(now + settings.connect_timeout)),
            armed: Cell::new(None),
            exchanges: Exchanges::default(),
            reader: RefCell::default(),
            permit: RefCell::new(Some(permit)),
            owes_farewell: Cell::default(),
        });
        connection
            .application
            .set(gate.upper.open(&connection.client, connection.max_payload))
            .ok();
        connection.listening(carrier == Carrier::Websocket);
        gate.enter(&connection);
        gate.metrics.session_opened(transport(carrier));
        connection.arm();
        connection
    }

    /// Sends a packet of Engine.IO.
    pub(super) fn send(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.gate
            .hub
            .send(&self.client, Frames { hint: 256, encode });
    }

    /// Whether the client takes what it is sent, from now on.
    pub(super) fn listening(&self, listens: bool) {
        self.application().listening(listens);
    }

    pub(super) fn carrier(&self) -> Carrier {
        self.engine.borrow().carrier()
    }

    /// What its requests have to name.
    pub(super) fn transport(&self) -> query::Transport {
        match self.carrier() {
            Carrier::Websocket => query::Transport::Websocket,
            _ => query::Transport::Polling,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.engine.borrow().is_open()
    }

    pub(super) fn is_upgrading(&self) -> bool {
        self.engine.borrow().is_upgrading()
    }

    /// A text message of a websocket: one packet.
    #[inline]
    pub(super) fn text(self: &Rc<Self>, text: &str, now: Instant) -> Result<(), End> {
        let packet = packet::decode(text).map_err(|_| End::of(Reason::ParseError))?;
        self.packet(&packet, now)
    }

    /// A packet on the carrier; an error is how the session has to end.
    #[inline]
    pub(super) fn packet(self: &Rc<Self>, packet: &Packet<'_>, now: Instant) -> Result<(), End> {
        let step = self.engine.borrow_mut().packet(packet, now);
        if let Packet::Pong(_) = packet {
            // The next ping may be due before the deadline of the pong that has come.
            self.arm();
        }
        match (step, packet) {
            (Step::Message, Packet::Message(text)) => {
                self.application().text(text).map_err(End::from)
            }
            (Step::Message, Packet::Binary(bytes)) => {
                self.application().binary(bytes).map_err(End::from)
            }
            (Step::Close(reason), _) => Err(End::of(reason)),
            (Step::Message | Step::Ignore, _) => Ok(()),
        }
    }

    /// A websocket wants to take over; false if it may not.
    pub(super) fn begin_upgrade(self: &Rc<Self>, now: Instant) -> bool {
        let begun = self.engine.borrow_mut().begin_upgrade(now);
        if begun {
            self.arm();
        }
        begun
    }

    /// A text packet on the websocket that wants to take over.
    pub(super) fn upgrade_packet(&self, text: &str) -> UpgradeStep {
        let packet = packet::decode(text).unwrap_or(Packet::Noop);
        let step = self.engine.borrow_mut().upgrade_packet(&packet);
        if step == UpgradeStep::Probe {
            self.release_poll();
        }
        step
    }

    /// The websocket carries the session from now on.
    pub(super) fn switch(&self, stream: Rc<OwnedWriteHalf>) {
        self.release_poll();
        self.exchanges.end(&self.gate.hub);
        self.gate.hub.set_link(&self.client, Link::Stream(stream));
        self.listening(true);
        self.gate.metrics.session_upgraded();
    }

    /// The websocket that wanted to take over is gone.
    pub(super) fn abandon_upgrade(&self, why: &'static str) {
        let mut engine = self.engine.borrow_mut();
        if engine.is_upgrading() {
            engine.abandon_upgrade();
            self.gate.metrics.upgrade_failed(why);
        }
    }

    /// Ends the poll that waits, if one does, with what there is or a noop.
    pub(super) fn release_poll(&self) {
        if self.gate.hub.is_polled(&self.client) {
            self.send(|out| frame::text(out, &[packet::NOOP]));
            self.gate.hub.flush_now(&self.client);
        }
    }

    /// Keeps the waker of the task that reads the websocket.
    pub(super) fn set_reader(&self, context: &Context<'_>) {
        let mut reader = self.reader.borrow_mut();
        if !reader
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()))
        {
            *reader = Some(context.waker().clone());
        }
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// The timer calls; true if a ping is to be sent.
    pub(super) fn on_time(self: &Rc<Self>, now: Instant) -> bool {
        if self.armed.get().is_some_and(|armed| armed <= now) {
            self.armed.set(None);
        }
        let due = self.engine.borrow_mut().on_timeout(now);
        match due {
            Due::Nothing | Due::Ping => {}
            Due::AbandonUpgrade => {
                self.gate.metrics.upgrade_failed("timeout");
                self.wake_reader();
            }
            Due::Close(reason) => self.close(End {
                reason: reason.text(),
                farewell: Farewell::Abort,
            }),
        }
        if self.connect_by.get().is_some_and(|by| by <= now) {
            self.connect_by.set(None);
            if self.application().is_waiting() {
                self.close(End {
                    reason: Reason::ForcedClose.text(),
                    farewell: Farewell::Linger,
                });
            }
        }
        self.arm();
        due == Due::Ping
    }

    /// When the engine has something to do. Pings wait for the next of a few moments in each interval: those that go out
    /// together cost one wake-up, and so do their pongs.
    fn next_timeout(&self) -> Option<Instant> {
        let engine = self.engine.borrow();
        let next = engine.next_timeout()?;
        Some(match engine.awaits_ping() {
            Some(interval) => self.gate.together(next, interval / PING_MOMENTS),
            None => next,
        })
    }

    fn arm(self: &Rc<Self>) {
        let connect = self.connect_by.get().filter(|_| self.is_open());
        let next = self.next_timeout().into_iter().chain(connect).min();
        let Some(next) = next else { return };
        if self.armed.get().is_none_or(|armed| next < armed) {
            self.armed.set(Some(next));
            self.gate.arm(next, self);
        }
    }

    fn application(&self) -> &dyn Application {
        &**self.application.get().expect("set when the session opened")
    }
}

impl Owner for Connection {
    fn close(&self, close: Close) {
        Self::close(self, close.into());
    }
}

fn transport(carrier: Carrier) -> Transport {
    match carrier {
        Carrier::Websocket => Transport::Websocket,
        _ => Transport::Polling,
    }
}
