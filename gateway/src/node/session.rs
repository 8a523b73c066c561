//! One Engine.IO session: the namespaces that its client has connected to.

mod moving;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use carillon_crds::names;
use smallvec::SmallVec;

pub use self::moving::Held;
use super::Node;
use super::park::Parked;
use super::space::Space;
use crate::clock;
use crate::hub::{Client, Close, Frames, Socket, Terms};
use crate::id::SocketId;
use crate::policy::{self, Kept, SocketState};
use crate::socket::assembly::{Assembler, AssemblyError};
use crate::socket::encode;
use crate::socket::packet::{MAX_ATTACHMENTS, Packet};

/// The Socket.IO side of one connection.
pub struct Session {
    node: Rc<Node>,
    client: Rc<Client>,
    members: RefCell<SmallVec<[Rc<Member>; 1]>>,
    assembler: RefCell<Assembler>,
    has_connected: Cell<bool>,
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
    pub fn text(&self, text: &str) -> Result<(), Close> {
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
    pub fn binary(&self, bytes: &[u8]) -> Result<(), Close> {
        let whole = self
            .assembler
            .borrow_mut()
            .binary(Bytes::copy_from_slice(bytes))?;
        let Some(whole) = whole else { return Ok(()) };
        let packet = whole.packet().map_err(|_| Close::Parse)?;
        self.packet(&packet, whole.attachments())
    }

    /// The connection is gone, for this reason of Engine.IO.
    pub fn closed(&self, reason: &str) {
        for member in self.members.take() {
            self.node.disconnect(&member.socket, reason);
        }
    }

    fn packet(&self, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<(), Close> {
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

    fn connect(&self, nsp: &str, auth: Option<&str>) -> Result<(), Close> {
        if self.member(nsp).is_some() {
            return Err(Close::Forced);
        }
        self.forget_gone();
        let has_room = self.members.borrow().len() < NAMESPACES;
        let known = has_room && names::is_namespace_name(nsp);
        let Some(space) = known.then(|| self.node.open_space(nsp)).flatten() else {
            self.refuse(nsp, INVALID_NAMESPACE);
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
                self.enter(&space, id, kept, &admission);
                live.metrics.connect("accepted");
            }
            Err(refusal) => {
                self.refuse(nsp, &refusal.message);
                live.metrics.connect(refusal.code.code());
            }
        }
        Ok(())
    }

    /// Joins the first rooms, says so, and welcomes: in this order, as handlers of a Node server see it.
    fn enter(&self, space: &Rc<Space>, id: SocketId, kept: Kept, admission: &policy::Admission) {
        self.has_connected.set(true);
        let hub = &self.node.hub;
        let socket = hub.connect(&space.namespace, id, &self.client, clock::epoch_millis());
        for room in &admission.rooms {
            hub.join(&socket, room);
        }
        let nsp = &*space.namespace.name;
        let encode = |out: &mut Vec<u8>| encode::connect(out, nsp, id.as_str(), None);
        hub.send(
            &self.client,
            Frames {
                hint: 64 + nsp.len(),
                encode,
            },
        );
        let terms = Terms {
            volatile: false,
            accepted: clock::now(),
        };
        for emit in &admission.welcome {
            let encode =
                |out: &mut Vec<u8>| encode::event(out, nsp, None, &emit.event, &emit.args, &[]);
            hub.emit(
                &socket,
                terms,
                Frames {
                    hint: 64 + nsp.len() + emit.args.len(),
                    encode,
                },
            );
        }
        self.node.log.connect(&socket, terms.accepted);
        let member = Member {
            socket,
            space: space.clone(),
            state: RefCell::default(),
            kept,
            parked: RefCell::default(),
        };
        self.members.borrow_mut().push(Rc::new(member));
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
