//! Which pods there are: a lease each, the keys that they share, and the format that they agree on.
//!
//! One script is a heartbeat: it renews this pod's lease, puts the keys back that a Redis without memory has lost, and
//! reads what the others have written. A lease that has run out is kept for an hour: it is no proof of death, and tells
//! where the pod was last.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{self, MissedTickBehavior},
};

use super::storing;
use crate::bus::redis::{Link, Value};
use crate::id::{KEY_BYTES, KeyRing};

/// Where a pod is, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its peer port.
    pub address: SocketAddr,
    /// It takes no new sessions any more.
    pub draining: bool,
    /// Its lease has not run out.
    pub live: bool,
}

/// What this pod says of itself.
pub struct Lease {
    /// How its sessions name it, and the keys.
    pub keys: Arc<KeyRing>,
    /// Whether the keys are shared through Redis.
    pub shares_keys: bool,
    /// Where others reach it; absent = they cannot.
    pub address: Option<SocketAddr>,
    /// The format that it speaks.
    pub mode: &'static str,
    /// What the keys in Redis begin with.
    pub prefix: String,
    /// The clock.
    pub now: fn() -> Instant,
}

/// Told after each heartbeat of another mode that is in use, if it is another.
pub type OtherMode = Box<dyn Fn(Option<&str>)>;

/// A handle that finds pods, on any thread.
#[derive(Clone, Debug)]
pub struct Members(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Mutex<HashMap<u32, Sighting>>,
    ask: mpsc::UnboundedSender<oneshot::Sender<()>>,
    phase: watch::Sender<Phase>,
    live: AtomicUsize,
    released: Notify,
}

/// What a pod says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Gone,
}

/// How long a lease holds.
const TTL: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// How long a pod that ends waits for Redis.
const RELEASE: Duration = Duration::from_secs(1);
/// How often a young Redis is asked: a pod that nobody knows may be one that has not renewed its lease there yet.
const TRIES: u32 = 12;

impl Members {
    /// The handle, and the requests for a heartbeat that come by it.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
        let (ask, asked) = mpsc::unbounded_channel();
        let shared = Shared {
            known: Mutex::default(),
            ask,
            phase: watch::channel(Phase::Serving).0,
            live: AtomicUsize::new(0),
            released: Notify::new(),
        };
        (Self(Arc::new(shared)), asked)
    }

    /// Finds the pod of an incarnation: from memory, else by asking Redis once, and while that is young a little longer.
    pub async fn find(&self, incarnation: u32) -> Option<Sighting> {
        for _ in 0..TRIES {
            if let Some(sighting) = self.known().get(&incarnation) {
                return Some(*sighting);
            }
            let (done, heartbeat) = oneshot::channel();
            self.0.ask.send(done).ok()?;
            // An error means that Redis is old enough for the answer to be final.
            let young = heartbeat.await.is_ok();
            if let Some(sighting) = self.known().get(&incarnation) {
                return Some(*sighting);
            }
            if !young {
                return None;
            }
            time::sleep(RETRY).await;
        }
        None
    }

    /// How many pods have a lease that has not run out.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Waits for a heartbeat that begins now; an error tells nothing new.
    pub async fn refresh(&self) {
        let (done, heartbeat) = oneshot::channel();
        if self.0.ask.send(done).is_ok() {
            heartbeat.await.ok();
        }
    }

    /// Says of this pod, with the next heartbeat, which comes at once, that it takes no new sessions.
    pub fn drain(&self) {
        self.0.phase.send_replace(Phase::Draining);
    }

    /// Gives the lease back, the last thing that a pod does; a Redis that does not answer is not waited for.
    pub async fn release(&self) {
        self.0.phase.send_replace(Phase::Gone);
        time::timeout(RELEASE, self.0.released.notified())
            .await
            .ok();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u32, Sighting>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the lease for the life of the process.
    pub async fn keep(
        self,
        lease: Lease,
        link: Link,
        mut asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
        mut up: watch::Receiver<bool>,
        other_mode: OtherMode,
    ) {
        let mut tick = time::interval(RENEW);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut phase = self.0.phase.subscribe();
        let mut up_since = (lease.now)();
        loop {
            let mut asking = Vec::new();
            tokio::select! {
                _ = tick.tick() => {}
                Ok(()) = up.changed() => {
                    up_since = (lease.now)();
                    tick.reset();
                }
                Ok(()) = phase.changed() => {}
                Some(one) = asked.recv() => asking.push(one),
                else => return,
            }
            while let Ok(one) = asked.try_recv() {
                asking.push(one);
            }
            let now = *phase.borrow_and_update();
            if now == Phase::Gone {
                lease.release(&link).await;
                return self.0.released.notify_one();
            }
            if *up.borrow() {
                self.beat(&lease, &link, now == Phase::Draining, &other_mode)
                    .await;
            }
            if (lease.now)() - up_since < TTL || !*up.borrow() {
                // Who asked meanwhile may ask again: the pod it looks for may not have come back to Redis yet.
                asking.into_iter().for_each(|one| _ = one.send(()));
            }
        }
    }

    async fn beat(&self, lease: &Lease, link: &Link, draining: bool, other_mode: &OtherMode) {
        let mut command = redis::cmd("EVAL");
        command
            .arg(HEARTBEAT)
            .arg(3)
            .arg(lease.key("nodes"))
            .arg(lease.key("keys"))
            .arg(lease.key("mode"))
            .arg(lease.keys.incarnation().to_string())
            .arg(
                lease
                    .address
                    .map_or_else(|| "-".to_owned(), |address| address.to_string()),
            )
            .arg(u8::from(draining))
            .arg(TTL.as_millis() as u64)
            .arg(lease.mode);
        for (id, bytes) in lease.entries() {
            command.arg(id.to_string()).arg(&bytes[..]);
        }
        match link.command(command).await {
            Ok(answer) => match Answer::read(answer) {
                Some(answer) => self.take(lease, answer, other_mode),
                None => tracing::warn!("the answer to a heartbeat is not what it should be"),
            },
            Err(error) => tracing::debug!(%error, "a heartbeat failed"),
        }
    }

    fn take(&self, lease: &Lease, answer: Answer, other_mode: &OtherMode) {
        if lease.shares_keys {
            lease.keys.adopt(answer.keys);
        }
        other_mode(Some(&*answer.mode).filter(|mode| *mode != lease.mode));
        self.0.live.store(answer.live.len(), Ordering::Relaxed);
        let mut known = self.known();
        // A pod that Redis does not know any more was here last; whether it is still, only a dial tells.
        known
            .values_mut()
            .for_each(|sighting| sighting.live = false);
        known.extend(answer.nodes);
    }
}

