//! Pods in one process: each with two shards, a client port and a peer port, and an echo above Engine.IO.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carillon_crds::compile;
use carillon_gateway::admin::metrics::{Metrics, ShardMetrics};
use carillon_gateway::admin::process::ProcessFacts;
use carillon_gateway::admin::rules::RulesStatus;
use carillon_gateway::clock;
use carillon_gateway::hub::{Client, Close, Frames, Hub};
use carillon_gateway::id::KeyRing;
use carillon_gateway::socket::frame;
use carillon_gateway::transport::admission::Admission;
use carillon_gateway::transport::{
    Application, Directory, Found, Gate, GateParts, PeerAddress, Port, Seat, Settings, Static,
    Upper,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task;
use tokio::time;

/// The key that all pods of these tests share, unless they say otherwise.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// One pod.
pub(crate) struct Pod {
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) directory: Arc<Static>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) gates: Vec<Rc<Gate>>,
    pub(crate) client: u16,
    pub(crate) peer: u16,
    /// Connections that the peer port has taken.
    pub(crate) dialed: Arc<AtomicUsize>,
    closed: Rc<RefCell<Vec<String>>>,
    metrics: Arc<Metrics>,
}

/// The shard that takes the next connection.
type Turn = Rc<AtomicUsize>;

impl Pod {
    /// A pod with the shared key and Socket.IO's defaults.
    pub(crate) async fn start(incarnation: u32) -> Self {
        Self::start_with(
            KeyRing::new(incarnation, 1, &KEY),
            Settings::default(),
            true,
        )
        .await
    }

    pub(crate) async fn start_with(keys: KeyRing, settings: Settings, has_peers: bool) -> Self {
        let closed = Rc::default();
        let echo = |_, hub: &Rc<Hub>, _| -> Rc<dyn Upper> {
            Rc::new(Echo {
                hub: hub.clone(),
                closed: Rc::clone(&closed),
            })
        };
        let mut pod = Self::start_under(keys, settings, has_peers, echo).await;
        pod.closed = closed;
        pod
    }

    /// A pod with what `upper` makes for each shard.
    pub(crate) async fn start_under(
        keys: KeyRing,
        settings: Settings,
        has_peers: bool,
        mut upper: impl FnMut(u8, &Rc<Hub>, Arc<ShardMetrics>) -> Rc<dyn Upper>,
    ) -> Self {
        let keys = Arc::new(keys);
        let directory = Arc::new(Static::default());
        let admission = Arc::new(Admission::default());
        let metrics = Metrics::new(2);
        let (shards, forwarded): (Vec<_>, Vec<_>) =
            (0..2).map(|_| mpsc::unbounded_channel()).unzip();
        let mut gates = Vec::new();
        for (index, forwarded) in (0..).zip(forwarded) {
            let hub = Hub::new(clock::now());
            let parts = GateParts {
                hub: hub.clone(),
                upper: upper(index, &hub, metrics.shard(usize::from(index))),
                keys: keys.clone(),
                index,
                admission: admission.clone(),
                metrics: metrics.shard(usize::from(index)),
                shards: shards.clone(),
                fallback: None,
                peers: has_peers.then(|| directory.clone() as Arc<dyn Directory>),
                settings: settings.clone(),
            };
            let gate = Gate::new(parts, clock::now());
            task::spawn_local(hub.flush_forever(clock::now));
            task::spawn_local(gate.clone().keep_time());
            task::spawn_local(gate.clone().serve_forwarded(forwarded));
            gates.push(gate);
        }
        let dialed = Arc::default();
        let (client, _) = listen(&gates, Port::Client, &Arc::default()).await;
        let (peer, _) = listen(&gates, Port::Peer, &dialed).await;
        Self {
            keys,
            directory,
            admission,
            gates,
            client,
            peer,
            dialed,
            closed: Rc::default(),
            metrics,
        }
    }

    /// Lets this pod find the other one.
    pub(crate) fn knows(&self, other: &Self) {
        self.finds(other.keys.incarnation(), other.peer);
    }

