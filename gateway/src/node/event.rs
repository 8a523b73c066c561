//! What a client's event does, or why it does nothing.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::session::Member;
use super::{Node, park};
use crate::bus::history::Past;
use crate::clock;
use crate::hub::{Close, Frames, Socket, Terms};
use crate::id::EntryId;
use crate::policy::{self, Call, Effects, Facts, Payload, Refusal, Rooms};
use crate::socket::encode;
use crate::socket::packet::{Ack, Event};

impl Node {
    /// Decides about an event, and does what was decided.
    pub(super) fn event(
        self: &Rc<Self>,
        member: &Rc<Member>,
        event: &Event<'_>,
        attachments: &[Bytes],
    ) {
        let now = clock::now();
        let live = member.space.live();
        live.received(&event.name);
        let call = Call {
            event: &event.name,
            args: &event.args,
            attachments,
            wants_ack: event.id.is_some(),
        };
        let facts = Facts {
            socket_id: member.socket.id.as_str(),
            kept: &member.kept,
            rooms: &*member.socket,
        };
        let decided = policy::decide(
            &live.rules,
            &mut member.state.borrow_mut(),
            now,
            &call,
            &facts,
        );
        if let Err(refusal) =
            decided.and_then(|effects| self.apply(member, event, attachments, effects, now))
        {
            live.metrics.event_refused(refusal.code.code());
            self.refuse(member, event, &refusal, now);
        }
    }

    /// An ack of a client; one that nobody asked for is ignored.
    pub(super) fn acknowledged(&self, socket: &Socket, ack: &Ack<'_>, attachments: &[Bytes]) {
        if let Some(id) = ack.id {
            self.acks
                .borrow_mut()
                .answer(id, socket.id, ack.args.text(), attachments.to_vec());
        }
    }

    /// Takes a socket out of its namespace; nothing happens the second time.
    pub(super) fn disconnect(&self, socket: &Rc<Socket>, reason: &str) {
        if socket.is_connected() {
            self.part(socket, reason);
            self.hub.disconnect(socket);
            self.holding.end(socket);
            self.acks.borrow_mut().gone(socket.id);
            self.log.disconnect(socket, reason, clock::now());
        }
    }

    /// The server ends a socket: `41`, without a payload; `close` ends its connection too.
    pub(super) fn expel(&self, socket: &Rc<Socket>, close: bool) {
        let nsp = &*socket.namespace.name;
        let encode = |out: &mut Vec<u8>| encode::disconnect(out, nsp);
        let hint = 16 + nsp.len();
        self.hub.send(&socket.client, Frames { hint, encode });
        self.disconnect(socket, "server namespace disconnect");
        if close {
            self.hub.close(&socket.client, Close::Forced);
        }
    }

    /// Everything was rendered before: what can still fail is the bus.
    fn apply(
        self: &Rc<Self>,
        member: &Rc<Member>,
        event: &Event<'_>,
        attachments: &[Bytes],
        effects: Effects<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Effects {
            leave,
            join,
            replay,
            publish,
            ack,
        } = effects;
        for room in &leave {
            self.leave(&member.socket, room);
        }
        let mut entered = Vec::new();
        for room in &join {
            if self.join(&member.socket, room) {
                entered.push(Arc::clone(room));
            }
        }
        let mut wanted = None;
        // The ack of a join says that a client that comes back is in the room again, wherever that is.
        let changes = event.id.is_some() && (replay > 0 || !join.is_empty() || !leave.is_empty());
        let written = changes.then(|| self.write(&member.socket)).flatten();
        if replay > 0 {
            wanted = self.want_past(member, &join, entered.clone(), replay, now);
        }
        if replay > 0 && wanted.is_none() {
            let namespace = &member.space.namespace.name;
            let past = self.bus.history(
                &Past {
                    namespace,
                    rooms: &join,
                    since: None,
                    last: replay,
                },
                now,
            );
            self.replay(&member.socket, &entered, &past, now);
        }
        let mut stored = Vec::new();
        let mut publish = publish.iter();
        let published = publish.try_for_each(|publication| {
            stored.extend(self.publish(member, event, attachments, publication, now)?);
            Ok(())
        });
        let ack = ack.as_ref().map(|ack| match ack {
            Payload::Same => (event.args.text(), attachments),
            Payload::Text { args, attachments } => (&**args, &**attachments),
        });
        let ack = event.id.zip(ack).filter(|_| published.is_ok());
        if let Some(mut wanted) = wanted {
            wanted.missing.extend(written);
            let answer = ack.map(|(id, (args, binary))| (id, args.to_owned(), binary.to_vec()));
            self.replay_later(member, wanted, answer);
            return published;
        }
        published?;
        if let Some((id, (args, attachments))) = ack {
            let missing = self.heard.missing(&member.space.namespace.name, &join);
            let missing = missing.into_iter().map(park::hearing).chain(written);
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() && stored.is_empty() {
                self.answer(&member.socket, id, args, attachments);
            } else if missing.is_empty() {
                self.answer_stored(member, stored, id, args, attachments);
            } else {
                let missing = missing.into_iter().chain(stored).collect();
                self.answer_later(member, missing, id, args, attachments);
            }
        }
        Ok(())
    }

