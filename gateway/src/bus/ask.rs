//! What is asked of many sockets, or changed on them, and how the answers come together.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    Bus,
    gather::{AckGather, Acks, Tally},
    inbox::Inbound,
    query::{Answers, Change, Query},
    remote::{Fetched, Outgoing, Servers},
    wire::Data,
};
use crate::target::Target;

impl Bus {
    /// Changes the sockets of a selection, those of other processes too; the tally counts the ones of this process.
    pub fn change(&self, target: &Target, change: &Change) -> Arc<Tally> {
        if let Some(remote) = &self.0.remote {
            remote.send(Outgoing::Change {
                target: target.clone(),
                change: change.clone(),
            });
        }
        self.change_here(target, change)
    }

    /// Changes the sockets of a selection on every shard of this process.
    pub fn change_here(&self, target: &Target, change: &Change) -> Arc<Tally> {
        let tally = self.tally();
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Change {
                target: target.clone(),
                change: change.clone(),
                reply: Arc::clone(&tally),
            });
        }
        tally
    }

    /// Asks every shard of this process.
    pub fn ask(&self, query: &Query) -> Answers {
        let (reply, answers) = Answers::new(self.shards());
        for outlet in &self.0.outlets {
            outlet.send(Inbound::Query {
                query: query.clone(),
                reply: reply.clone(),
            });
        }
        answers
    }

    /// The sockets of a selection that other processes have; at once where there are none.
    pub async fn fetch(&self, target: Target) -> Fetched {
        let Some(remote) = self.remote() else {
            return Fetched::default();
        };
        let (reply, answer) = oneshot::channel();
        remote.send(Outgoing::Fetch {
            target,
            timeout: remote.timeout(),
            reply,
        });
        answer.await.unwrap_or_default()
    }

    /// Sends an event to the other servers of a namespace; `timeout` says how long to wait for their acks, if at all.
    pub async fn server_side_emit(
        &self,
        namespace: Arc<str>,
        data: Data,
        timeout: Option<Duration>,
    ) -> Servers {
        let Some(remote) = self.remote() else {
            return Servers::default();
        };
        let (reply, answer) = oneshot::channel();
        remote.send(Outgoing::ServerSideEmit {
            namespace,
            data,
            timeout,
            reply,
        });
        answer.await.unwrap_or_default()
    }

    /// A tally to which each shard contributes once.
    pub fn tally(&self) -> Arc<Tally> {
        Tally::new(self.shards())
    }

    /// Both ends of a gather of acks, under a new packet id; the replies may hold `bytes` bytes, and are waited for
    /// as long as `timeout`. Every shard reports to it once, and so does, for all other processes together, the task that
    /// speaks to them.
    pub fn acks(&self, bytes: usize, timeout: Duration) -> (AckGather, Acks) {
        let others = usize::from(self.0.remote.is_some());
        Acks::new(self.next_ack_id(), self.shards() + others, bytes, timeout)
    }

    /// A gather of the acks of this process alone, for another one that asks.
    pub fn acks_here(&self, bytes: usize, timeout: Duration) -> (AckGather, Acks) {
        Acks::new(self.next_ack_id(), self.shards(), bytes, timeout)
    }

    /// A packet id for a packet that asks a client for an ack, unique in this process.
    pub fn next_ack_id(&self) -> u64 {
        self.0.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells every shard that nobody waits for this packet id's acks any more.
    pub fn forget_ack(&self, id: u64) {
        for outlet in &self.0.outlets {
            outlet.send(Inbound::ForgetAck(id));
        }
    }
}
