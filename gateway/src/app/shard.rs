//! One shard: a thread with a runtime of its own, and everything on it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, LocalSet};

use super::deal::Acceptor;
use crate::admin::metrics::{Gathered, GatheredNamespace, GatheredRecovery, ShardMetrics};
use crate::api::relay::Relay;
use crate::bus::Bus;
use crate::bus::inbox::Inbox;
use crate::clock;
use crate::hub::{Client, Close, Hub};
use crate::id::KeyRing;
use crate::node::{Node, Outline, Session, Stays};
use crate::policy::Snapshot;
use crate::transport::admission::Admission;
use crate::transport::{
    Accepted, Application, Body, Directory, Fallback, Forwarded, Gate, GateParts, Held, Settings,
    Upper,
};

/// What a shard is made of.
pub(super) struct Shard {
    pub(super) index: u8,
    pub(super) rules: Snapshot,
    pub(super) settings: Settings,
    pub(super) bus: Bus,
    pub(super) inbox: Inbox,
    pub(super) keys: Arc<KeyRing>,
    pub(super) admission: Arc<Admission>,
    pub(super) metrics: Arc<ShardMetrics>,
    pub(super) accepted: mpsc::UnboundedReceiver<Accepted>,
    pub(super) forwarded: mpsc::UnboundedReceiver<Forwarded>,
    pub(super) shards: Vec<mpsc::UnboundedSender<Forwarded>>,
    pub(super) relay: Relay,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) peers: Option<Arc<dyn Directory>>,
}

const SETTLING_TURNS: usize = 64;

/// What the control thread wants of a shard; taken in the order sent.
pub(super) enum Order {
    /// New rules.
    Rules(Snapshot, Box<Settings>),
    /// The numbers that are known only by looking.
    Gather(oneshot::Sender<Gathered>),
    /// End so many sessions; the answer is how many are left.
    CloseSome(usize, oneshot::Sender<usize>),
    /// Free so many bytes of backlog.
    CutLargest(usize),
    /// Accept at this port, for all shards.
    Serve(Acceptor),
    /// End.
    Stop,
}

impl Shard {
    /// Starts the thread; it runs until [`Order::Stop`].
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let name = format!("shard-{}", self.index);
        thread::Builder::new()
            .name(name)
            .spawn(move || LocalSet::new().block_on(&runtime, self.run()))
    }

    async fn run(self) {
        let Self {
            index,
            rules,
            settings,
            bus,
            inbox,
            keys,
            admission,
            metrics,
            accepted,
            forwarded,
            shards,
            relay,
            peers,
            orders,
        } = self;
        let now = clock::now();
        let hub = Hub::new(now);
        let node = Node::new(hub.clone(), bus, usize::from(index), metrics.clone(), rules);
        let upper: Rc<dyn Upper> = Rc::new(SocketIo(node.clone()));
        let fallback = Some(fallback(relay));
        let parts = GateParts {
            hub: hub.clone(),
            upper,
            keys,
            index,
            admission,
            metrics,
            shards,
            fallback,
            peers,
            settings,
        };
        let gate = Gate::new(parts, now);
        task::spawn_local(hub.clone().flush_forever(clock::now));
        task::spawn_local(gate.clone().keep_time());
        task::spawn_local(gate.clone().serve(accepted));
        task::spawn_local(gate.clone().serve_forwarded(forwarded));
        task::spawn_local(node.clone().listen(inbox));
        task::spawn_local(node.clone().keep_sessions());
        obey(orders, &hub, &node, &gate).await;
    }
}

async fn obey(mut orders: mpsc::UnboundedReceiver<Order>, hub: &Hub, node: &Node, gate: &Rc<Gate>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Rules(rules, settings) => {
                node.set_rules(&rules);
                gate.set_settings(*settings);
            }
            Order::Gather(reply) => drop(reply.send(gather(hub, node, gate))),
            Order::CloseSome(count, reply) => drop(reply.send(gate.close_some(count))),
            Order::CutLargest(bytes) => gate.cut_largest(bytes),
            Order::Serve(acceptor) => drop(task::spawn_local(acceptor.run(gate.clone()))),
            Order::Stop => return settle().await,
        }
    }
}

/// Lets the tasks that are ready run to their end: last words are on their way to the kernel.
async fn settle() {
    for _ in 0..SETTLING_TURNS {
        task::yield_now().await;
    }
}

fn gather(hub: &Hub, node: &Node, gate: &Gate) -> Gathered {
    let clients = gate.clients();
    let pending = hub.pending(clients.iter());
    Gathered {
        namespaces: node.gather(&pending),
        backlog_bytes: clients.iter().map(|client| client.unsent() as u64).sum(),
        // That of the bus, which all shards share, is added once.
        recovery: GatheredRecovery::default(),
    }
}

fn fallback(relay: Relay) -> Fallback {
    Rc::new(move |request| {
        let relay = relay.clone();
        Box::pin(async move {
            relay
                .call(request.map(axum::body::Body::new))
                .await
                .map(Body::from)
        })
    })
}

/// Socket.IO above the transport.
struct SocketIo(Rc<Node>);

impl Upper for SocketIo {
    fn open(&self, client: &Rc<Client>, max_payload: usize) -> Box<dyn Application> {
        Box::new(Open(self.0.open(client, max_payload)))
    }

    fn hold(&self, client: &Rc<Client>, max_payload: usize, outline: &Outline) -> Option<Held> {
        let held = self.0.hold(client, max_payload, outline)?;
        let (session, heard) = held.into_parts();
        Some(Held {
            application: Box::new(Open(session)),
            heard: Box::pin(heard),
        })
    }

    fn pass_fences(&self, outline: &Outline) -> Pin<Box<dyn Future<Output = bool>>> {
        Box::pin(self.0.pass_fences(outline))
    }

    fn keeps_query(&self, name: &str) -> bool {
        self.0
            .rules()
            .namespaces()
            .any(|namespace| namespace.kept.query.iter().any(|kept| **kept == *name))
    }

    fn keeps_header(&self, name: &str) -> bool {
        self.0
            .rules()
            .namespaces()
            .any(|namespace| namespace.keep_headers.iter().any(|kept| **kept == *name))
    }
}

struct Open(Rc<Session>);

impl Application for Open {
    fn text(&self, text: &str) -> Result<(), Close> {
        self.0.text(text)
    }

    fn binary(&self, bytes: &[u8]) -> Result<(), Close> {
        self.0.binary(bytes)
    }

    fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }

    fn listening(&self, listens: bool) {
        self.0.listening(listens);
    }

    fn closed(&self, reason: &str) {
        self.0.closed(reason);
    }

    fn outline(&self) -> Result<Outline, Stays> {
        self.0.outline()
    }

    fn snapshot(&self) -> Option<String> {
        self.0.snapshot()
    }

    fn moved(&self) {
        self.0.moved();
    }

    fn restore<'a>(&'a self, snapshot: &'a str) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
        Box::pin(self.0.restore(snapshot))
    }
}

/// Adds what the shards have gathered.
pub(super) fn add(mut sum: Gathered, other: Gathered) -> Gathered {
    let Gathered {
        namespaces,
        backlog_bytes,
        recovery: _,
    } = other;
    sum.namespaces.extend::<Vec<GatheredNamespace>>(namespaces);
    sum.backlog_bytes += backlog_bytes;
    sum
}
