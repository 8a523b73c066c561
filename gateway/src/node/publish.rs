//! Publications: to the sockets of this shard at once, to the others by the bus.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;

use super::Node;
use super::park::Wait;
use super::session::Member;
use crate::admin::metrics::Source as Counted;
use crate::bus::broadcast::{Broadcast, Keep, Source, Stored};
use crate::hub::{Frames, Socket, Terms};
use crate::policy::{Code, EventName, Payload, Publication, Refusal, Scope};
use crate::socket::encode;
use crate::socket::packet::Event;
use crate::target::Target;

/// A message as it leaves: JSON texts, and what their placeholders stand for.
struct Message<'a> {
    nsp: &'a str,
    name: &'a str,
    args: &'a str,
    attachments: &'a [Bytes],
}

impl Message<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode::event(out, self.nsp, None, self.name, self.args, self.attachments);
    }

    /// An upper bound of the encoded size.
    fn hint(&self) -> usize {
        let binary: usize = self.attachments.iter().map(|bytes| bytes.len() + 10).sum();
        64 + self.nsp.len() + self.name.len() + self.args.len() + binary
    }

    fn frames(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.hint());
        self.encode(&mut out);
        out.into()
    }
}

impl Node {
    /// Publishes what an event's rules say; the ack of the event waits for what this returns.
    pub(super) fn publish(
        &self,
        member: &Member,
        event: &Event<'_>,
        attachments: &[Bytes],
        publication: &Publication<'_>,
        now: Instant,
    ) -> Result<Option<Wait>, Refusal> {
        let (args, attachments) = match &publication.payload {
            Payload::Same => (event.args.text(), attachments),
            Payload::Text { args, attachments } => (&**args, &**attachments),
        };
        let name = match &publication.event {
            EventName::Same => event.raw_name,
            EventName::Other(name) => name,
            EventName::Argument(name) => name,
        };
        let message = Message {
            nsp: &member.space.namespace.name,
            name,
            args,
            attachments,
        };
        member.space.metrics().accepted(Counted::Client);
        let terms = Terms {
            volatile: publication.volatile,
            accepted: now,
            stored: false,
        };
        let Some(target) = target(member, publication) else {
            self.emit(&member.socket, name, args, attachments, terms);
            return Ok(None);
        };
        let wants_ack = event.id.is_some();
        self.broadcast(
            member,
            (target, publication.to_self, wants_ack),
            terms,
            &message,
        )
    }

    fn broadcast(
        &self,
        member: &Member,
        (target, to_self, wants_ack): (Target, bool, bool),
        terms: Terms,
        message: &Message<'_>,
    ) -> Result<Option<Wait>, Refusal> {
        // A volatile message is not kept, but goes the same way: it must not overtake what its sender sent before.
        let keeps = member.space.keeps();
        if keeps.is_none() && self.bus.is_alone() {
            // Nobody else needs the frames: they are encoded straight into the log.
            let frames = Frames {
                hint: message.hint(),
                encode: |out: &mut Vec<u8>| message.encode(out),
            };
            let admits = |socket: &std::rc::Rc<Socket>| {
                to_self || !std::rc::Rc::ptr_eq(socket, &member.socket)
            };
            self.hub
                .broadcast(&member.space.namespace, &target, terms, frames, admits);
            return Ok(None);
        }
        let target = if to_self {
            target
        } else {
            target.except(member.socket.id.as_str())
        };
        // With recovery the bus encodes, when it knows the place that the frames tell.
        let frames = match keeps {
            Some((_, Some(_))) => Bytes::new(),
            _ => message.frames(),
        };
        let mut broadcast = Broadcast::new(target, frames.clone(), terms.accepted, Source::Client);
        broadcast.volatile = terms.volatile;
        broadcast.keep = keeps.map(|(limits, recovery)| Keep {
            limits,
            recovery,
            name: message.name.into(),
            args: message.args.into(),
            attachments: message.attachments.to_vec(),
            frames,
        });
        // Where a stream keeps it for who comes back, the ack says that it does.
        let is_stored =
            wants_ack && self.bus.shares_sessions() && member.space.recovery().is_some();
        let stored = is_stored.then(|| {
            let (told, stored) = Stored::new();
            broadcast.stored = Some(told);
            stored.map(drop).boxed_local()
        });
        let published = self.bus.publish(Some(self.shard), broadcast);
        let published =
            published.map_err(|error| Refusal::new(Code::Unavailable, error.to_string()))?;
        if let Some(broadcast) = published.deliver {
            self.deliver(&broadcast);
        }
        Ok(stored)
    }

    /// Delivers to the sockets of this shard; returns how many those are.
    pub(super) fn deliver(&self, broadcast: &Arc<Broadcast>) -> u64 {
        let Some(namespace) = self.hub.namespace(&broadcast.target.namespace) else {
            return 0;
        };
        let terms = Terms {
            volatile: broadcast.volatile,
            accepted: broadcast.accepted,
            stored: broadcast.is_in_stream(),
        };
        let frames = Frames {
            hint: broadcast.frames.len(),
            encode: |out: &mut Vec<u8>| out.extend_from_slice(&broadcast.frames),
        };
        let mut waiting = std::collections::HashSet::new();
        let entry = broadcast.entry.filter(|_| broadcast.lane == 0);
        let entry = entry.map(|entry| entry.sequence);
        let recipients =
            self.hub
                .broadcast(&namespace, &broadcast.target, terms, frames, |socket| {
                    let admitted = entry
                        .is_none_or(|entry| socket.admits(entry, &broadcast.target.rooms))
                        && (broadcast.keep.is_none()
                            || self.replays.admits(socket, broadcast)
                                && self.holding.admits(socket, broadcast));
                    if admitted && broadcast.ack.is_some() {
                        waiting.insert(socket.id);
                    }
                    admitted
                });
        if let Some(gather) = &broadcast.ack {
            self.acks.borrow_mut().expect(gather.clone(), waiting);
        }
        u64::from(recipients)
    }
}

/// Whom a publication is for; `None` means the sender alone.
fn target(member: &Member, publication: &Publication<'_>) -> Option<Target> {
    let rooms = match &publication.scope {
        Scope::Rooms(rooms) => rooms.clone(),
        Scope::Namespace => Vec::new(),
        Scope::Sender => return None,
    };
    Some(Target {
        namespace: member.space.namespace.name.clone(),
        rooms,
        except: publication.except.clone(),
    })
}