impl Lease {
    /// The keys that a heartbeat puts back into Redis, behind the one that it puts there only if there is none: else two pods
    /// that start at once would sign with keys that the other does not know yet.
    fn entries(&self) -> Vec<(u8, [u8; KEY_BYTES])> {
        if !self.shares_keys {
            return Vec::new();
        }
        let mut entries = self.keys.entries();
        entries.insert(0, self.keys.current());
        entries
    }

    async fn release(&self, link: &Link) {
        let mut command = redis::cmd("HDEL");
        command
            .arg(self.key("nodes"))
            .arg(self.keys.incarnation().to_string());
        // A lease that stays runs out, and so does the role.
        link.command(command).await.ok();
        let role = storing::leave(&self.key(storing::KEY), self.keys.incarnation());
        link.command(role).await.ok();
    }

    /// The name of a key; all of them lie in one slot of a Redis Cluster.
    fn key(&self, name: &str) -> String {
        format!("{{{}:carillon}}:{name}", self.prefix)
    }
}

/// What a heartbeat reads.
struct Answer {
    mode: Box<str>,
    keys: Vec<(u8, [u8; KEY_BYTES])>,
    nodes: Vec<(u32, Sighting)>,
    /// Those whose lease has not run out, whether they can be reached or not.
    live: Vec<u32>,
}

impl Answer {
    fn read(value: Value) -> Option<Self> {
        let (mode, keys, nodes): (String, Vec<(String, Vec<u8>)>, Vec<(String, String)>) =
            redis::from_redis_value(value).ok()?;
        let keys = keys
            .into_iter()
            .filter_map(|(id, bytes)| Some((id.parse().ok()?, bytes.try_into().ok()?)));
        let live = nodes.iter().filter(|(_, text)| text.starts_with('1'));
        let live = live.filter_map(|(incarnation, _)| incarnation.parse().ok());
        let live = live.collect();
        let nodes = nodes
            .into_iter()
            .filter_map(|(incarnation, text)| Some((incarnation.parse().ok()?, sighting(&text)?)));
        Some(Self {
            live,
            mode: mode.into(),
            keys: keys.collect(),
            nodes: nodes.collect(),
        })
    }
}

/// `<live 0|1> <draining 0|1> <address>`, as the script answers.
fn sighting(text: &str) -> Option<Sighting> {
    let mut words = text.split(' ');
    let (live, draining) = (words.next()? == "1", words.next()? == "1");
    Some(Sighting {
        address: words.next()?.parse().ok()?,
        draining,
        live,
    })
}

/// Between two questions to a young Redis.
const RETRY: Duration = Duration::from_millis(500);

/// KEYS nodes, keys, mode; ARGV incarnation, address, draining, ttl, mode, the id and bytes of a first key, then those to be put
/// back.
const HEARTBEAT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], (now + ttl) .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], 3600000)
for i = 8, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
if #ARGV > 6 and redis.call('HLEN', KEYS[2]) == 0 then redis.call('HSET', KEYS[2], ARGV[6], ARGV[7]) end
redis.call('PEXPIRE', KEYS[2], 604800000)
redis.call('SET', KEYS[3], ARGV[5], 'NX', 'PX', ttl)
local mode = redis.call('GET', KEYS[3])
if mode == ARGV[5] then redis.call('PEXPIRE', KEYS[3], ttl) end
local nodes = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local expires, rest = string.match(all[i + 1], '^(%d+) (.*)$')
  expires = tonumber(expires) or 0
  if expires + 3600000 < now then
    redis.call('HDEL', KEYS[1], all[i])
  else
    local live = '0'
    if expires >= now then live = '1' end
    nodes[#nodes + 1] = { all[i], live .. ' ' .. (rest or '') }
  end
end
local keys = {}
local ring = redis.call('HGETALL', KEYS[2])
for i = 1, #ring, 2 do keys[#keys + 1] = { ring[i], ring[i + 1] } end
return { mode, keys, nodes }
";

#[cfg(test)]
mod tests;
