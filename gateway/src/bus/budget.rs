//! The drain budget of a fleet: one token bucket in Redis, from which every process that drains draws before it closes
//! sessions.
//!
//! One script is a draw. It also knows who drains: who has not drawn for a while is out of reach and closes at its share
//! of the rate, which is taken off what the others get. A bucket that does not remember, because Redis has lost its data,
//! gives each who comes no more than a share until all can have come back.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, task, time};

use super::redis::{Link, from_redis_value};

/// A handle to the bucket.
#[derive(Clone)]
pub struct Budget {
    link: Link,
    key: String,
    who: String,
    up_since: Rc<Cell<Instant>>,
    now: fn() -> Instant,
}

/// How long a bucket that does not answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// All processes have found a Redis that came back after so long.
const SETTLED: Duration = Duration::from_secs(5);

impl Budget {
    /// The bucket under `key`, for the process that is called `who`. `up` tells whether Redis answers.
    pub fn new(
        link: Link,
        mut up: watch::Receiver<bool>,
        key: String,
        who: u32,
        now: fn() -> Instant,
    ) -> Self {
        let up_since = Rc::new(Cell::new(now()));
        let since = Rc::clone(&up_since);
        task::spawn_local(async move {
            while up.changed().await.is_ok() {
                since.set(now());
            }
        });
        Self {
            link,
            key,
            who: who.to_string(),
            up_since,
            now,
        }
    }

    /// Draws at most `wanted` permits of a budget of `per_second` that `pods` processes share; this one draws for
    /// `remaining` at most. The answer is how many there were, and when the next one can be there; `None` = no answer.
    pub async fn draw(
        &self,
        wanted: usize,
        per_second: f64,
        pods: usize,
        remaining: Duration,
    ) -> Option<(usize, Duration)> {
        let is_young = (self.now)().saturating_duration_since(self.up_since.get()) < SETTLED;
        let mut command = ::redis::cmd("EVAL");
        command
            .arg(DRAW)
            .arg(1)
            .arg(&self.key)
            .arg(&self.who)
            .arg(wanted)
            .arg(per_second)
            .arg(pods.max(1))
            .arg(u8::from(is_young))
            .arg(remaining.as_millis() as u64);
        let answer = time::timeout(PATIENCE, self.link.command(command)).await;
        let answer = answer.ok()?.inspect_err(|error| {
            tracing::debug!(%error, "the drain budget cannot be asked");
        });
        let (permits, wait): (usize, u64) = from_redis_value(answer.ok()?)
            .inspect_err(|error| tracing::warn!(%error, "the drain budget answers nonsense"))
            .ok()?;
        Some((permits, Duration::from_millis(wait)))
    }

    /// Draws no more: the others need not leave a share for this process.
    pub async fn leave(&self) {
        let mut command = ::redis::cmd("HDEL");
        command.arg(&self.key).arg(format!("p:{}", self.who));
        // Who cannot say so is forgotten.
        let _ = time::timeout(PATIENCE, self.link.command(command)).await;
    }
}

/// KEYS the bucket; ARGV who, wanted, rate, pods, whether Redis may have come back just now, how long the caller draws.
/// Times are milliseconds: away after 700, forgotten after 60,000, settled after 5,000.
const DRAW: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local exact = time[1] * 1000 + time[2] / 1000
local wanted, rate, pods = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state, here, away = {}, 1, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local who = string.match(all[i], '^p:(.*)$')
  if not who then
    state[all[i]] = tonumber(all[i + 1])
  elseif who ~= ARGV[1] then
    local seen, ends = string.match(all[i + 1], '^(%d+) (%d+)$')
    seen, ends = tonumber(seen) or 0, tonumber(ends) or 0
    if ends < now or seen + 60000 < now then redis.call('HDEL', KEYS[1], all[i])
    elseif seen + 700 < now then away = away + 1
    else here = here + 1 end
  end
end
local tokens, at, settled = state.tokens or 1, state.at, state.settled or 0
if not at then
  at = exact
  if ARGV[5] == '1' then settled = now + 5000 end
end
local share = rate / pods
local pace = rate - share * away
if now < settled then pace = math.min(pace, share * here) end
pace = math.max(pace, share)
tokens = math.min(tokens + math.max(exact - at, 0) * pace / 1000, math.max(1, rate * 0.06))
local given = math.min(wanted, math.floor(tokens))
tokens = tokens - given
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', exact), 'settled', settled,
  'p:' .. ARGV[1], string.format('%.0f %.0f', now, now + tonumber(ARGV[6])))
redis.call('PEXPIRE', KEYS[1], 120000)
return { given, math.ceil((1 - math.min(tokens, 1)) * 1000 / pace) }
";
