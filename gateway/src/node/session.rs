//! One Engine.IO session: the namespaces that its client has connected to.

mod carried;
mod moving;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use carillon_crds::names;
use smallvec::SmallVec;

pub use self::moving::{Held, Outline, Stays};
use super::Node;
use super::park::Parked;
use super::restore::Claim;
use super::space::Space;
use crate::bus::recovery::Claimant;
use crate::clock;
use crate::hub::{Client, Close, Frames, Restorable, Socket};
use crate::id::{PrivateId, SocketId};
use crate::policy::{self, Kept, SocketState};
use crate::socket::assembly::{Assembler, AssemblyError};
use crate::socket::encode;
use crate::socket::packet::{MAX_ATTACHMENTS, Packet};

/// The Socket.IO side of one connection.
pub struct Session {
    pub(super) node: Rc<Node>,
    pub(super) client: Rc<Client>,
    members: RefCell<SmallVec<[Rc<Member>; 1]>>,
    assembler: RefCell<Assembler>,
    has_connected: Cell<bool>,
    /// The namespaces whose CONNECT waits for what the client has missed.
    pub(super) parked: RefCell<Vec<Arc<str>>>,
    pub(super) is_closed: Cell<bool>,
    /// Whether the client takes what it is sent, as far as can be told.
    listens: Cell<bool>,
    /// The same for who takes sessions for it; absent where nobody does.
    claimant: OnceCell<Claimant>,
    /// Bytes of a packet with all its attachments.
    largest_packet: usize,
}

/// One namespace of one session.
pub(super) struct Member {
    pub(super) socket: Rc<Socket>,
    pub(super) space: Rc<Space>,
    pub(super) state: RefCell<SocketState>,
    pub(super) kept: Kept,
    /// The events that came while an earlier one waits; absent nearly always.
    pub(super) parked: RefCell<Option<Box<Parked>>>,
    /// Events that have taken effect and whose acks wait.
    pub(super) unanswered: Cell<u32>,
}

/// A client that may enter a namespace.
pub(super) struct Entrant {
    pub(super) space: Rc<Space>,
    /// The id of a new socket.
    pub(super) id: SocketId,
    pub(super) kept: Kept,
    pub(super) admission: policy::Admission,
}

/// A connection joins at most so many namespaces.
const NAMESPACES: usize = 16;
/// What Node says, and clients look for.
const INVALID_NAMESPACE: &str = "Invalid namespace";

impl Session {
    pub(super) fn new(node: Rc<Node>, client: Rc<Client>, max_payload: usize) -> Self {
        Self {
            node,
            client,
            members: RefCell::default(),
            assembler: RefCell::default(),
            has_connected: Cell::new(false),
            parked: RefCell::default(),
            is_closed: Cell::new(false),
            listens: Cell::new(true),
            claimant: OnceCell::new(),
            largest_packet: max_payload.saturating_mul(1 + MAX_ATTACHMENTS),
        }
    }