    /// Has this pod find an incarnation at a port of this machine.
    pub(crate) fn finds(&self, incarnation: u32, port: u16) {
        let found = Found::Here(PeerAddress {
            address: ([127, 0, 0, 1], port).into(),
            draining: false,
        });
        self.directory.set(incarnation, found);
    }

    pub(crate) fn dialed(&self) -> usize {
        self.dialed.load(Ordering::Relaxed)
    }

    pub(crate) fn sessions(&self) -> usize {
        self.gates.iter().map(|gate| gate.session_count()).sum()
    }

    /// Waits for the reason why a session has ended.
    pub(crate) async fn closed(&self) -> String {
        until(|| self.closed.borrow_mut().pop()).await
    }

    /// Waits for a line of the metrics.
    pub(crate) async fn counts(&self, line: &str) {
        until(|| {
            let text = self
                .metrics
                .render(&RulesStatus::default(), &ProcessFacts::default(), None);
            text.lines().any(|found| found == line).then_some(())
        })
        .await;
    }
}

/// Two pods that know each other: the owner of the sessions, and where requests land.
pub(crate) async fn pair() -> (Pod, Pod) {
    let (owner, landing) = (Pod::start(1).await, Pod::start(2).await);
    landing.knows(&owner);
    owner.knows(&landing);
    (owner, landing)
}

/// Settings under which pages of one origin may talk to us.
pub(crate) fn allowing(origin: &str) -> Settings {
    let rules = format!("cors: {{ origins: [\"{origin}\"] }}\nnamespaces: [{{ name: / }}]\n");
    let rules = compile::load(&rules).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut settings = Settings::default();
    settings.cors.origins = rules.origins.clone();
    settings
}

/// Looks until there is something, for ten seconds.
pub(crate) async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            time::sleep(Duration::from_millis(2)).await;
        }
    };
    let found = time::timeout(Duration::from_secs(10), looking).await;
    found.expect("it happens within ten seconds")
}

/// Deals what comes in to the shards in turn.
async fn listen(gates: &[Rc<Gate>], port: Port, count: &Arc<AtomicUsize>) -> (u16, Turn) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let number = listener.local_addr().unwrap().port();
    let (turn, gates, count) = (Turn::default(), gates.to_vec(), count.clone());
    let next = turn.clone();
    task::spawn_local(async move {
        let open = Arc::default();
        while let Ok((stream, peer)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let gate = &gates[next.fetch_add(1, Ordering::Relaxed) % gates.len()];
            gate.receive(stream, peer, port, Seat::take(&open));
        }
    });
    (number, turn)
}

struct Echo {
    hub: Rc<Hub>,
    closed: Rc<RefCell<Vec<String>>>,
}

struct Session {
    hub: Rc<Hub>,
    client: Rc<Client>,
    closed: Rc<RefCell<Vec<String>>>,
}

impl Upper for Echo {
    fn open(&self, client: &Rc<Client>, _max_payload: usize) -> Box<dyn Application> {
        Box::new(Session {
            hub: self.hub.clone(),
            client: client.clone(),
            closed: self.closed.clone(),
        })
    }

    fn keeps_query(&self, _name: &str) -> bool {
        false
    }

    fn keeps_header(&self, _name: &str) -> bool {
        false
    }
}

impl Application for Session {
    fn text(&self, text: &str) -> Result<(), Close> {
        let encode = |out: &mut Vec<u8>| frame::text(out, &["4", text]);
        let hint = text.len() + 16;
        self.hub.send(&self.client, Frames { hint, encode });
        Ok(())
    }

    fn binary(&self, bytes: &[u8]) -> Result<(), Close> {
        let encode = |out: &mut Vec<u8>| frame::binary(out, bytes);
        let hint = bytes.len() + 16;
        self.hub.send(&self.client, Frames { hint, encode });
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn closed(&self, reason: &str) {
        self.closed.borrow_mut().push(reason.to_owned());
    }
}
