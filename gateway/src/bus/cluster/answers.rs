//! What other servers ask of this one. Each request is answered exactly once.

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use tokio::{task, time};

use super::{Cluster, format::Origin};
use crate::bus::{
    query::{Answer, Change, Page, Query, SocketView},
    wire::{Command, Data, Envelope, Opts, RemoteSocket, Reply, Response},
};
use crate::socket::json;
use crate::target::Target;

/// So many sockets are described to a peer at the most.
const MAX_SOCKETS: usize = 100_000;
/// The acks of one broadcast of a peer may hold so many bytes here.
const MAX_ACK_BYTES: usize = 16 << 20;

impl Cluster {
    /// Does what another server asks.
    pub(super) fn obey(self: &Rc<Self>, envelope: Envelope, origin: Origin) {
        let Envelope {
            namespace, command, ..
        } = envelope;
        match command {
            Command::Broadcast {
                data,
                opts,
                ack: None,
            } => self.deliver(&namespace, &data, opts, &origin),
            Command::Broadcast {
                data,
                opts,
                ack: Some(request),
            } => {
                // One that we have sent ourselves comes back on the shared channel.
                if !self.requests.is_ours(&request) {
                    self.in_a_task(|cluster| async move {
                        cluster
                            .broadcast_with_acks(&namespace, &data, opts, &request, &origin)
                            .await;
                    });
                }
            }
            Command::Join { opts, rooms } => {
                self.change(&namespace, opts, &Change::Join(allowed(rooms)));
            }
            Command::Leave { opts, rooms } => self.change(&namespace, opts, &Change::Leave(rooms)),
            Command::Disconnect { opts, close } => {
                self.change(&namespace, opts, &Change::Disconnect { close });
            }
            Command::FetchSockets { request, opts } => self.in_a_task(|cluster| async move {
                let sockets = cluster.sockets(target(&namespace, opts)).await;
                let reply = sockets.map(|all| Reply::Sockets(all.iter().map(remote).collect()));
                cluster.answer(&origin, request, reply);
            }),
            Command::SocketIds { request, rooms } => self.in_a_task(|cluster| async move {
                let opts = Opts {
                    rooms,
                    ..Opts::default()
                };
                let sockets = cluster.sockets(target(&namespace, opts)).await;
                let ids = |all: Vec<SocketView>| all.into_iter().map(|view| view.id).collect();
                cluster.answer(
                    &origin,
                    request,
                    sockets.map(|all| Reply::SocketIds(ids(all))),
                );
            }),
            Command::AllRooms { request } => self.in_a_task(|cluster| async move {
                let sockets = cluster.sockets(Target::all(namespace)).await;
                cluster.answer(
                    &origin,
                    request,
                    sockets.map(|all| Reply::Rooms(rooms(&all))),
                );
            }),
            // There is no code here that could answer; a peer that waits for all servers is not left waiting.
            Command::ServerSideEmit { request, .. } => {
                if let Some(request) = request {
                    let null = Data {
                        json: "null".into(),
                        attachments: Vec::new(),
                    };
                    self.answer(&origin, request, Some(Reply::ServerSideEmit(null)));
                }
            }
            Command::LegacyRoom {
                request,
                socket,
                room,
                join,
            } => {
                let rooms = vec![room];
                let change = if join {
                    Change::Join(allowed(rooms))
                } else {
                    Change::Leave(rooms)
                };
                self.legacy(namespace, &socket, &change, request, origin);
            }
            Command::LegacyDisconnect {
                request,
                socket,
                close,
            } => self.legacy(
                namespace,
                &socket,
                &Change::Disconnect { close },
                request,
                origin,
            ),
            Command::InitialHeartbeat | Command::Heartbeat | Command::AdapterClose => {}
        }
    }

