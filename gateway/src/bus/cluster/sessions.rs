//! Sessions that outlive their process: written to Redis where Node's adapter keeps them, and taken from there.
//!
//! A session is given out once. One that is saved belongs to whoever reads and deletes it, which Redis does in one step. One
//! that says where its socket lives belongs to that process: whoever has read it asks there first, and a process that has
//! given it away already, or has saved it since, says so. One that has handed it over, to a process that has not written it yet, has
//! kept it for who asks meanwhile.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, time};

use super::Cluster;
use crate::bus::{
    broadcast::EntryId,
    recovery::Record,
    redis::{Publish, Value, from_redis_value},
    remote::Outgoing,
    wire::streams::{self, Session},
};
use crate::id::{PrivateId, SocketId};

/// An owner that does not answer in this time is taken for dead.
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

/// Redis does not answer.
struct Away;

/// A session, and who says that its socket lives there.
type Found = Option<(Box<Record>, Option<Box<str>>)>;

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
            let publish = Publish::value(self.format.session_key(record.pid), value, ttl);
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
    pub(super) fn erase_session(&self, pid: PrivateId) {
        let publish = Publish::delete(self.format.session_key(pid));
        if let Err(error) = self.link.publish(publish, None) {
            self.observer.error(error.label());
        }
    }

    /// Takes a session that is not in this process. A Redis that is away for a moment is waited for: a client that is told that
    /// there is none has lost what it missed.
    pub(super) async fn take_session(
        self: Rc<Self>,
        namespace: Arc<str>,
        pid: PrivateId,
    ) -> Option<Box<Record>> {
        let end = (self.now)() + WORTH;
        let mut tries = 0;
        while tries < TRIES {
            self.until_it_works(end).await;
            let (record, owner) = match self.read_session(&namespace, pid).await {
                Ok(found) => found?,
                Err(Away) if (self.now)() < end => {
                    time::sleep(PAUSE).await;
                    continue;
                }
                Err(Away) => return None,
            };
            tries += 1;
            let Some(owner) = owner else {
                return Some(record);
            };
            if *owner == *self.format.uid() {
                // What we have ourselves was looked for before: this one was handed over, or is being written again, or saved.
                match self.bus.take_moved(&namespace, pid, (self.now)()) {
                    Some(record) => return Some(record),
                    None => continue,
                }
            }
            match self.ask_owner(&owner, &namespace, pid).await {
                Owner::Gave(record) => return Some(record),
                Owner::IsGone => return Some(record),
                Owner::HasNot => {}
            }
        }
        None
    }

    /// Reads a session, and deletes it.
    async fn read_session(&self, namespace: &Arc<str>, pid: PrivateId) -> Result<Found, Away> {
        let (reply, answer) = oneshot::channel();
        let take = Publish::script(TAKE, &[self.format.session_key(pid)], &[] as &[&[u8]]);
        self.link.publish(take, Some(reply)).map_err(|_| Away)?;
        let value = answer.await.map_err(|_| Away)?.map_err(|_| Away)?;
        Ok(self.found(value, namespace, pid))
    }

    fn found(&self, value: Value, namespace: &Arc<str>, pid: PrivateId) -> Found {
        let value: Option<Vec<u8>> = from_redis_value(value).ok()?;
        let found = Session::decode(&value?).map_err(|error| self.refused(&error));
        let mut found = found.ok()?;
        let owner = found.owner.take();
        Some((Box::new(record(found, namespace, pid)?), owner))
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
    })
}

/// KEYS the session; it is read, and deleted.
const TAKE: &str = r"
local found = redis.call('GET', KEYS[1])
if found then redis.call('DEL', KEYS[1]) end
return found
";
