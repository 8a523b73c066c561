//! Sessions that outlive their process: written to Redis where Node's adapter keeps them, and taken from there.
//!
//! A session is given out once. One that is saved belongs to whoever reads and deletes it, which Redis does in one step. One
//! that says where its socket lives belongs to that process: whoever has read it asks there first, and a process that has
//! given it away already, or has saved it since, says so. One that has handed it over, to a process that has not written it yet, has
//! kept it for who asks meanwhile. Which of several writings of one session stands is told in [`super::records`].

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, time};

use super::{Cluster, records};
use crate::bus::{
    broadcast::EntryId,
    recovery::Record,
    redis::{Publish, Value},
    remote::Outgoing,
    wire::streams::{self, Session},
};
use crate::id::{PrivateId, SocketId, Version};

/// An owner that does not answer in this time is taken for dead; where a session is here too, so is Redis.
const PATIENCE: Duration = Duration::from_secs(1);
/// Who comes back is worth so long a wait for a Redis that is away.
const WORTH: Duration = Duration::from_secs(3);
/// Between two questions to it.
const PAUSE: Duration = Duration::from_millis(20);
/// A session that is taken away under our eyes so often is not ours.
const TRIES: usize = 3;
/// A session that lives on is written again after a third of its window; so late it may be.
const LATE: Duration = Duration::from_secs(5);

/// The questions to other processes that wait for an answer.
#[derive(Default)]
pub(super) struct Asked(RefCell<HashMap<Box<str>, oneshot::Sender<Option<Box<str>>>>>);

/// What one process writes into the letterbox of another one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Letter<'a> {
    /// Give up the socket of that private id.
    Ask {
        id: &'a str,
        from: &'a str,
        nsp: &'a str,
        pid: &'a str,
    },
    /// The session, as it would be written, if the socket was there.
    Answer {
        id: &'a str,
        session: Option<&'a str>,
    },
}

/// Nothing can be said of a session yet: Redis does not answer, or another process has just taken it, and has to write it.
struct NotYet;

/// A session that was in Redis.
struct Found {
    record: Box<Record>,
    /// Who says that its socket lives there.
    owner: Option<Box<str>>,
    /// Of whoever has it now.
    version: Version,
    /// Of the last writing of a process of ours.
    last: Box<str>,
}

impl Found {
    /// Whether it is older than what a process had itself. Node has a session only after it has taken it from there.
    fn is_older_than(&self, own: &Record) -> bool {
        !self.record.is_foreign && *self.last <= *own.version.to_string()
    }
}

/// What an owner says.
enum Owner {
    Gave(Box<Record>),
    HasNot,
    IsGone,
}

impl Cluster {
    /// Writes a session.
    pub(super) fn write_session(
        self: &Rc<Self>,
        record: Box<Record>,
        is_saved: bool,
        written: Option<oneshot::Sender<()>>,
    ) {
        let window = record.window;
        let ttl = if is_saved {
            window
        } else {
            window + window / 3 + LATE
        };
        let owner = (!is_saved).then(|| self.format.uid());
        let sent = session(&record, owner).encode().map(|value| {
            let (reply, answer) = oneshot::channel();
            let key = self.format.session_key(record.pid);
            let publish = records::write(key, record.version, &value, ttl);
            self.link.publish(publish, Some(reply)).map(|()| answer)
        });
        match sent {
            Ok(Ok(answer)) => self.in_a_task(|cluster| async move {
                let answer = time::timeout(PATIENCE, answer).await;
                if !matches!(answer, Ok(Ok(Ok(_)))) {
                    cluster.observer.error("session");
                    if is_saved {
                        cluster.bus.save_here(*record, (cluster.now)());
                    }
                }
                written.into_iter().for_each(|written| _ = written.send(()));
            }),
            Ok(Err(error)) => {
                self.observer.error(error.label());
                if is_saved {
                    self.bus.save_here(*record, (self.now)());
                }
            }
            Err(error) => self.refused(&error),
        }
    }

