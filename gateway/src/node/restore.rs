//! A client that comes back: its session is taken, it is told what it has missed, and its socket goes on.
//!
//! Its CONNECT is parked meanwhile; other namespaces of the connection go on. The socket enters its rooms in the same turn in
//! which the last of what it missed was read, up to this shard's position: what comes by the inbox afterwards is live.

use std::rc::Rc;
use std::sync::Arc;

use carillon_crds::raw;
use tokio::task;

use super::session::{Entrant, Session};
use crate::bus::broadcast::{Broadcast, EntryId};
use crate::bus::recovery::{Missed, Record, Taken, Wanted};
use crate::clock;
use crate::hub::{Frames, Restorable, Terms};
use crate::id::PrivateId;

/// So many bytes of what a client has missed are on its backlog at the most (or one message): the next page waits until the
/// kernel, or the client's polls, have taken all of this one.
const PAGE: usize = 256 << 10;

/// What a client says of the session that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pid: PrivateId,
    /// The last offset that it saw; absent if it has had no event.
    offset: Option<EntryId>,
}

/// How catching up ended.
enum Caught {
    /// The client has all that is older than this shard's position.
    Up,
    /// Something that it may have missed is forgotten, or its offset is none of ours.
    Never,
    /// The connection is gone, or the rules are other ones.
    Gone,
}

impl Claim {
    /// Reads it from the payload of a CONNECT; `None` for an ordinary one.
    pub(super) fn read(auth: &str) -> Option<Self> {
        let text = |key: &str| {
            let raw = raw::lookup(auth, &[key.into()]);
            raw.filter(|raw| *raw != "null")
        };
        let unquoted = |raw: &'_ str| -> Option<String> {
            Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        };
        let pid = PrivateId::parse(&unquoted(text("pid")?)?)?;
        let offset = match text("offset") {
            Some(raw) => Some(unquoted(raw)?.parse().ok()?),
            None => None,
        };
        Some(Self { pid, offset })
    }
}

impl Session {
    /// Answers a CONNECT later.
    pub(super) fn park(self: &Rc<Self>, entrant: Entrant, claim: Claim) {
        let name = entrant.space.namespace.name.clone();
        self.parked.borrow_mut().push(name);
        let session = self.clone();
        task::spawn_local(async move { session.come_back(entrant, claim).await });
    }

    pub(super) fn is_parked(&self, nsp: &str) -> bool {
        self.parked.borrow().iter().any(|name| **name == *nsp)
    }

    async fn come_back(&self, entrant: Entrant, claim: Claim) {
        let name = entrant.space.namespace.name.clone();
        let bus = &self.node.bus;
        let record = match bus.take(&name, claim.pid, clock::now()) {
            Taken::Now(record) => record,
            Taken::Soon(answer) => answer.await.ok().flatten(),
        };
        let caught = match &record {
            Some(record) => self.catch_up(&entrant, record, claim.offset).await,
            None => Caught::Never,
        };
        self.parked.borrow_mut().retain(|parked| *parked != name);
        match (caught, record) {
            (_, record) if self.is_closed.get() => {
                // It may try once more.
                if let Some(record) = record {
                    bus.save(*record, clock::now());
                }
            }
            _ if !self.is_current(&entrant) => self.refuse_unknown(&name),
            (Caught::Up, Some(record)) if entrant.space.recovery().is_some() => {
                self.go_on(entrant, &record);
            }
            _ => self.enter(entrant),
        }
    }

    /// Sends what was missed, page by page. After [`Caught::Up`] nothing may be awaited before the socket is in its rooms.
    async fn catch_up(
        &self,
        entrant: &Entrant,
        record: &Record,
        offset: Option<EntryId>,
    ) -> Caught {
        let node = &self.node;
        let mut from = offset.unwrap_or(record.position);
        // Another shard may have told the client more than this one has heard; all of it waits in the inbox.
        while node.latest.get() < from && from <= node.bus.head() {
            task::yield_now().await;
        }
        loop {
            if self.is_closed.get() || !self.is_current(entrant) {
                return Caught::Gone;
            }
            let wanted = Wanted {
                record,
                from,
                upto: node.latest.get(),
                bytes: PAGE.min(entrant.space.live().rules.rules.backlog),
            };
            let Some(Missed { entries, next }) = node.bus.missed(&wanted) else {
                return Caught::Never;
            };
            if !entries.is_empty() && self.client.unsent() > 0 {
                node.hub.drained(&self.client).await;
                continue;
            }
            self.tell(entrant, &entries);
            match next {
                Some(next) => from = next,
                None => return Caught::Up,
            }
        }
    }

    fn tell(&self, entrant: &Entrant, entries: &[Arc<Broadcast>]) {
        let terms = Terms {
            volatile: false,
            accepted: clock::now(),
        };
        for entry in entries {
            let frames = Frames {
                hint: entry.frames.len(),
                encode: |out: &mut Vec<u8>| out.extend_from_slice(&entry.frames),
            };
            let namespace = &entrant.space.namespace;
            self.node
                .hub
                .emit_to(namespace, &self.client, terms, frames);
        }
    }

    /// The socket goes on as what it was: no first rooms, no welcome.
    fn go_on(&self, entrant: Entrant, record: &Record) {
        let Entrant { space, kept, .. } = entrant;
        let node = &self.node;
        let socket = self.connected(&space, record.sid);
        for (room, _) in &record.rooms {
            node.hub.join(&socket, room);
        }
        let restorable = Restorable::new(record.pid, record.position, record.rooms.clone());
        node.enlist(&socket, restorable);
        self.accept(&socket);
        self.belong(space, socket, kept, "recovered");
    }

    /// Whether the namespace is still the one that was asked for.
    fn is_current(&self, entrant: &Entrant) -> bool {
        let space = self.node.space(&entrant.space.namespace.name);
        space.is_some_and(|space| Rc::ptr_eq(&space, &entrant.space))
    }
}
