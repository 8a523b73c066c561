//! A session that moves to another pod, seen from both.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Connection, End, Farewell};
use crate::admin::metrics::Transport;
use crate::clock;
use crate::engine::session::{Beat, Session, Times};
use crate::hub::{Client, Handshake, Link, Owner};
use crate::id::SessionId;
use crate::node::{Outline, Stays};
use crate::transport::admission::Permit;
use crate::transport::gate::Gate;
use crate::transport::polling::Exchanges;
use crate::transport::websocket::Stream;

/// What another pod needs to hold the place of a session.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::transport) struct Offer {
    version: u8,
    max_payload: usize,
    /// Milliseconds: from ping to ping, to a pong, for an upgrade.
    times: [u64; 3],
    handshake: Shook,
    pub(in crate::transport) outline: Outline,
}

/// What is kept of a handshake.
#[derive(Debug, Serialize, Deserialize)]
struct Shook {
    url: String,
    address: String,
    issued: u64,
    secure: bool,
    xdomain: bool,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

/// All that it needs beside the offer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::transport) struct Snapshot {
    awaits_pong: bool,
    refreshed: bool,
    /// Milliseconds until the ping or the pong is due.
    beat: u64,
    /// Milliseconds until the client has to have connected to a namespace.
    connect: Option<u64>,
    upper: String,
}

/// Why a session is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Unmoved {
    /// It cannot be moved.
    Never,
    /// Something has come for it since it was offered, or it waits for something that may soon be over.
    Busy,
}

impl From<Stays> for Unmoved {
    fn from(stays: Stays) -> Self {
        match stays {
            Stays::Always => Self::Never,
            Stays::Now => Self::Busy,
        }
    }
}

/// The form of offer and snapshot; pods of another one pipe.
const VERSION: u8 = 2;
/// A session that has more unsent bytes is piped.
const LARGEST: usize = 8 << 20;
/// The reason that its metrics give for its end here.
const MOVED: End = End {
    reason: "moved",
    farewell: Farewell::Gone,
};

impl Connection {
    /// What another pod needs to hold its place, if its websocket may take over now. From now on it is noted whether
    /// anything comes for it.
    pub(in crate::transport) fn offer(&self) -> Result<Offer, Unmoved> {
        let times = self.movable()?;
        let outline = self.application().outline()?;
        self.gate.hub.calm(&self.client);
        Ok(Offer {
            version: VERSION,
            max_payload: self.max_payload,
            times: [
                millis(times.ping_interval),
                millis(times.ping_timeout),
                millis(times.upgrade_timeout),
            ],
            handshake: Shook::of(&self.client.handshake),
            outline,
        })
    }

    /// Everything, if nothing has changed since it was offered with that outline.
    pub(in crate::transport) fn snapshot(
        &self,
        is_offered: impl FnOnce(&str) -> bool,
    ) -> Result<Snapshot, Unmoved> {
        self.movable()?;
        let outline = self.application().outline()?;
        if !self.gate.hub.is_calm(&self.client) || !is_offered(&outline.seats) {
            return Err(Unmoved::Busy);
        }
        let now = clock::now();
        let beat = self.engine.borrow().beat(now);
        let connect = self.connect_by.get();
        Ok(Snapshot {
            awaits_pong: beat.awaits_pong,
            refreshed: beat.refreshed,
            beat: millis(beat.left),
            connect: connect.map(|by| millis(by.saturating_duration_since(now))),
            upper: self.application().snapshot().ok_or(Unmoved::Never)?,
        })
    }

    /// It goes on elsewhere: nobody is told of an end. Late polls hear for a while that a websocket has taken over.
    pub(in crate::transport) fn leave_for_elsewhere(&self) {
        let late = self.engine.borrow().times().upgrade_timeout;
        self.gate.left.note(self.id, clock::now(), late);
        self.application().moved();
        self.gate.hub.discard_moved(&self.client);
        self.close(MOVED);
    }

    fn movable(&self) -> Result<Times, Unmoved> {
        let engine = self.engine.borrow();
        let is_quiet = !self.exchanges.is_posting() && !self.gate.hub.is_polled(&self.client);
        let fits = self.client.unsent() <= LARGEST;
        if engine.may_switch() && is_quiet && fits {
            Ok(engine.times())
        } else {
            Err(Unmoved::Never)
        }
    }