    pub(super) fn answer(&self, socket: &Socket, id: u64, args: &str, attachments: &[Bytes]) {
        let nsp = &*socket.namespace.name;
        let encode = |out: &mut Vec<u8>| encode::ack(out, nsp, id, args, attachments);
        self.hub.answer(
            socket,
            Frames {
                hint: 64 + nsp.len() + args.len(),
                encode,
            },
        );
    }

    /// Tells of a refusal: by the ack if the client waits for one, else by the namespace's `errorEvent`.
    pub(super) fn refuse(
        &self,
        member: &Member,
        event: &Event<'_>,
        refusal: &Refusal,
        now: Instant,
    ) {
        match event.id {
            Some(id) => self.answer(&member.socket, id, &refusal.to_ack(), &[]),
            None => self.tell(member, &refusal.to_event(Some(event.raw_name)), now),
        }
    }

    fn tell(&self, member: &Member, args: &str, now: Instant) {
        let live = member.space.live();
        let name = &*live.rules.rules.error_event;
        self.emit_text(&member.socket, name, args, now);
    }

    /// Sends an event to one socket.
    pub(super) fn emit_text(&self, socket: &Socket, raw_name: &str, args: &str, now: Instant) {
        let terms = Terms {
            volatile: false,
            accepted: now,
            stored: false,
        };
        self.emit(socket, raw_name, args, &[], terms);
    }

    /// Sends an event to one socket; a recoverable one is told this shard's position, up to which it has had all.
    pub(super) fn emit(
        &self,
        socket: &Socket,
        raw_name: &str,
        args: &str,
        attachments: &[Bytes],
        terms: Terms,
    ) {
        if let Some(restorable) = socket.restorable() {
            let position = self.position(restorable.lane);
            return self.emit_at(socket, position, (raw_name, args, attachments), terms);
        }
        let nsp = &*socket.namespace.name;
        let encode = |out: &mut Vec<u8>| encode::event(out, nsp, None, raw_name, args, attachments);
        let hint = hint(nsp, raw_name, args, attachments);
        self.hub.emit(socket, terms, Frames { hint, encode });
    }

    /// Sends an event to one recoverable socket, with this position.
    pub(super) fn emit_at(
        &self,
        socket: &Socket,
        position: EntryId,
        (raw_name, args, attachments): (&str, &str, &[Bytes]),
        terms: Terms,
    ) {
        let nsp = &*socket.namespace.name;
        let offset = position.to_string();
        let encode = |out: &mut Vec<u8>| {
            encode::event_at(out, nsp, raw_name, args, &offset, attachments);
        };
        let hint = hint(nsp, raw_name, args, attachments);
        self.hub.emit(socket, terms, Frames { hint, encode });
    }
}

/// An upper bound of the encoded size.
fn hint(nsp: &str, raw_name: &str, args: &str, attachments: &[Bytes]) -> usize {
    let binary: usize = attachments.iter().map(|bytes| bytes.len() + 10).sum();
    128 + nsp.len() + raw_name.len() + args.len() + binary
}

impl Rooms for Socket {
    fn count(&self) -> usize {
        self.room_count()
    }

    fn contains(&self, room: &str) -> bool {
        self.is_in(room)
    }
}