    /// Whether the client has not connected to any namespace yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.has_connected.get()
    }

    /// The text of a packet.
    ///
    /// # Errors
    /// It is no packet, or comes where none may: the session has to end.
    pub fn text(self: &Rc<Self>, text: &str) -> Result<(), Close> {
        let packet = self
            .assembler
            .borrow_mut()
            .text(text, self.largest_packet)?;
        packet.map_or(Ok(()), |packet| self.packet(&packet, &[]))
    }

    /// An attachment of the packet that came last.
    ///
    /// # Errors
    /// None is expected, or the packet has grown too large: the session has to end.
    pub fn binary(self: &Rc<Self>, bytes: &[u8]) -> Result<(), Close> {
        let whole = self
            .assembler
            .borrow_mut()
            .binary(Bytes::copy_from_slice(bytes))?;
        let Some(whole) = whole else { return Ok(()) };
        let packet = whole.packet().map_err(|_| Close::Parse)?;
        self.packet(&packet, whole.attachments())
    }

    /// Whether the client takes what it is sent, from now on.
    pub fn listening(&self, listens: bool) {
        self.listens.set(listens);
        if let Some(claimant) = self.claimant.get() {
            claimant.set(listens);
        }
    }

    /// The connection as one that takes sessions.
    pub(super) fn claimant(&self) -> &Claimant {
        self.claimant
            .get_or_init(|| Claimant::new(self.listens.get()))
    }

    /// The connection is gone, for this reason of Engine.IO.
    pub fn closed(&self, reason: &str) {
        self.is_closed.set(true);
        self.listening(false);
        for member in self.members.take() {
            self.node.disconnect(&member.socket, reason);
        }
    }

    fn packet(self: &Rc<Self>, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<(), Close> {
        if let Packet::Connect { nsp, auth } = packet {
            return self.connect(nsp, *auth);
        }
        let Some(member) = self.member(packet.nsp()) else {
            return if self.was_expelled(packet.nsp()) {
                Ok(())
            } else {
                Err(Close::Forced)
            };
        };
        match packet {
            Packet::Event(event) if member.is_parked() => {
                self.node.park(&member, event, attachments);
            }
            Packet::Event(event) => self.node.event(&member, event, attachments),
            Packet::Ack(ack) => self.node.acknowledged(&member.socket, ack, attachments),
            Packet::Disconnect { .. } => self.leave(&member),
            Packet::ConnectError { .. } => return Err(Close::Forced),
            Packet::Connect { .. } | Packet::Blank { .. } => {}
        }
        Ok(())
    }

    fn connect(self: &Rc<Self>, nsp: &str, auth: Option<&str>) -> Result<(), Close> {
        if self.member(nsp).is_some() || self.is_parked(nsp) {
            return Err(Close::Forced);
        }
        self.forget_gone();
        let has_room = self.members.borrow().len() + self.parked.borrow().len() < NAMESPACES;
        let known = has_room && names::is_namespace_name(nsp);
        let Some(space) = known.then(|| self.node.open_space(nsp)).flatten() else {
            self.refuse_unknown(nsp);
            return Ok(());
        };
        let live = space.live();
        let query = self
            .client
            .handshake
            .query
            .iter()
            .map(|(name, value)| (&**name, &**value));
        let kept = Kept::new(&live.rules.rules, auth, query);
        let id = SocketId::random();
        match policy::admit(&live.rules, id.as_str(), &kept) {
            Ok(admission) => {
                let claim = auth
                    .filter(|_| space.recovery().is_some())
                    .and_then(Claim::read);
                let entrant = Entrant {
                    space,
                    id,
                    kept,
                    admission,
                };
                match claim {
                    Some(claim) => self.park(entrant, claim),
                    None => self.enter(entrant),
                }
            }
            Err(refusal) => {
                self.refuse(nsp, &refusal.message);
                live.metrics.connect(refusal.code.code());
            }
        }
        Ok(())
    }

    /// Joins the first rooms, says so, and welcomes: in this order, as handlers of a Node server see it.
    pub(super) fn enter(&self, entrant: Entrant) {
        let Entrant {
            space,
            id,
            kept,
            admission,
        } = entrant;
        let node = &self.node;
        let socket = self.connected(&space, id);
        if space.recovery().is_some() {
            let lane = node.bus.lane(&space.namespace.name);
            let position = node.position(lane);
            let restorable = Restorable::new(PrivateId::random(), lane, position);
            node.enlist(&socket, restorable);
        }
        for room in &admission.rooms {
            node.join(&socket, room);
        }
        self.accept(&socket);
        let now = clock::now();
        for emit in &admission.welcome {
            node.emit_text(&socket, &emit.event, &emit.args, now);
        }
        self.belong(space, socket, kept, "accepted");
    }

    /// A socket in its namespace, of which nobody knows yet.
    pub(super) fn connected(&self, space: &Space, id: SocketId) -> Rc<Socket> {
        self.has_connected.set(true);
        let hub = &self.node.hub;
        hub.connect(&space.namespace, id, &self.client, clock::epoch_millis())
    }

    /// Tells the client that it is in.
    pub(super) fn accept(&self, socket: &Socket) {
        let nsp = &*socket.namespace.name;
        let pid = socket.restorable().map(|restorable| restorable.pid);
        let encode = |out: &mut Vec<u8>| {
            let pid = pid.as_ref().map(PrivateId::as_str);
            encode::connect(out, nsp, socket.id.as_str(), pid);
        };
        let hint = 96 + nsp.len();
        self.node.hub.send(&self.client, Frames { hint, encode });
    }

    /// The socket is one of this session's.
    pub(super) fn belong(
        &self,
        space: Rc<Space>,
        socket: Rc<Socket>,
        kept: Kept,
        outcome: &'static str,
    ) {
        self.node.log.connect(&socket, clock::now());
        space.metrics().connect(outcome);
        let member = Member {
            socket,
            space,
            state: RefCell::default(),
            kept,
            parked: RefCell::default(),
            unanswered: Cell::default(),
        };
        self.members.borrow_mut().push(Rc::new(member));
    }

    pub(super) fn refuse_unknown(&self, nsp: &str) {
        self.refuse(nsp, INVALID_NAMESPACE);
    }

    fn refuse(&self, nsp: &str, message: &str) {
        let encode = |out: &mut Vec<u8>| encode::connect_error(out, nsp, message, None);
        self.node.hub.send(
            &self.client,
            Frames {
                hint: 64 + nsp.len() + message.len(),
                encode,
            },
        );
    }

    fn leave(&self, member: &Rc<Member>) {
        self.node
            .disconnect(&member.socket, "client namespace disconnect");
        self.forget_gone();
    }

    /// The members that others have taken out of their namespaces.
    fn forget_gone(&self) {
        self.members
            .borrow_mut()
            .retain(|member| member.socket.is_connected());
    }

    /// Whether we took it out of that namespace: what it sent before it heard of that is no fault of its.
    fn was_expelled(&self, nsp: &str) -> bool {
        let members = self.members.borrow();
        let is_it = |member: &Rc<Member>| {
            &*member.space.namespace.name == nsp && !member.socket.is_connected()
        };
        members.iter().any(is_it)
    }

    fn member(&self, nsp: &str) -> Option<Rc<Member>> {
        let members = self.members.borrow();
        let is_it = |member: &&Rc<Member>| {
            &*member.space.namespace.name == nsp && member.socket.is_connected()
        };
        members.iter().find(is_it).cloned()
    }
}

impl From<AssemblyError> for Close {
    fn from(_: AssemblyError) -> Self {
        Self::Parse
    }
}
