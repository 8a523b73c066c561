//! What this process tells the others: every kind of [`Outgoing`], put on the link.

use std::{rc::Rc, sync::Arc};

use tokio::{sync::oneshot, task};

use super::Cluster;
use crate::bus::{
    broadcast::{Broadcast, Stored},
    query::Change,
    redis::{Publish, from_redis_value},
    remote::Outgoing,
    shared,
    wire::{Command, Opts, WireError},
};

impl Cluster {
    /// Something of this process that the others are to know.
    pub(super) fn tell(self: &Rc<Self>, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Broadcast(broadcast) => {
                self.remote.taken(&broadcast);
                self.tell_broadcast(&broadcast);
            }
            Outgoing::Change { target, change } => {
                let opts = Opts {
                    rooms: target.rooms,
                    except: target.except,
                    ..Opts::default()
                };
                let command = match change {
                    Change::Join(rooms) => Command::Join { opts, rooms },
                    Change::Leave(rooms) => Command::Leave { opts, rooms },
                    Change::Disconnect { close } => Command::Disconnect { opts, close },
                };
                self.send(&target.namespace, command);
            }
            Outgoing::Ordered(broadcast) => self.tell_in_order(broadcast),
            Outgoing::Session {
                record,
                is_saved,
                written,
            } => self.write_session(record, is_saved, written),
            Outgoing::Erase(pid, version) => self.erase_session(pid, version),
            Outgoing::Take {
                namespace,
                pid,
                here,
                claimant,
                reply,
            } => self.in_a_task(|cluster| async move {
                let taken = cluster.take_session(namespace, pid, here, &claimant);
                // The client may have gone again.
                let _ = reply.send(taken.await);
            }),
            Outgoing::Answer(publish) => self.publish(publish),
            Outgoing::Flush(done) => self.flush(done),
            Outgoing::Command(command, reply) => {
                if let Err(error) = self.link.publish(command, reply) {
                    self.observer.error(error.label());
                }
            }
            Outgoing::Namespace { name, used } => self.use_namespace(&name, used),
            Outgoing::Room {
                namespace,
                room,
                used,
                heard,
            } => self.use_room(&namespace, &room, used, heard),
            Outgoing::Fetch {
                target,
                timeout,
                reply,
            } => {
                let cluster = Rc::clone(self);
                task::spawn_local(async move { reply.send(cluster.fetch(target, timeout).await) });
            }
            Outgoing::ServerSideEmit {
                namespace,
                data,
                timeout,
                reply,
            } => {
                let cluster = Rc::clone(self);
                task::spawn_local(async move {
                    reply.send(cluster.emit_to_servers(&namespace, data, timeout).await)
                });
            }
        }
    }

    fn tell_broadcast(self: &Rc<Self>, broadcast: &Arc<Broadcast>) {
        self.store(broadcast);
        if let Some(gather) = &broadcast.ack {
            let (cluster, broadcast, gather) =
                (Rc::clone(self), Arc::clone(broadcast), gather.clone());
            task::spawn_local(async move { cluster.gather_acks(&broadcast, &gather).await });
            return;
        }
        match self.format.broadcast(broadcast, None) {
            Ok(publish) => self.publish(publish),
            Err(error) => self.refused(&error),
        }
    }

    /// Appends a message of ours to the history that all processes share, before they hear it.
    fn store(&self, broadcast: &Broadcast) {
        let stored = broadcast.stored.as_ref().and_then(Stored::take);
        let Some(append) = shared::append(&self.remote, broadcast) else {
            return;
        };
        let Some(stored) = stored else {
            return self.append(append);
        };
        let (reply, answer) = oneshot::channel();
        match self.link.publish(append, Some(reply)) {
            Ok(()) => drop(task::spawn_local(async move {
                let id = answer.await.ok().and_then(Result::ok);
                let id = id.and_then(|value| from_redis_value::<String>(value).ok());
                if let Some(id) = id.and_then(|id| id.parse().ok()) {
                    // The caller may have gone.
                    let _ = stored.send(id);
                }
            })),
            Err(error) => self.observer.error(error.label()),
        }
    }

    pub(super) fn append(&self, append: Publish) {
        if let Err(error) = self.link.publish(append, None) {
            self.observer.error(error.label());
        }
    }

    /// Sends a command to the others.
    pub(super) fn send(&self, namespace: &Arc<str>, command: Command) {
        if !self.speaks_alone.get() && !self.format.is_harmless(&command) {
            return self.observer.error("other_mode");
        }
        match self.format.command(namespace, command) {
            Ok(publish) => self.publish(publish),
            Err(error) => self.refused(&error),
        }
    }

    pub(super) fn publish(&self, publish: Publish) {
        if let Err(error) = self.link.publish(publish, None) {
            self.remote.lose(1);
            self.observer.error(error.label());
        }
    }

    pub(super) fn refused(&self, error: &WireError) {
        self.observer.error(error.label());
    }
}
