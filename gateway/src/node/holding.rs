//! Recoverable sockets of a session that is about to move here. They are in their rooms already, but how far their client was told
//! is known with the rest alone. So of what comes meanwhile that is left out which lies in a stream, as it is read from there
//! afterwards; the rest is kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Node;
use crate::bus::broadcast::Broadcast;
use crate::clock;
use crate::hub::{Client, Frames, Namespace, Socket, Terms};
use crate::id::{EntryId, SocketId};

/// The sockets that are held.
#[derive(Default)]
pub(super) struct Holding(RefCell<HashMap<SocketId, Meanwhile>>);

/// What has happened to a socket since it is held.
#[derive(Default)]
pub(super) struct Meanwhile {
    unstored: Vec<Arc<Broadcast>>,
    bytes: usize,
    /// The rooms that it has entered, and at which positions.
    entered: Vec<(Arc<str>, EntryId)>,
}

/// More of what no stream has goes by the connection's backlog, which has bounds of its own.
const BYTES: usize = 1 << 20;

impl Holding {
    /// From now on the socket is held.
    pub(super) fn begin(&self, socket: &Socket) {
        self.0.borrow_mut().insert(socket.id, Meanwhile::default());
    }

    /// Whether it is held.
    pub(super) fn has(&self, socket: &Socket) -> bool {
        self.0.borrow().contains_key(&socket.id)
    }

    /// It is held no more.
    pub(super) fn end(&self, socket: &Socket) -> Option<Meanwhile> {
        let mut all = self.0.borrow_mut();
        if all.is_empty() {
            return None;
        }
        all.remove(&socket.id)
    }

    /// Whether a live message is to be sent to a socket now. The backlog of one that is held refuses volatile ones, and those
    /// that ask for an ack tell no place.
    pub(super) fn admits(&self, socket: &Socket, broadcast: &Arc<Broadcast>) -> bool {
        let mut all = self.0.borrow_mut();
        if all.is_empty() || broadcast.volatile || broadcast.ack.is_some() {
            return true;
        }
        let Some(meanwhile) = all.get_mut(&socket.id) else {
            return true;
        };
        if broadcast.is_in_stream() {
            return false;
        }
        meanwhile.bytes += broadcast.frames.len();
        let fits = meanwhile.bytes <= BYTES;
        if fits {
            meanwhile.unstored.push(Arc::clone(broadcast));
        }
        !fits
    }

    /// A held socket has entered a room.
    pub(super) fn entered(&self, socket: &Socket, room: &Arc<str>, position: EntryId) {
        if let Some(meanwhile) = self.0.borrow_mut().get_mut(&socket.id) {
            meanwhile.entered.push((Arc::clone(room), position));
        }
    }
}

impl Meanwhile {
    /// Where the socket has entered a room, if it has.
    pub(super) fn entry_to(&self, room: &str) -> Option<EntryId> {
        let mut entered = self.entered.iter().rev();
        let found = entered.find(|(name, _)| **name == *room);
        found.map(|(_, position)| *position)
    }
}

impl Node {
    /// Tells a connection what its socket in a namespace has missed, which may be still to come.
    pub(super) fn tell_missed(
        &self,
        namespace: &Namespace,
        client: &Rc<Client>,
        missed: &[Arc<Broadcast>],
    ) {
        let accepted = clock::now();
        for broadcast in missed {
            let terms = Terms {
                volatile: false,
                accepted,
                stored: false,
            };
            let encode = |out: &mut Vec<u8>| out.extend_from_slice(&broadcast.frames);
            let hint = broadcast.frames.len();
            self.hub
                .emit_to(namespace, client, terms, Frames { hint, encode });
        }
    }

    /// Tells a socket what no stream has, with the position up to which it has had all by now.
    pub(super) fn tell_unstored(&self, socket: &Socket, meanwhile: &Meanwhile) {
        for broadcast in &meanwhile.unstored {
            let Some(keep) = &broadcast.keep else {
                continue;
            };
            let terms = Terms {
                volatile: false,
                accepted: broadcast.accepted,
                stored: false,
            };
            self.emit(socket, &keep.name, &keep.args, &keep.attachments, terms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::metrics::Metrics;
    use crate::bus::broadcast::{HistoryLimits, Keep, Source};
    use crate::hub::{BacklogLimit, Hub, Link, Owner};
    use crate::target::Target;

    struct Nobody;

    impl Owner for Nobody {
        fn close(&self, _close: crate::hub::Close) {}
    }

    fn socket(hub: &Rc<Hub>) -> Rc<Socket> {
        let limit = BacklogLimit {
            bytes: 1 << 20,
            skip: false,
        };
        let metrics = Metrics::new(1).shard(0).namespace("/");
        let namespace = hub.open_namespace("/", &metrics, limit);
        let nobody = std::rc::Weak::<Nobody>::new();
        let client = Client::new(Link::Poll(None), nobody, Rc::default());
        hub.connect(&namespace, SocketId::random(), &client, 0)
    }

    /// A message of a recoverable namespace, at this place of its stream.
    fn message(place: Option<EntryId>, bytes: usize) -> Broadcast {
        let frames = vec![b'x'; bytes].into();
        let target = Target::all("/");
        let mut broadcast = Broadcast::new(target, frames, clock::now(), Source::Bus);
        broadcast.lane = 1;
        broadcast.entry = place;
        broadcast.keep = Some(Keep {
            limits: HistoryLimits::NONE,
            recovery: Some(std::time::Duration::from_secs(60)),
            name: "\"e\"".into(),
            args: Box::default(),
            attachments: Vec::new(),
            frames: bytes::Bytes::new(),
        });
        broadcast
    }

    #[test]
    fn what_a_stream_has_is_left_to_it_and_the_rest_is_kept() {
        let hub = Hub::new(clock::now());
        let (held, other) = (socket(&hub), socket(&hub));
        let holding = Holding::default();
        let place = Some(EntryId::default());
        let admits =
            |socket: &Socket, broadcast: Broadcast| holding.admits(socket, &Arc::new(broadcast));
        assert!(admits(&held, message(place, 1)), "it is not held yet");
        holding.begin(&held);
        assert!(holding.has(&held) && !holding.has(&other));
        assert!(admits(&other, message(place, 1)));
        assert!(!admits(&held, message(place, 1)));
        assert!(!admits(&held, message(None, 1)));
        let mut volatile = message(place, 1);
        volatile.volatile = true;
        assert!(admits(&held, volatile));
        assert!(!admits(&held, message(None, BYTES - 1)));
        assert!(admits(&held, message(None, 1)), "that is too much");
        let room: Arc<str> = "a".into();
        holding.entered(&held, &room, EntryId::default());
        holding.entered(&held, &room, EntryId::default().next());
        let meanwhile = holding.end(&held).unwrap();
        assert_eq!(meanwhile.unstored.len(), 2);
        assert_eq!(meanwhile.entry_to("a"), Some(EntryId::default().next()));
        assert_eq!(meanwhile.entry_to("b"), None);
        assert!(admits(&held, message(place, 1)), "it is held no more");
    }
}
