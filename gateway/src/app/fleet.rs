//! All shards of the process, as the control thread sees them.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::deal::{Acceptor, Door};
use super::settings::{PodLimits, settings};
use super::shard::{Order, Shard, add};
use crate::admin::metrics::{Gathered, GatheredRecovery, Metrics};
use crate::api::relay::Relay;
use crate::bus::Bus;
use crate::bus::inbox::Inbox;
use crate::bus::recovery::RecoveryLoad;
use crate::id::KeyRing;
use crate::policy::Snapshot;
use crate::transport::admission::Admission;
use crate::transport::{Directory, Port};

/// The shards.
pub(super) struct Fleet {
    orders: Orders,
    doors: Vec<Door>,
    threads: Vec<JoinHandle<()>>,
}

/// A handle to give orders by.
#[derive(Clone)]
pub(super) struct Orders(Vec<mpsc::UnboundedSender<Order>>);

/// What every shard shares.
pub(super) struct Shared {
    pub(super) rules: Snapshot,
    pub(super) limits: PodLimits,
    pub(super) bus: Bus,
    pub(super) admission: Arc<Admission>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) relay: Relay,
    pub(super) keys: Arc<KeyRing>,
    /// Who finds the pods of other sessions; absent = such sessions are unknown.
    pub(super) peers: Option<Arc<dyn Directory>>,
}

/// The shard whose thread accepts.
const HOME: usize = 0;

impl Fleet {
    /// Starts a shard for each inbox.
    pub(super) fn start(shared: &Shared, inboxes: Vec<Inbox>) -> io::Result<Self> {
        let Shared {
            rules,
            limits,
            bus,
            admission,
            metrics,
            relay,
            keys,
            peers,
        } = shared;
        let (shards, forwarded): (Vec<_>, Vec<_>) =
            inboxes.iter().map(|_| mpsc::unbounded_channel()).unzip();
        let (doors, accepted): (Vec<_>, Vec<_>) = inboxes.iter().map(|_| Door::new()).unzip();
        let mut fleet = Self {
            orders: Orders(Vec::new()),
            doors,
            threads: Vec::new(),
        };
        let channels = forwarded.into_iter().zip(accepted);
        for (index, (inbox, (forwarded, accepted))) in inboxes.into_iter().zip(channels).enumerate()
        {
            let (order, orders) = mpsc::unbounded_channel();
            let shard = Shard {
                index: u8::try_from(index).expect("the configuration allows 255 shards"),
                rules: rules.clone(),
                settings: settings(rules, *limits),
                bus: bus.clone(),
                inbox,
                keys: keys.clone(),
                admission: admission.clone(),
                metrics: metrics.shard(index),
                accepted,
                forwarded,
                shards: shards.clone(),
                relay: relay.clone(),
                peers: peers.clone(),
                orders,
            };
            fleet.threads.push(shard.start()?);
            fleet.orders.0.push(order);
        }
        Ok(fleet)
    }

    /// Serves a port from now on; the first shard's thread accepts for all.
    pub(super) fn serve(&self, port: Port, listener: TcpListener) {
        let acceptor = Acceptor {
            listener,
            port,
            doors: self.doors.clone(),
            home: HOME,
        };
        self.orders.0[HOME].send(Order::Serve(acceptor)).ok();
    }

    /// A handle to give orders by.
    pub(super) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Ends the shards, and waits for their threads.
    pub(super) fn stop(self) {
        self.orders
            .0
            .iter()
            .for_each(|order| drop(order.send(Order::Stop)));
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a shard ended by a panic");
            }
        }
    }
}

impl Orders {
    /// New rules for all.
    pub(super) fn rules(&self, rules: &Snapshot, limits: PodLimits) {
        for order in &self.0 {
            order
                .send(Order::Rules(
                    rules.clone(),
                    Box::new(settings(rules, limits)),
                ))
                .ok();
        }
    }

    /// What the bus and the shards know only by looking; the shards' parts added up.
    pub(super) async fn gather(&self, bus: &Bus) -> Gathered {
        let RecoveryLoad {
            bytes,
            sessions,
            messages_evicted,
            sessions_evicted,
        } = bus.recovery_load();
        let mut sum = Gathered {
            recovery: GatheredRecovery {
                bytes: bytes as u64,
                sessions: sessions as u64,
                messages_evicted,
                sessions_evicted,
            },
            ..Gathered::default()
        };
        for answer in self.ask(Order::Gather) {
            if let Ok(gathered) = answer.await {
                sum = add(sum, gathered);
            }
        }
        sum
    }

    /// Ends `count` sessions, spread over the shards by how many each has; returns how many are left.
    pub(super) async fn close_some(&self, count: usize) -> usize {
        let mut left = 0;
        let mut counts = Vec::with_capacity(self.0.len());
        for answer in self.ask(|reply| Order::CloseSome(0, reply)) {
            counts.push(answer.await.unwrap_or(0));
        }
        let mut to_close = count;
        for (order, open) in self.0.iter().zip(counts) {
            let (reply, answer) = oneshot::channel();
            let part = to_close.min(open);
            to_close -= part;
            order.send(Order::CloseSome(part, reply)).ok();
            left += answer.await.unwrap_or(0);
        }
        left
    }

    /// Frees so many bytes of backlog.
    pub(super) fn cut_largest(&self, bytes: usize) {
        for order in &self.0 {
            order
                .send(Order::CutLargest(bytes.div_ceil(self.0.len())))
                .ok();
        }
    }

    fn ask<T>(&self, order: impl Fn(oneshot::Sender<T>) -> Order) -> Vec<oneshot::Receiver<T>> {
        let ask = |shard: &mpsc::UnboundedSender<Order>| {
            let (reply, answer) = oneshot::channel();
            shard.send(order(reply)).ok();
            answer
        };
        self.0.iter().map(ask).collect()
    }
}
