//! Letters between processes: who takes a session asks the one where its socket lives.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, time};

use super::{Cluster, PATIENCE, record, session};
use crate::bus::{
    recovery::Record,
    redis::{Publish, Value},
    remote::Outgoing,
    wire::streams::Session,
};
use crate::id::PrivateId;

/// The questions to other processes that wait for an answer.
#[derive(Default)]
pub(in crate::bus::cluster) struct Asked(
    RefCell<HashMap<Box<str>, oneshot::Sender<Option<Box<str>>>>>,
);

/// What an owner says.
pub(super) enum Owner {
    Gave(Box<Record>),
    HasNot,
    IsGone,
}

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

impl Cluster {
    /// Asks the process whose socket it is to give it up.
    pub(super) async fn ask_owner(
        &self,
        owner: &str,
        namespace: &Arc<str>,
        pid: PrivateId,
    ) -> Owner {
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
    pub(in crate::bus::cluster) fn take_letter(
        self: &Rc<Self>,
        channel: &str,
        payload: &[u8],
    ) -> bool {
        if *channel != *self.letterbox {
            return false;
        }
        match serde_json::from_slice::<Letter<'_>>(payload) {
            Ok(Letter::Ask { id, from, nsp, pid }) => {
                let pid = PrivateId::parse(pid);
                let given = pid.and_then(|pid| self.bus.give_up(nsp, pid));
                let before = pid.and_then(|pid| self.bus.given_away(nsp, pid, (self.now)()));
                let (id, from) = (id.to_owned(), from.to_owned());
                self.in_a_task(|cluster| async move {
                    let record = match given {
                        Some(given) => given.await.ok().flatten(),
                        None => return cluster.answer_letter(&id, &from, before.as_deref()),
                    };
                    if let Some(record) = &record {
                        // Who has asked may die before it writes it.
                        cluster.bus.hand_over((**record).clone(), (cluster.now)());
                    }
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
