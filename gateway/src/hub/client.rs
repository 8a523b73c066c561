//! One connection as the hub sees it: what it still has to send, and by which link.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::backlog::{Backlog, Held};
use super::log::{Count, MeterId, Range};

/// A connection: the outgoing side of one Engine.IO session, shared by its Socket.IO sockets.
pub struct Client {
    pub(super) link: RefCell<Link>,
    pub(super) backlog: RefCell<Backlog>,
    /// What the link did not take; absent nearly always.
    pub(super) held: RefCell<Option<Box<Held>>>,
    /// The task that waits until the link takes what is held. It owns the stream, so it ends with the connection.
    pub(super) sending: RefCell<Option<AbortHandle>>,
    /// On the dirty list.
    pub(super) scheduled: Cell<bool>,
    /// Nothing was put on the backlog since this was set, but what others find in a stream.
    pub(super) calm: Cell<bool>,
    /// Bytes in `backlog` and `held`.
    pub(super) unsent: Cell<usize>,
    pub(super) closing: Cell<Option<Close>>,
    owner: Weak<dyn Owner>,
    /// What is kept of the handshake.
    pub handshake: Rc<Handshake>,
}

/// The way out of a connection.
pub enum Link {
    /// A websocket: frames are written as they are.
    Stream(Rc<OwnedWriteHalf>),
    /// Long polling: the poll that waits, if any.
    Poll(Option<oneshot::Sender<Batch>>),
    /// Nothing can be sent any more.
    Closed,
}

/// The frames that answer one poll. What they count for is settled by [`super::Hub::settle`] once the body is written.
#[must_use = "the messages are pending until they are settled"]
#[derive(Default)]
pub struct Batch {
    /// Websocket server frames, back to back.
    pub frames: Vec<u8>,
    pub(super) counts: Vec<Count>,
}

/// What is kept of a handshake: enough for `GET /v1/sockets` and for a fetch by a peer.
#[derive(Debug, Default)]
pub struct Handshake {
    /// The path without its query.
    pub url: Rc<str>,
    /// The address of the browser, or of the proxy where none is trusted.
    pub address: String,
    /// When the request came, in milliseconds since the epoch.
    pub issued: u64,
    /// `https` or `wss` by a trusted proxy's word.
    pub secure: bool,
    /// Whether the request had an `Origin`.
    pub xdomain: bool,
    /// The headers kept: `user-agent`, `origin`, and those that the rules name.
    pub headers: Vec<(Rc<str>, Rc<str>)>,
    /// The query, percent-decoded: only what the rules' templates name.
    pub query: Vec<(String, String)>,
}

/// Why a connection ends, by our own decision. `label` is the metric's `reason` and the log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server asked for it, or the client broke the order of the protocol.
    Forced,
    /// What came is no packet.
    Parse,
    /// Unsent bytes above the namespace's `backlog`.
    Backlog,
    /// Memory of the pod is short, and this connection holds much of it.
    Overload,
    /// The pod is going away.
    Shutdown,
}

/// Whoever carries the connection (a transport): told once by the flusher, after what could be sent was sent.
pub trait Owner {
    /// Ends the connection; called from the flusher.
    fn close(&self, close: Close);
}

impl Client {
    /// A connection that sends by `link`.
    #[must_use]
    pub fn new(link: Link, owner: Weak<dyn Owner>, handshake: Rc<Handshake>) -> Rc<Self> {
        Rc::new(Self {
            link: RefCell::new(link),
            backlog: RefCell::default(),
            held: RefCell::default(),
            sending: RefCell::default(),
            scheduled: Cell::new(false),
            calm: Cell::new(false),
            unsent: Cell::new(0),
            closing: Cell::new(None),
            owner,
            handshake,
        })
    }

    /// Unsent bytes, in frames.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.get()
    }

    /// Whether its end is decided.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.get().is_some()
    }

    /// Whether a message sent now goes out with the next flush.
    pub(super) fn is_writable(&self) -> bool {
        self.held.borrow().is_none()
            && !matches!(&*self.link.borrow(), Link::Poll(None) | Link::Closed)
    }

    /// Puts a range behind what waits; the caller schedules the client.
    #[inline]
    pub(super) fn push(&self, range: &Range) {
        self.unsent.set(self.unsent.get() + range.len());
        self.backlog.borrow_mut().push(range);
    }

    /// Unsent bytes of one namespace; exact, and only looked at above a limit.
    pub(super) fn unsent_of(&self, meter: MeterId) -> usize {
        let waiting = self.backlog.borrow();
        let records = waiting
            .ranges()
            .flat_map(Range::records)
            .filter(|(record, _)| record.meter == meter);
        let held = self
            .held
            .borrow()
            .as_ref()
            .map_or(0, |held| held.bytes_of(meter));
        held + records.map(|(_, len)| len).sum::<usize>()
    }

    /// The counts of every unsent message.
    pub(super) fn pending(&self, mut count: impl FnMut(Count)) {
        for (record, _) in self.backlog.borrow().ranges().flat_map(Range::records) {
            count((record.meter, 1));
        }
        if let Some(held) = &*self.held.borrow() {
            held.counts().for_each(count);
        }
    }

    pub(super) fn tell_owner(&self, close: Close) {
        if let Some(owner) = self.owner.upgrade() {
            owner.close(close);
        }
    }
}

impl Close {
    /// The text of Engine.IO where it has one.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Forced => "forced close",
            Self::Parse => "parse error",
            Self::Backlog => "backlog",
            Self::Overload => "overload",
            Self::Shutdown => "server shutting down",
        }
    }
}
