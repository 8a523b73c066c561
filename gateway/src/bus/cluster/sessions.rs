//! Sessions that outlive their process: written to Redis where Node's adapter keeps them, and [taken](taking) from there.
//!
//! A session is given out once. One that is saved belongs to whoever [takes its record](records::take). One that says where its
//! socket lives belongs to that process: whoever has taken it [asks there](letters) first, and a process that has saved it since
//! says so. One that has given it away, or handed it over, has kept it for who asks until it is written; one that has it in hand for a
//! client of its own, while another one has taken the record, writes it, and waits for that one as everybody does. Which of
//! several writings of one session stands is told in [`records`].

mod letters;
mod taking;

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time};

pub(super) use self::letters::Asked;
use super::{Cluster, records};
use crate::bus::{
    broadcast::EntryId,
    recovery::Record,
    wire::streams::{self, Session},
};
use crate::id::{PrivateId, SocketId, Version};

/// An owner that does not answer in this time is taken for dead; where a session is here too, so is Redis.
const PATIENCE: Duration = Duration::from_secs(1);
/// A session that lives on is written again after a third of its window; so late it may be.
const LATE: Duration = Duration::from_secs(5);

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
        let value = match session(&record, owner).encode() {
            Ok(value) => value,
            Err(error) => return self.refused(&error),
        };
        let (reply, answer) = oneshot::channel();
        let key = self.format.session_key(record.pid);
        let publish = records::write(key, record.version, &value, ttl);
        let sent = self.link.publish(publish, Some(reply));
        self.in_a_task(|cluster| async move {
            let failed = match sent {
                Ok(()) => match time::timeout(PATIENCE, answer).await {
                    Ok(Ok(Ok(_))) => None,
                    _ => Some("session"),
                },
                Err(error) => Some(error.label()),
            };
            if let Some(label) = failed {
                cluster.observer.error(label);
                if is_saved {
                    cluster.bus.save_here(*record, (cluster.now)());
                }
            }
            written.into_iter().for_each(|written| _ = written.send(()));
        });
    }

    /// Forgets a session.
    pub(super) fn erase_session(&self, pid: PrivateId, version: Version) {
        let publish = records::erase(self.format.session_key(pid), version);
        if let Err(error) = self.link.publish(publish, None) {
            self.observer.error(error.label());
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
