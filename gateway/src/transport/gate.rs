//! A shard's door: its sessions, its timers, and the connections that are dealt to it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task;
use tokio::time;

use super::Upper;
use super::admission::Admission;
use super::connection::Connection;
use super::forward::{Fallback, Forwarded};
use super::peer::{Directory, Left, Peers, Pipes};
use super::settings::Settings;
use super::wheel::Wheel;
use crate::admin::log::Sampler;
use crate::admin::metrics::ShardMetrics;
use crate::clock;
use crate::engine::packet::PING_FRAME;
use crate::hub::{Client, Close, Frames, Hub};
use crate::id::{KeyRing, SessionId};

/// Everything that a shard's transport owns.
pub struct Gate {
    pub(super) hub: Rc<Hub>,
    pub(super) upper: Rc<dyn Upper>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) index: u8,
    pub(super) admission: Arc<Admission>,
    pub(super) metrics: Arc<ShardMetrics>,
    pub(super) shards: Vec<mpsc::UnboundedSender<Forwarded>>,
    pub(super) fallback: Option<Fallback>,
    pub(super) peers: Option<Peers>,
    pub(super) pipes: Pipes,
    /// The sessions that went on elsewhere a moment ago.
    pub(super) left: Left,
    /// What goes wrong between pods may go wrong at every request.
    pub(super) peer_log: RefCell<Sampler>,
    settings: RefCell<Rc<Settings>>,
    sessions: RefCell<HashMap<SessionId, Rc<Connection>>>,
    wheel: RefCell<Wheel<Weak<Connection>>>,
    /// When the timer task wakes, so that an earlier deadline can wake it.
    wakes: Cell<Option<Instant>>,
    earlier: Notify,
    interned: RefCell<HashSet<Rc<str>>>,
}

const INTERNED: usize = 4096;

/// What a gate is made of.
pub struct GateParts {
    /// The shard's outboxes.
    pub hub: Rc<Hub>,
    /// What stands above Engine.IO.
    pub upper: Rc<dyn Upper>,
    /// The keys of session ids.
    pub keys: Arc<KeyRing>,
    /// Which shard this is.
    pub index: u8,
    /// The pod's limits.
    pub admission: Arc<Admission>,
    /// The shard's counters.
    pub metrics: Arc<ShardMetrics>,
    /// The doors of all shards, this one's too, in order.
    pub shards: Vec<mpsc::UnboundedSender<Forwarded>>,
    /// Who answers other paths; absent = 404.
    pub fallback: Option<Fallback>,
    /// Who finds the pods of other sessions; absent = such sessions are unknown.
    pub peers: Option<Arc<dyn Directory>>,
    /// The rules at the start.
    pub settings: Settings,
}

/// A connection that the acceptor deals to a shard.
pub struct Accepted {
    /// Non-blocking.
    pub stream: StdTcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// The port where it came in.
    pub port: Port,
    /// Counts it for the acceptor while it is open.
    pub seat: Seat,
}

/// Whose connections a port takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Browsers'.
    Client,
    /// Other pods', whose every request is sealed.
    Peer,
}

