//! Taking a session that a client has come back for, from wherever it is.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time};

use super::{Cluster, PATIENCE, letters::Owner, record};
use crate::bus::{
    cluster::records::{self, Claim},
    recovery::{Claimant, Record},
    redis::Value,
    wire::streams::Session,
};
use crate::id::{PrivateId, Version};

/// Who comes back is worth so long a wait for a Redis that is away, and for who has taken the session just before.
const WORTH: Duration = Duration::from_secs(3);
/// So often at most another taker is waited for, each of which has died.
const TAKERS: u32 = 3;
/// Between two questions to Redis.
const PAUSE: Duration = Duration::from_millis(20);
/// A session that is taken away under our eyes so often is not ours.
const TRIES: usize = 3;

/// Nothing can be said of a session yet.
enum NotYet {
    /// Redis does not answer.
    Away,
    /// Another process has taken it, has left this mark, and has to write it.
    UnderWay(Box<str>),
}

/// A session that was in Redis.
struct Found {
    record: Box<Record>,
    /// Who says that its socket lives there.
    owner: Option<Box<str>>,
    /// Of whoever has it now.
    version: Version,
    /// Of the last writing of a process of ours.
    last: Box<str>,
    /// What we have left beside it.
    mark: Box<str>,
}

impl Found {
    /// Whether it is older than what a process had itself. Node has a session only after it has taken it from there.
    fn is_older_than(&self, own: &Record) -> bool {
        !self.record.is_foreign && *self.last <= *own.version.to_string()
    }
}

/// Until when something is waited for.
#[derive(Clone, Copy)]
struct Ends {
    redis: Instant,
    /// Whoever has taken it from us.
    since: Instant,
    /// All takers.
    takers: Instant,
}

impl Ends {
    /// Who has taken it before us is waited for, and taken from; who has it since, only waited for.
    fn of(&self, claim: &Claim) -> Instant {
        match claim {
            Claim::Since(_) => self.since,
            Claim::Free | Claim::From(_) => self.takers,
        }
    }
}

impl Cluster {
    /// Takes a session. What this process had of it itself may be older than what another one has written since.
    ///
    /// A Redis that is away for a moment is waited for, and so is who has taken it just before: a client that is told that there is
    /// none has lost what it missed. A taker that does not write it in time has died. A claimant whose client does not listen
    /// any more gets what is here: the client may have gone on to whoever has the session by then.
    pub(in crate::bus::cluster) async fn take_session(
        self: Rc<Self>,
        namespace: Arc<str>,
        pid: PrivateId,
        mut here: Option<Box<Record>>,
        claimant: &Claimant,
    ) -> Option<Box<Record>> {
        let now = (self.now)();
        let ends = Ends {
            redis: now + if here.is_some() { PATIENCE } else { WORTH },
            since: now + WORTH,
            takers: now + TAKERS * WORTH,
        };
        let mut claim = Claim::Free;
        for _ in 0..TRIES {
            let found = self.find_session(&namespace, pid, claim, ends, &mut here, claimant);
            let Some(found) = found.await else {
                break;
            };
            let version = found.version;
            claim = Claim::Since(found.mark.clone());
            here = here.filter(|here| found.is_older_than(here));
            let given = match here.take() {
                Some(here) => Some(here),
                None => self.given(found, &namespace, pid).await,
            };
            if let Some(given) = given {
                return Some(given.since(version));
            }
        }
        here.map(Record::goes_on_here)
    }

    /// Takes what Redis has of a session, as soon as that can be said. Where another process has taken it, what is here is written:
    /// that one asks for it, or has asked while we had no socket of it to give.
    async fn find_session(
        self: &Rc<Self>,
        namespace: &Arc<str>,
        pid: PrivateId,
        mut claim: Claim,
        ends: Ends,
        here: &mut Option<Box<Record>>,
        claimant: &Claimant,
    ) -> Option<Found> {
        let mut waits: Option<(Box<str>, Instant)> = None;
        loop {
            self.until_it_works(ends.redis).await;
            // Whoever has taken it before has left a mark, and goes on: others wait for that.
            if !claimant.listens() && !matches!(claim, Claim::Since(_)) {
                return None;
            }
            let patience = ends.redis.saturating_duration_since((self.now)());
            let read = self.read_session(namespace, pid, &claim);
            let read = time::timeout(patience.max(PATIENCE), read).await;
            let now = (self.now)();
            match read.unwrap_or(Err(NotYet::Away)) {
                Ok(found) => return found,
                Err(NotYet::Away) if now >= ends.redis => return None,
                Err(NotYet::UnderWay(_)) if now >= ends.of(&claim) => return None,
                Err(NotYet::UnderWay(mark)) => {
                    if let Some(mut own) = here.take() {
                        own.version = own.version.next();
                        self.write_session(own, true, None);
                    }
                    // Another taker has its own time.
                    let same = waits
                        .take()
                        .filter(|(taker, _)| **taker == *records::taker(&mark));
                    let (taker, from) = same.unwrap_or_else(|| (records::taker(&mark).into(), now));
                    let is_dead = now >= from + WORTH;
                    waits = Some((taker, from));
                    if is_dead && !matches!(claim, Claim::Since(_)) {
                        claim = Claim::From(mark);
                    }
                    time::sleep(PAUSE).await;
                }
                Err(NotYet::Away) => time::sleep(PAUSE).await,
            }
        }
    }

    async fn read_session(
        &self,
        namespace: &Arc<str>,
        pid: PrivateId,
        claim: &Claim,
    ) -> Result<Option<Found>, NotYet> {
        let (reply, answer) = oneshot::channel();
        let take = records::take(self.format.session_key(pid), claim);
        let sent = self.link.publish(take, Some(reply));
        sent.map_err(|_| NotYet::Away)?;
        let value = answer.await.ok().and_then(Result::ok);
        let value = value.ok_or(NotYet::Away)?;
        if let Some(mark) = records::under_way(&value) {
            return Err(NotYet::UnderWay(mark));
        }
        Ok(self.found(value, namespace, pid))
    }

    fn found(&self, value: Value, namespace: &Arc<str>, pid: PrivateId) -> Option<Found> {
        let taken = records::taken(value)?;
        let session = Session::decode(&taken.record).map_err(|error| self.refused(&error));
        let mut session = session.ok()?;
        let owner = session.owner.take();
        Some(Found {
            record: Box::new(record(session, namespace, pid)?),
            owner,
            version: taken.version,
            last: taken.last,
            mark: taken.mark,
        })
    }

    /// What was found, as far as its owner has not given it away.
    async fn given(
        &self,
        found: Found,
        namespace: &Arc<str>,
        pid: PrivateId,
    ) -> Option<Box<Record>> {
        let Some(owner) = found.owner else {
            return Some(found.record);
        };
        if *owner == *self.format.uid() {
            // What we have ourselves was looked for before: this one was given away, or has come here meanwhile, or is being
            // written again, or saved.
            return match self.bus.given_away(namespace, pid, (self.now)()) {
                Some(record) => Some(record),
                None => self.bus.take_here(namespace, pid, (self.now)()).await,
            };
        }
        match self.ask_owner(&owner, namespace, pid).await {
            Owner::Gave(record) => Some(record),
            Owner::IsGone => Some(found.record),
            Owner::HasNot => None,
        }
    }
}
