//! The ids of calls, of all nodes: in Redis where there is one, so that a call that is repeated at another node gets the
//! answer of the first; and in memory, which is all there is while Redis is away.

use std::time::Instant;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{
    idempotency::{Claim, Ids, KEPT, RESERVED, Reservation, Scope},
    response::Accepted,
};
use crate::bus::{
    Bus,
    redis::{LinkError, Value, from_redis_value},
    remote::Remote,
};

/// The ids in use.
#[derive(Debug)]
pub(super) struct SharedIds {
    here: Ids<Accepted>,
    bus: Bus,
}

/// What an id is good for.
#[derive(Debug)]
pub(super) enum Claimed {
    /// It is new: the call takes effect.
    Fresh(Box<Reserved>),
    /// The same call was answered before.
    Known(Box<Accepted>),
    /// The same call is under way.
    Busy,
    /// It stands for another call.
    Other,
}

/// The right to let a call take effect under its id. Dropped before [`Reserved::taken`], it frees the id.
#[derive(Debug)]
pub(super) struct Reserved {
    here: Option<Reservation<Accepted>>,
    everywhere: Option<Entry>,
    degraded: bool,
}

/// An answer on its way to Redis.
pub(super) type Keeping = oneshot::Receiver<Result<Value, LinkError>>;

/// An id in Redis that is ours as long as the token says so.
#[derive(Debug)]
struct Entry {
    remote: Remote,
    key: String,
    body: String,
    token: String,
    /// What to answer if the caller goes away.
    provisional: Option<Accepted>,
    /// The answer is written.
    done: bool,
}

impl SharedIds {
    /// No ids yet; at most `bound` are kept in memory.
    pub(super) fn new(bound: usize, bus: Bus) -> Self {
        Self {
            here: Ids::new(bound),
            bus,
        }
    }

    /// Claims an id for a call of that body.
    pub(super) async fn claim(&self, scope: Scope, body: &[u8], now: Instant) -> Claimed {
        let remote = self.bus.remote();
        let entry = remote.map(|remote| Entry::new(remote.clone(), &scope, body));
        // What this node knows is true: nothing in Redis contradicts it.
        let here = match self.here.claim(scope, body, now) {
            Claim::Fresh(reservation) => reservation,
            Claim::Known(answer) => return Claimed::Known(Box::new(answer)),
            Claim::Busy => return Claimed::Busy,
            Claim::Other => return Claimed::Other,
        };
        let mut reserved = Box::new(Reserved {
            here: Some(here),
            everywhere: None,
            degraded: false,
        });
        let Some(entry) = entry else {
            return Claimed::Fresh(reserved);
        };
        match entry.claim().await {
            Some(Stored::Fresh) => reserved.everywhere = Some(entry),
            Some(Stored::Known(answer)) => return Claimed::Known(answer),
            Some(Stored::Busy) => return Claimed::Busy,
            Some(Stored::Other) => return Claimed::Other,
            None => reserved.degraded = true,
        }
        Claimed::Fresh(reserved)
    }
}

impl Reserved {
    /// Whether the other nodes do not know of it, because Redis is away.
    pub(super) fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Says that the call has taken effect; `answer` is the one to keep if the caller goes away before it is complete, and
    /// `lasts` says whether that may take longer than a reservation holds.
    pub(super) fn taken(&mut self, answer: &Accepted, lasts: bool, now: Instant) {
        if let Some(here) = &mut self.here {
            here.taken(answer.clone(), now);
        }
        if let Some(entry) = &mut self.everywhere {
            entry.provisional = Some(answer.clone());
            if lasts {
                drop(entry.keep(None));
            }
        }
    }

    /// Replaces the answer by the complete one; the other nodes know it when what is returned is done.
    pub(super) fn complete(mut self, answer: &Accepted, now: Instant) -> Option<Keeping> {
        if let Some(here) = self.here.take() {
            here.complete(answer.clone(), now);
        }
        let mut entry = self.everywhere.take()?;
        entry.provisional = None;
        entry.done = true;
        Some(entry.answer(answer.clone()))
    }
}

/// What Redis says of an id.
enum Stored {
    Fresh,
    Known(Box<Accepted>),
    Busy,
    Other,
}

impl Entry {
    fn new(remote: Remote, scope: &Scope, body: &[u8]) -> Self {
        let mut name = Sha256::new();
        for part in [&*scope.key, &*scope.namespace, &*scope.id] {
            name.update((part.len() as u64).to_be_bytes());
            name.update(part);
        }
        Self {
            key: remote.key(&format!("id:{}", hex(&name.finalize()))),
            body: hex(&Sha256::digest(body)),
            token: format!("{:016x}", rand::random::<u64>()),
            remote,
            provisional: None,
            done: false,
        }
    }

    /// `None` if Redis does not say.
    async fn claim(&self) -> Option<Stored> {
        let hold = RESERVED.as_millis().to_string();
        let arguments = [self.body.as_str(), &self.token, &hold];
        let keys = [self.key.as_str()];
        let answer = self
            .remote
            .script(CLAIM, &keys, &arguments)
            .await
            .ok()?
            .ok()?;
        if answer == Value::Nil {
            return Some(Stored::Fresh);
        }
        let (body, answer): (String, Option<String>) = from_redis_value(answer).ok()?;
        Some(match answer {
            _ if body != self.body => Stored::Other,
            None => Stored::Busy,
            Some(answer) => Stored::Known(Box::new(serde_json::from_str(&answer).ok()?)),
        })
    }

    fn answer(&self, mut answer: Accepted) -> Keeping {
        let mut text = json(&answer);
        if text.len() > MAX_ANSWER {
            answer.acks = None;
            text = json(&answer);
        }
        self.keep(Some(&text))
    }

    /// Writes the answer, or only that there will be one.
    fn keep(&self, answer: Option<&str>) -> Keeping {
        let hold = KEPT.as_millis().to_string();
        let arguments = [&*self.body, &*self.token, answer.unwrap_or(""), &*hold];
        self.remote.script(KEEP, &[&self.key], &arguments)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        match self.provisional.take() {
            Some(answer) => drop(self.answer(answer)),
            None if self.done => {}
            None => drop(self.remote.script(FREE, &[&self.key], &[&*self.token])),
        }
    }
}

fn json(answer: &impl Serialize) -> String {
    // A map with text keys can always be written.
    serde_json::to_string(answer).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Acks beyond this size are told to the first caller only.
const MAX_ANSWER: usize = 256 << 10;

/// KEYS the id; ARGV body, token, milliseconds. Answers what is there, or nothing and reserves it.
const CLAIM: &str = r"
local found = redis.call('HMGET', KEYS[1], 'body', 'answer')
if found[1] then return found end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'token', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return false
";

/// KEYS the id; ARGV body, token, answer or nothing, milliseconds. Somebody else's reservation is left alone.
const KEEP: &str = r"
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'token', ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'answer', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
";

/// KEYS the id; ARGV token.
const FREE: &str = r"
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
";