    pub(super) fn in_a_task<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        run: impl FnOnce(Rc<Self>) -> F,
    ) {
        task::spawn_local(run(Rc::clone(self)));
    }

    fn change(&self, namespace: &Arc<str>, opts: Opts, change: &Change) {
        drop(self.bus.change_here(&target(namespace, opts), change));
    }

    /// An old peer's change of one socket: only the server that has it answers.
    fn legacy(
        self: &Rc<Self>,
        namespace: Arc<str>,
        socket: &str,
        change: &Change,
        request: Box<str>,
        origin: Origin,
    ) {
        let tally = self
            .bus
            .change_here(&Target::room(namespace, socket), change);
        self.in_a_task(|cluster| async move {
            let total = time::timeout(cluster.request_timeout, tally.total()).await;
            if total.is_ok_and(|sockets| sockets > 0) {
                cluster.answer(&origin, request, Some(Reply::Done));
            }
        });
    }

    async fn sockets(&self, target: Target) -> Option<Vec<SocketView>> {
        let page = Page {
            after: None,
            limit: MAX_SOCKETS,
        };
        let answers = self.bus.ask(&Query::Sockets { target, page });
        let answers = answers.all(self.request_timeout).await?;
        let sockets = answers.into_iter().flat_map(|answer| match answer {
            Answer::Sockets(sockets) => sockets,
            _ => Vec::new(),
        });
        Some(sockets.take(MAX_SOCKETS).collect())
    }

    /// Answers a request; without an answer of the shards the peer runs into its timeout, as with any dead server.
    fn answer(&self, origin: &Origin, request: Box<str>, reply: Option<Reply>) {
        let Some(reply) = reply else {
            return self.observer.error("shard_timeout");
        };
        match self.format.response(origin, &Response { request, reply }) {
            Ok(publish) => self.publish(publish),
            Err(error) => self.refused(&error),
        }
    }

    /// Delivers a peer's broadcast, tells it how many clients there are, and passes on their acks one by one.
    async fn broadcast_with_acks(
        &self,
        namespace: &Arc<str>,
        data: &Data,
        opts: Opts,
        request: &str,
        origin: &Origin,
    ) {
        let wait = opts
            .flags
            .timeout
            .map_or(self.request_timeout, Duration::from_millis)
            .min(MAX_WAIT);
        let deadline = time::Instant::from_std((self.now)() + wait);
        let (gather, mut acks) = self.bus.acks_here(MAX_ACK_BYTES, wait);
        let id = gather.id();
        match self.received(namespace, data, opts, origin, Some(gather)) {
            Ok(broadcast) => self.pass_on(broadcast),
            Err(error) => return self.refused(&error),
        }
        let counted = time::timeout_at(deadline, acks.counted()).await;
        let count = counted.map_or(0, |()| acks.expected());
        self.answer(origin, request.into(), Some(Reply::ClientCount(count)));
        while let Ok(Some(reply)) = time::timeout_at(deadline, acks.next()).await {
            let value = Data {
                json: first(&reply.args).into(),
                attachments: reply.attachments,
            };
            self.answer(origin, request.into(), Some(Reply::Ack(value)));
        }
        self.bus.forget_ack(id);
    }
}

/// A peer cannot make this process wait for longer.
const MAX_WAIT: Duration = Duration::from_mins(5);

fn target(namespace: &Arc<str>, opts: Opts) -> Target {
    Target {
        namespace: Arc::clone(namespace),
        rooms: opts.rooms,
        except: opts.except,
    }
}

/// Nobody joins the own room of another socket.
fn allowed(mut rooms: Vec<Arc<str>>) -> Vec<Arc<str>> {
    rooms.retain(|room| !crate::target::is_socket_room(room));
    rooms
}

/// As its Node server would describe it: its own room is one of its rooms.
fn remote(view: &SocketView) -> RemoteSocket {
    let own = std::iter::once(Arc::from(&*view.id));
    RemoteSocket {
        id: view.id.clone(),
        handshake: view.handshake.clone(),
        rooms: own.chain(view.rooms.iter().cloned()).collect(),
        data: view.data.clone(),
    }
}

fn rooms(sockets: &[SocketView]) -> Vec<Arc<str>> {
    let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
    for view in sockets {
        names.insert(Arc::from(&*view.id));
        names.extend(view.rooms.iter().cloned());
    }
    names.into_iter().collect()
}

/// The first of the arguments of an ack, which is all that a Node server passes on.
fn first(args: &str) -> &str {
    let whole = format!("[{args}]");
    let array = json::array(&whole).unwrap_or_default();
    let first = array.elements.first().map(|span| span.range());
    first
        .and_then(|range| args.get(range.start - 1..range.end - 1))
        .unwrap_or("null")
}
