//! Ten thousand connections opened in a storm and dropped at once: nothing leaks, and who comes
//! meanwhile is served.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use carillon_tests::flood::{Client, Origin, Poller};
use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::metrics::{self, Metrics};
use carillon_tests::session::Session;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How many: `STORM_CONNECTIONS`, where a machine's descriptors do not reach.
fn connections() -> usize {
    let given = std::env::var("STORM_CONNECTIONS").ok();
    given.and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

/// Handshakes under way at once: a storm, but within the listener's backlog.
const AT_ONCE: usize = 1_000;

#[test]
fn leaves_nothing_behind() {
    let rules = workspace().join("tests/fixtures/flood.yaml");
    let mut gateway = Options::rules_file(&rules).shards(3).start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    // The first storms warm the allocator up, so that the last shows a leak and nothing else.
    let descriptors = gateway.process().descriptors();
    let mut rest = || runtime.block_on(storm(&mut gateway, connections(), descriptors));
    let [first, second, third] = [rest(), rest(), rest()];
    let slack = second / 10 + (16 << 20);
    assert!(
        third < second + slack,
        "bytes at rest: {first}, {second}, {third}"
    );
    gateway.assert_alive();
}

/// One storm; returns the resident memory at rest after it.
async fn storm(gateway: &mut Gateway, count: usize, descriptors: usize) -> u64 {
    let port = gateway.port();
    let visitor = Visitor::start(port);
    let (hang_up, held) = watch::channel(());
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let (mut clients, crowd) = (JoinSet::new(), Arc::new(Crowd::default()));
    for number in 0..count {
        let (permits, crowd, held) = (permits.clone(), crowd.clone(), held.clone());
        clients.spawn(async move {
            let permit = permits.acquire_owned().await.unwrap();
            stay(number, port, held, &crowd, permit).await
        });
    }
    all(&crowd.opened, count, &mut clients).await;
    let body = json!({ "namespace": "/", "event": "all", "args": [] });
    let answer = gateway.post("/v1/emit", &body).json();
    let recipients = answer["recipients"].as_u64().unwrap();
    assert!(
        recipients >= count as u64,
        "{recipients} of {count} were there"
    );
    all(&crowd.told, count, &mut clients).await;
    hang_up.send(()).unwrap();
    while let Some(ended) = clients.join_next().await {
        ended.unwrap().unwrap();
    }
    visitor.stop();
    settle(gateway, descriptors)
}

/// How many have opened their session, and how many have heard the broadcast.
#[derive(Default)]
struct Crowd {
    opened: AtomicUsize,
    told: AtomicUsize,
}

impl Crowd {
    /// One more is there, and the next may begin its handshake.
    fn enter(&self, permit: OwnedSemaphorePermit) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        drop(permit);
    }
}

/// Waits until all are counted; a client that ends before is a failure.
async fn all(counted: &AtomicUsize, count: usize, clients: &mut JoinSet<io::Result<()>>) {
    while counted.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Some(ended) = clients.try_join_next() {
            panic!("a client ended early: {ended:?}");
        }
    }
}

/// One client, until all hang up. Every other one polls.
async fn stay(
    number: usize,
    port: u16,
    mut held: watch::Receiver<()>,
    crowd: &Crowd,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let origin = Origin::number(number);
    if number.is_multiple_of(2) {
        let mut client = Client::connected(origin, port, "/").await?;
        crowd.enter(permit);
        client.next().await?;
        crowd.told.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            _ = held.changed() => Ok(()),
            ended = client.next() => ended.map(drop),
        }
    } else {
        let mut poller = Poller::connected(origin, port).await?;
        crowd.enter(permit);
        poller.next().await?;
        crowd.told.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            _ = held.changed() => Ok(()),
            ended = poller.next() => ended.map(drop),
        }
    }
}

/// Waits until sessions and descriptors are gone; returns the resident memory.
fn settle(gateway: &mut Gateway, descriptors: usize) -> u64 {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let sessions = Metrics::of(gateway).sum("carillon_sessions", &[]);
        let open = gateway.process().descriptors();
        // The scrape itself holds a connection or two.
        if sessions == 0.0 && open <= descriptors + 8 {
            break;
        }
        assert!(
            Instant::now() < end,
            "{sessions} sessions and {open} descriptors are left of {descriptors}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    metrics::assert_accounted(gateway);
    gateway.process().resident()
}

/// Somebody who comes and goes during the storm and must be served each time.
struct Visitor {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u32>,
}

impl Visitor {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut visits = 0;
            while !seen.load(Ordering::Relaxed) || visits == 0 {
                let (mut session, _) = Session::connected(port, "/");
                session.event("/", &format!(r#"{visits}["echo"]"#));
                while session.next() != format!("43{visits}[]") {}
                visits += 1;
            }
            visits
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let visits = self.thread.join().expect("every visit is served");
        assert!(visits > 0);
    }
}