    /// Forgets a session.
    pub(super) fn erase_session(&self, pid: PrivateId, version: Version) {
        let publish = records::erase(self.format.session_key(pid), version);
        if let Err(error) = self.link.publish(publish, None) {
            self.observer.error(error.label());
        }
    }

    /// Takes a session. What this process had of it itself may be older than what another one has written since.
    ///
    /// A Redis that is away for a moment is waited for, and so is who has taken it just before: a client that is told that there is
    /// none has lost what it missed.
    pub(super) async fn take_session(
        self: Rc<Self>,
        namespace: Arc<str>,
        pid: PrivateId,
        mut here: Option<Box<Record>>,
    ) -> Option<Box<Record>> {
        let worth = if here.is_some() { PATIENCE } else { WORTH };
        let end = (self.now)() + worth;
        let mut tries = 0;
        while tries < TRIES {
            self.until_it_works(end).await;
            let read = self.read_session(&namespace, pid);
            let read = match &here {
                None => read.await,
                Some(_) => time::timeout(PATIENCE, read).await.unwrap_or(Err(NotYet)),
            };
            let found = match read {
                Ok(Some(found)) => found,
                Err(NotYet) if (self.now)() < end => {
                    time::sleep(PAUSE).await;
                    continue;
                }
                Ok(None) | Err(NotYet) => break,
            };
            tries += 1;
            let version = found.version;
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

    /// Reads a session, and deletes it.
    async fn read_session(
        &self,
        namespace: &Arc<str>,
        pid: PrivateId,
    ) -> Result<Option<Found>, NotYet> {
        let (reply, answer) = oneshot::channel();
        let take = records::take(self.format.session_key(pid));
        self.link.publish(take, Some(reply)).map_err(|_| NotYet)?;
        let value = answer.await.map_err(|_| NotYet)?.map_err(|_| NotYet)?;
        if records::is_under_way(&value) {
            return Err(NotYet);
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
            // What we have ourselves was looked for before: this one was handed over, or has come here meanwhile, or is being
            // written again, or saved.
            return match self.bus.take_moved(namespace, pid, (self.now)()) {
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

    async fn ask_owner(&self, owner: &str, namespace: &Arc<str>, pid: PrivateId) -> Owner {
        let id = self.format.request_id();
        let letter = Letter::Ask {
            id: &id,
            from: self.format.uid(),
            nsp: namespace,
            pid: pid.as_str(),
        };
        let (heard, answer) = oneshot::channel();
        self.asked.0.borrow_mut().insert(id.clone(), heard);
        let asked = self.post(owner, &letter).await;
        let answer = match asked {
            true => time::timeout(PATIENCE, answer)
                .await
                .ok()
                .and_then(Result::ok),
            false => None,
        };
        self.asked.0.borrow_mut().remove(&id);
        match answer {
            None => Owner::IsGone,
            Some(None) => Owner::HasNot,
            Some(Some(value)) => {
                let found = Session::decode(value.as_bytes()).ok();
                let found = found.and_then(|found| record(found, namespace, pid));
                found.map_or(Owner::HasNot, |record| Owner::Gave(Box::new(record)))
            }
        }
    }

    /// Writes a letter; false if nobody reads it.
    async fn post(&self, to: &str, letter: &Letter<'_>) -> bool {
        let Some(publish) = self.letter(to, letter) else {
            return false;
        };
        let (reply, answer) = oneshot::channel();
        if self.link.publish(publish, Some(reply)).is_err() {
            return false;
        }
        // A node of a Redis Cluster knows of its own listeners only.
        match answer.await {
            Ok(Ok(Value::Int(0))) => self.link.is_cluster(),
            Ok(Ok(_)) => true,
            _ => false,
        }
    }

    fn letter(&self, to: &str, letter: &Letter<'_>) -> Option<Publish> {
        let text = serde_json::to_vec(letter).ok()?;
        Some(Publish::channel(self.format.letterbox(to), text))
    }

    /// Takes what is in our letterbox; false if the channel is another one.
    pub(super) fn take_letter(self: &Rc<Self>, channel: &str, payload: &[u8]) -> bool {
        if *channel != *self.letterbox {
            return false;
        }
        match serde_json::from_slice::<Letter<'_>>(payload) {
            Ok(Letter::Ask { id, from, nsp, pid }) => {
                let pid = PrivateId::parse(pid);
                let given = pid.and_then(|pid| self.bus.give_up(nsp, pid));
                let moved = pid.and_then(|pid| self.bus.take_moved(nsp, pid, (self.now)()));
                let (id, from) = (id.to_owned(), from.to_owned());
                self.in_a_task(|cluster| async move {
                    let record = match given {
                        Some(given) => given.await.ok().flatten(),
                        None => moved,
                    };
                    cluster.answer_letter(&id, &from, record.as_deref());
                });
            }
            Ok(Letter::Answer { id, session }) => {
                let waiting = self.asked.0.borrow_mut().remove(id);
                let session = session.map(Box::from);
                // Who asked may have given up.
                waiting
                    .into_iter()
                    .for_each(|waiting| _ = waiting.send(session.clone()));
            }
            Err(_) => self.observer.error("malformed"),
        }
        true
    }

    /// Behind what the shards have written of this session before.
    fn answer_letter(&self, id: &str, to: &str, record: Option<&Record>) {
        let session = record.and_then(|record| session(record, None).encode().ok());
        let letter = Letter::Answer {
            id,
            session: session.as_deref(),
        };
        if let Some(publish) = self.letter(to, &letter) {
            self.remote.send(Outgoing::Answer(publish));
        }
    }
}

/// As it is written.
fn session(record: &Record, owner: Option<&str>) -> Session {
    let Record {
        namespace,
        sid,
        pid,
        rooms,
        position,
        upto,
        last,
        data,
        user,
        ..
    } = record;
    let own = std::iter::once(Arc::from(sid.as_str()));
    let entered: Vec<String> = rooms
        .iter()
        .map(|(_, entered)| entered.to_string())
        .collect();
    let text = |id: &EntryId| Some(id.to_string().into());
    Session {
        sid: sid.as_str().into(),
        pid: pid.as_str().into(),
        rooms: own
            .chain(rooms.iter().map(|(room, _)| Arc::clone(room)))
            .collect(),
        data: data.clone(),
        user: Some(user.clone()),
        owner: owner.map(Into::into),
        position: text(upto),
        namespace: Some((**namespace).into()),
        since: text(position),
        last: text(last),
        entered: Some(entered.join(" ").into()),
    }
}

/// What is written, as a session of that namespace; `None` if it is none.
fn record(session: Session, namespace: &Arc<str>, pid: PrivateId) -> Option<Record> {
    let Session {
        sid,
        pid: named,
        rooms,
        data,
        user,
        owner: _,
        position,
        namespace: of,
        since,
        last,
        entered,
    } = session;
    if *named != *pid.as_str() || of.is_some_and(|of| *of != **namespace) {
        return None;
    }
    let id = |text: Option<&str>| text.and_then(streams::entry_id);
    let mut entered = entered.as_deref().unwrap_or_default().split(' ');
    let rooms = rooms.into_iter().filter(|room| **room != *sid);
    let rooms = rooms.map(|room| (room, id(entered.next()).unwrap_or_default()));
    let is_foreign = position.is_none();
    Some(Record {
        namespace: Arc::clone(namespace),
        sid: SocketId::of_peer(&sid)?,
        pid,
        rooms: rooms.collect(),
        position: id(since.as_deref()).unwrap_or_default(),
        upto: id(position.as_deref()).unwrap_or_default(),
        last: id(last.as_deref()).unwrap_or_default(),
        is_foreign,
        data,
        user: user.unwrap_or_default(),
        owner: 0,
        window: Duration::ZERO,
        version: Version::default(),
    })
}
