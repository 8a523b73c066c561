//! A client that comes back: its session is taken, it is told what it has missed, and its socket goes on.
//!
//! Its CONNECT is parked meanwhile; other namespaces of the connection go on. The socket enters its rooms in the same turn in
//! which the last of what it missed was read, up to this shard's position: what comes by the inbox afterwards is live.

use std::rc::Rc;
use std::time::Duration;

use carillon_crds::raw;
use tokio::{task, time};

use super::recovery::NOBODY;
use super::session::{Entrant, Session};
use crate::bus::broadcast::EntryId;
use crate::bus::recovery::{Missed, Record, Wanted};
use crate::clock;
use crate::hub::Restorable;
use crate::id::PrivateId;

/// So many bytes of what a client has missed are on its backlog at the most (or one message): the next page waits until the
/// kernel, or the client's polls, have taken all of this one.
const PAGE: usize = 256 << 10;

/// A position that this shard has not heard of in this time is none.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(5);

/// What a client says of the session that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pid: PrivateId,
    /// The last offset that it saw; absent if it has had no event.
    offset: Option<EntryId>,
}

/// How catching up ended.
enum Caught {
    /// The client has all that is older than this shard's position, this being the last of it.
    Up(EntryId),
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

    /// Takes the session once the client listens. One that does not, because its poll has not come or another pod that passed it on
    /// has died, may have gone on to another connection, and what that one has must not be taken from it.
    async fn claim(&self, entrant: &Entrant, pid: PrivateId) -> Option<Box<Record>> {
        let (bus, claimant) = (&self.node.bus, self.claimant());
        let name = &entrant.space.namespace.name;
        loop {
            while !claimant.listens() && !self.is_closed.get() {
                claimant.changed().await;
            }
            if self.is_closed.get() {
                return None;
            }
            let found = bus.claim(name, pid, claimant, clock::now()).await;
            let found = found.zip(entrant.space.recovery());
            let found = found.map(|(mut record, window)| {
                record.window = window;
                record
            });
            if claimant.listens() || self.is_closed.get() {
                return found;
            }
            if let Some(record) = found {
                bus.save(*record, clock::now());
            }
        }
    }

    async fn come_back(&self, entrant: Entrant, claim: Claim) {
        let name = entrant.space.namespace.name.clone();
        let bus = &self.node.bus;
        let found = self.claim(&entrant, claim.pid).await;
        let record = found.and_then(|found| self.allowed(found));
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
            (Caught::Up(last), Some(record)) if entrant.space.recovery().is_some() => {
                self.go_on(entrant, &record, last);
            }
            _ => self.enter(entrant),
        }
    }

    /// The session of the user who has come; that of another one goes back to where it was.
    fn allowed(&self, mut record: Box<Record>) -> Option<Box<Record>> {
        if record.is_foreign {
            // It says nothing of its user: it is that of who has just proved to be somebody.
            record.user = NOBODY.into();
        }
        if *record.user == *NOBODY {
            return Some(record);
        }
        self.node.bus.save(*record, clock::now());
        None
    }

    /// Sends what was missed, page by page. After [`Caught::Up`] nothing may be awaited before the socket is in its rooms.
    async fn catch_up(
        &self,
        entrant: &Entrant,
        record: &Record,
        offset: Option<EntryId>,
    ) -> Caught {
        let node = &self.node;
        let lane = node.bus.lane(&record.namespace);
        let Some(mut from) = record.resumes(offset) else {
            return Caught::Never;
        };
        let mut last = offset.unwrap_or(record.position);
        let heard = node.bus.head(lane);
        if !self.reach(lane, from.max(record.upto).max(heard)).await {
            return Caught::Never;
        }
        loop {
            if self.is_closed.get() || !self.is_current(entrant) {
                return Caught::Gone;
            }
            let wanted = Wanted {
                record,
                from,
                upto: node.position(lane),
                bytes: PAGE.min(entrant.space.live().rules.rules.backlog),
            };
            let Some(Missed { entries, next }) = node.bus.missed(&wanted) else {
                return Caught::Never;
            };
            if !entries.is_empty() && self.client.unsent() > 0 {
                node.hub.drained(&self.client).await;
                continue;
            }
            let namespace = &entrant.space.namespace;
            node.tell_missed(namespace, &self.client, &entries);
            last = entries.last().and_then(|last| last.entry).unwrap_or(last);
            match next {
                Some(next) => from = next,
                None => return Caught::Up(last),
            }
        }
    }

    /// Waits until this shard has heard what another one may have told the client: what the bus has waits in the inbox, what a
    /// stream has comes soon. False if it does not come.
    pub(super) async fn reach(&self, lane: usize, position: EntryId) -> bool {
        let node = &self.node;
        let deadline = clock::now() + PATIENCE;
        while node.position(lane) < position {
            if position <= node.bus.head(lane) {
                task::yield_now().await;
            } else if lane == 0 || clock::now() > deadline || self.is_closed.get() {
                return false;
            } else {
                time::sleep(GLANCE).await;
            }
        }
        true
    }

    /// The socket goes on as what it was: no first rooms, no welcome.
    fn go_on(&self, entrant: Entrant, record: &Record, last: EntryId) {
        let Entrant { space, kept, .. } = entrant;
        let node = &self.node;
        let socket = self.connected(&space, record.sid);
        for (room, _) in &record.rooms {
            node.hub.join(&socket, room);
        }
        let lane = node.bus.lane(&record.namespace);
        let told = (last, node.position(lane));
        let restorable = Restorable::new(record.pid, lane, record.position);
        let restorable = restorable.going_on(
            record.data.clone(),
            record.rooms.clone(),
            told,
            record.version,
        );
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