/// Counts one connection while it is kept.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// Counts one more.
    #[must_use]
    pub fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// A gate without a session.
    #[must_use]
    pub fn new(parts: GateParts, now: Instant) -> Rc<Self> {
        let GateParts {
            hub,
            upper,
            keys,
            index,
            admission,
            metrics,
            shards,
            fallback,
            peers,
            settings,
        } = parts;
        Rc::new(Self {
            hub,
            upper,
            keys,
            index,
            admission,
            metrics,
            shards,
            fallback,
            peers: peers.map(Peers::new),
            pipes: Pipes::default(),
            left: Left::default(),
            peer_log: RefCell::new(Sampler::new(1)),
            settings: RefCell::new(Rc::new(settings)),
            sessions: RefCell::default(),
            wheel: RefCell::new(Wheel::new(now)),
            wakes: Cell::new(None),
            earlier: Notify::new(),
            interned: RefCell::default(),
        })
    }

    /// The rules for the next request.
    #[must_use]
    pub fn settings(&self) -> Rc<Settings> {
        self.settings.borrow().clone()
    }

    /// Takes new rules; open sessions keep theirs.
    pub fn set_settings(&self, settings: Settings) {
        *self.settings.borrow_mut() = Rc::new(settings);
    }

    /// Serves what the acceptor deals, until it stops.
    pub async fn serve(self: Rc<Self>, mut accepted: mpsc::UnboundedReceiver<Accepted>) {
        while let Some(Accepted {
            stream,
            peer,
            port,
            seat,
        }) = accepted.recv().await
        {
            if let Ok(stream) = TcpStream::from_std(stream) {
                self.receive(stream, peer, port, seat);
            }
        }
    }

    /// Serves one connection of this thread's reactor.
    pub fn receive(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, port: Port, seat: Seat) {
        task::spawn_local(super::http::serve(self.clone(), stream, peer, port, seat));
    }

    /// Answers what other shards forward, until they stop.
    pub async fn serve_forwarded(
        self: Rc<Self>,
        mut forwarded: mpsc::UnboundedReceiver<Forwarded>,
    ) {
        while let Some(forwarded) = forwarded.recv().await {
            task::spawn_local(super::http::answer_forwarded(self.clone(), forwarded));
        }
    }

    /// Keeps the time of all sessions, for the life of the shard.
    pub async fn keep_time(self: Rc<Self>) {
        loop {
            let next = self.wheel.borrow().next();
            self.wakes.set(next);
            let Some(next) = next else {
                self.earlier.notified().await;
                continue;
            };
            // After a time without timers the next one may be told too early: that is no lag.
            let due = next.max(clock::now());
            tokio::select! {
                () = time::sleep_until(next.into()) => {
                    self.metrics.loop_lag(clock::now().saturating_duration_since(due));
                    self.expire();
                }
                () = self.earlier.notified() => {}
            }
        }
    }

    /// The connections of all sessions.
    #[must_use]
    pub fn clients(&self) -> Vec<Rc<Client>> {
        self.sessions
            .borrow()
            .values()
            .map(|connection| connection.client.clone())
            .collect()
    }

    /// How many sessions are open.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.borrow().len()
    }

    /// Ends `count` open sessions, or websockets that are piped to other pods, whichever; the clients reconnect. Returns how many
    /// are left: those that linger are told already.
    pub fn close_some(&self, count: usize) -> usize {
        let chosen: Vec<_> = self
            .sessions
            .borrow()
            .values()
            .filter(|connection| connection.is_open())
            .take(count)
            .cloned()
            .collect();
        chosen
            .iter()
            .for_each(|connection| connection.close(Close::Shutdown.into()));
        let pipes = self.pipes.close_some(count - chosen.len());
        let sessions = self.sessions.borrow();
        let open = sessions.values().filter(|connection| connection.is_open());
        open.count() + pipes
    }

    /// Cuts the connections that hold the most unsent bytes until `bytes` are freed.
    pub fn cut_largest(&self, bytes: usize) {
        let mut clients = self.clients();
        clients.retain(|client| !client.is_closing());
        clients.sort_unstable_by_key(|client| std::cmp::Reverse(client.unsent()));
        let mut freed = 0;
        for client in clients.iter().take_while(|client| client.unsent() > 0) {
            if freed >= bytes {
                break;
            }
            freed += client.unsent();
            self.hub.close(client, Close::Overload);
        }
    }

    pub(super) fn session(&self, id: &SessionId) -> Option<Rc<Connection>> {
        self.sessions.borrow().get(id).cloned()
    }

    pub(super) fn enter(&self, connection: &Rc<Connection>) {
        self.sessions
            .borrow_mut()
            .insert(connection.id, connection.clone());
    }

    pub(super) fn leave(&self, connection: &Connection) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.remove(&connection.id);
        if sessions.capacity() > 1024 && sessions.len() * 4 < sessions.capacity() {
            sessions.shrink_to_fit();
        }
    }

    /// One copy of a text that many handshakes bring, such as a browser's `user-agent`.
    pub(super) fn intern(&self, text: &str) -> Rc<str> {
        let mut interned = self.interned.borrow_mut();
        if let Some(known) = interned.get(text) {
            return known.clone();
        }
        if interned.len() >= INTERNED {
            interned.retain(|text| Rc::strong_count(text) > 1);
        }
        let text: Rc<str> = text.into();
        if interned.len() < INTERNED {
            interned.insert(text.clone());
        }
        text
    }

    /// The next moment of a grid that is the same for all.
    pub(super) fn together(&self, at: Instant, grid: Duration) -> Instant {
        self.wheel.borrow().round_up(at, grid)
    }

    /// Calls the connection back at `at`, or a little later.
    pub(super) fn arm(&self, at: Instant, connection: &Rc<Connection>) {
        self.wheel.borrow_mut().arm(at, Rc::downgrade(connection));
        if self.wakes.get().is_none_or(|wakes| at < wakes) {
            self.earlier.notify_one();
        }
    }

    fn expire(&self) {
        let now = clock::now();
        let due = self.wheel.borrow_mut().expire(now);
        let due: Vec<_> = due.iter().filter_map(Weak::upgrade).collect();
        let pinged: Vec<_> = due
            .iter()
            .filter(|connection| connection.on_time(now))
            .collect();
        if !pinged.is_empty() {
            let encode = |out: &mut Vec<u8>| out.extend_from_slice(PING_FRAME);
            let clients = pinged.iter().map(|connection| &connection.client);
            self.hub.send_all(
                clients,
                Frames {
                    hint: PING_FRAME.len(),
                    encode,
                },
            );
        }
    }
}
