//! Requests of ours to the other servers, and how long each is waited for.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use super::Cluster;
use crate::bus::{
    broadcast::Broadcast,
    gather::{AckGather, AckReply},
    remote::{Fetched, Servers},
    wire::{Command, Data, Flags, Opts, Reply, Response},
};
use crate::target::Target;

/// The requests under way, by their ids.
#[derive(Default)]
pub(super) struct Requests(Rc<RefCell<HashMap<Box<str>, mpsc::UnboundedSender<Answer>>>>);

/// The name of the server that answers, where the format tells it, and the answer.
type Answer = (Option<Arc<str>>, Reply);

/// One request; when it goes, nobody waits for its answers any more.
struct Waiting {
    id: Box<str>,
    answers: mpsc::UnboundedReceiver<Answer>,
    all: Rc<RefCell<HashMap<Box<str>, mpsc::UnboundedSender<Answer>>>>,
}

/// So many sockets are taken from all other servers together.
const MAX_SOCKETS: usize = 100_000;

impl Requests {
    fn open(&self, id: Box<str>) -> Waiting {
        let (to, answers) = mpsc::unbounded_channel();
        self.0.borrow_mut().insert(id.clone(), to);
        Waiting {
            id,
            answers,
            all: Rc::clone(&self.0),
        }
    }

    /// An answer has come; one that nobody waits for is dropped.
    pub(super) fn answered(&self, from: Option<Arc<str>>, response: Response) {
        let Response { request, reply } = response;
        if let Some(waiting) = self.0.borrow().get(&request) {
            // The waiting end may have given up in this very moment.
            let _ = waiting.send((from, reply));
        }
    }

    /// Whether this request is one of ours.
    pub(super) fn is_ours(&self, request: &str) -> bool {
        self.0.borrow().contains_key(request)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.borrow_mut().remove(&self.id);
    }
}

impl Waiting {
    /// The next answer, until the deadline.
    async fn next(&mut self, deadline: Instant) -> Option<Answer> {
        time::timeout_at(deadline, self.answers.recv())
            .await
            .ok()
            .flatten()
    }
}

impl Cluster {
    /// How many other servers listen to a namespace; `None` if Redis does not say.
    async fn others(&self, namespace: &str) -> Option<u64> {
        let listening = self.format.servers(&self.link, namespace).await;
        match listening {
            Ok(count) => {
                let we = u64::from(self.subscriptions.borrow().has(namespace));
                Some(count.saturating_sub(we))
            }
            Err(error) => {
                self.observer.error(error.label());
                None
            }
        }
    }

    /// The sockets of a selection that other servers have.
    pub(super) async fn fetch(&self, target: Target, timeout: Duration) -> Fetched {
        let mut fetched = Fetched::default();
        let deadline = Instant::from_std((self.now)() + timeout);
        let Some(others) = self.others(&target.namespace).await else {
            fetched.missing = 1;
            return fetched;
        };
        fetched.servers = others;
        if others == 0 {
            return fetched;
        }
        let mut waiting = self.requests.open(self.format.request_id());
        let opts = Opts {
            rooms: target.rooms,
            except: target.except,
            flags: Flags {
                timeout: Some(millis(timeout)),
                ..Flags::default()
            },
        };
        let request = waiting.id.clone();
        self.send(&target.namespace, Command::FetchSockets { request, opts });
        let mut answered = 0;
        while answered < others
            && let Some((from, reply)) = waiting.next(deadline).await
        {
            let Reply::Sockets(sockets) = reply else {
                continue;
            };
            answered += 1;
            let from = from.unwrap_or_else(|| Arc::from(""));
            let room = MAX_SOCKETS.saturating_sub(fetched.sockets.len());
            let named = sockets.into_iter().map(|socket| (from.clone(), socket));
            fetched.sockets.extend(named.take(room));
        }
        fetched.missing = others - answered;
        fetched
    }

    /// Sends an event to the other servers, and gathers their acks if any are wanted.
    pub(super) async fn emit_to_servers(
        &self,
        namespace: &Arc<str>,
        data: Data,
        timeout: Option<Duration>,
    ) -> Servers {
        let mut answer = Servers::default();
        let others = self.others(namespace).await;
        answer.servers = others.unwrap_or(0);
        let Some(timeout) = timeout else {
            self.send(
                namespace,
                Command::ServerSideEmit {
                    request: None,
                    data,
                },
            );
            return answer;
        };
        let deadline = Instant::from_std((self.now)() + timeout);
        let mut waiting = self.requests.open(self.format.request_id());
        let request = Some(waiting.id.clone());
        self.send(namespace, Command::ServerSideEmit { request, data });
        while (answer.acks.len() as u64) < answer.servers
            && let Some((_, reply)) = waiting.next(deadline).await
        {
            if let Reply::ServerSideEmit(value) = reply {
                answer.acks.push(value);
            }
        }
        answer
    }

    /// Sends a broadcast that asks for acks, and passes on what the clients of other servers answer.
    pub(super) async fn gather_acks(&self, broadcast: &Arc<Broadcast>, gather: &AckGather) {
        let deadline = Instant::from_std((self.now)() + gather.timeout());
        let Some(others) = self.others(&broadcast.target.namespace).await else {
            gather.partial();
            return gather.expect(0);
        };
        if others == 0 {
            return gather.expect(0);
        }
        let mut waiting = self.requests.open(self.format.request_id());
        match self.format.broadcast(broadcast, Some(&waiting.id)) {
            Ok(publish) => self.publish(publish),
            Err(error) => {
                self.refused(&error);
                return gather.expect(0);
            }
        }
        let (mut counted, mut clients, mut answered) = (0, 0, 0);
        while (counted < others || answered < clients)
            && !gather.is_closed()
            && let Some((_, reply)) = waiting.next(deadline).await
        {
            match reply {
                Reply::ClientCount(count) => {
                    counted += 1;
                    clients += count;
                    if counted == others {
                        gather.expect(clients);
                    }
                }
                Reply::Ack(Data { json, attachments }) => {
                    answered += 1;
                    gather.reply(AckReply {
                        socket: "".into(),
                        args: json,
                        attachments,
                    });
                }
                _ => {}
            }
        }
        if counted < others {
            gather.partial();
            gather.expect(clients);
        }
    }
}

/// Milliseconds as the formats carry them.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