    /// Holds the place of another pod's session, and says what to wait for until all that comes for it reaches it.
    pub(in crate::transport) fn hold(
        gate: &Rc<Gate>,
        id: SessionId,
        offer: Offer,
    ) -> Option<(Rc<Self>, Pin<Box<dyn Future<Output = bool>>>)> {
        if offer.version != VERSION || gate.session(&id).is_some() {
            return None;
        }
        let [ping_interval, ping_timeout, upgrade_timeout] = offer.times.map(Duration::from_millis);
        let times = Times {
            ping_interval,
            ping_timeout,
            upgrade_timeout,
        };
        let handshake = Rc::new(offer.handshake.handshake(gate));
        let connection = Rc::new_cyclic(|this: &std::rc::Weak<Self>| {
            let owner = this.clone() as std::rc::Weak<dyn Owner>;
            Self {
                id,
                client: Client::new(Link::Poll(None), owner, handshake),
                gate: gate.clone(),
                max_payload: offer.max_payload,
                engine: RefCell::new(Session::moved(times, waiting(times), clock::now())),
                application: OnceCell::new(),
                connect_by: Cell::new(None),
                armed: Cell::new(None),
                exchanges: Exchanges::default(),
                reader: RefCell::default(),
                permit: RefCell::default(),
                owes_farewell: Cell::default(),
            }
        });
        let held = gate
            .upper
            .hold(&connection.client, offer.max_payload, &offer.outline)?;
        connection.application.set(held.application).ok();
        gate.enter(&connection);
        gate.metrics.session_opened(Transport::Websocket);
        Some((connection, held.heard))
    }

    /// Takes what the other pod had; false if that fits not what is held, or if it does not come here in time.
    pub(in crate::transport) async fn restore(&self, snapshot: &Snapshot) -> bool {
        let times = self.engine.borrow().times();
        let beat = Beat {
            awaits_pong: snapshot.awaits_pong,
            refreshed: snapshot.refreshed,
            left: Duration::from_millis(snapshot.beat),
        };
        if !self.is_open() || !self.application().restore(&snapshot.upper).await {
            return false;
        }
        let now = clock::now();
        *self.engine.borrow_mut() = Session::moved(times, beat, now);
        let connect = snapshot.connect.map(Duration::from_millis);
        self.connect_by.set(connect.map(|left| now + left));
        true
    }

    /// The session is whole, and goes on by this websocket.
    pub(in crate::transport) fn go_on(self: &Rc<Self>, stream: &Stream, permit: Option<Permit>) {
        *self.permit.borrow_mut() = permit;
        let link = Link::Stream(stream.writer.clone());
        self.gate.hub.set_link(&self.client, link);
        self.gate.metrics.session_moved();
        self.arm();
    }

    /// The session stays where it is: what was kept here for it is kept there too.
    pub(in crate::transport) fn let_go(&self) {
        self.application().moved();
        self.gate.hub.discard_moved(&self.client);
        self.close(MOVED);
    }
}

impl Shook {
    fn of(handshake: &Handshake) -> Self {
        let Handshake {
            url,
            address,
            issued,
            secure,
            xdomain,
            headers,
            query,
        } = handshake;
        let headers = headers.iter();
        Self {
            url: url.to_string(),
            address: address.clone(),
            issued: *issued,
            secure: *secure,
            xdomain: *xdomain,
            headers: headers
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
            query: query.clone(),
        }
    }

    fn handshake(self, gate: &Gate) -> Handshake {
        let headers = self.headers.iter();
        Handshake {
            url: gate.intern(&self.url),
            address: self.address,
            issued: self.issued,
            secure: self.secure,
            xdomain: self.xdomain,
            headers: headers
                .map(|(name, value)| (gate.intern(name), gate.intern(value)))
                .collect(),
            query: self.query,
        }
    }
}

/// While a session is held, it is not due for anything.
fn waiting(times: Times) -> Beat {
    Beat {
        awaits_pong: false,
        refreshed: false,
        left: times.ping_interval,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
