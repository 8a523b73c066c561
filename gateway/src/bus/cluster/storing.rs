//! Who stores what other servers and emitters publish: one process at a time, which all of them hear.
//!
//! A key in Redis names it, for a few seconds. Its holder renews it every second and, by its own clock, gives the role up before it
//! runs out there; where the holder dies the next one that looks takes over.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Value, from_redis_value};
use tokio::time;

use super::Cluster;
use crate::bus::redis::Cmd;

/// The role, as this process knows it.
pub(super) struct Storing {
    claimant: u32,
    until: Cell<Option<Instant>>,
}

/// How long the role is held, from the last renewal.
const TTL: Duration = Duration::from_secs(3);
/// How often it is renewed, or asked for.
const EVERY: Duration = Duration::from_secs(1);
/// How soon it is looked whether Redis answers by now.
const SOON: Duration = Duration::from_millis(100);
/// The name of its key.
pub(super) const KEY: &str = "storing";

impl Storing {
    pub(super) fn new(claimant: u32) -> Self {
        Self {
            claimant,
            until: Cell::default(),
        }
    }

    /// Whether it is ours.
    pub(super) fn is_ours(&self, now: Instant) -> bool {
        self.until.get().is_some_and(|until| now < until)
    }

    /// An answer to what was asked at `asked`: the time of Redis begins to run after that.
    fn told(&self, answer: Value, asked: Instant) {
        let is_ours = from_redis_value::<u8>(answer).is_ok_and(|ours| ours == 1);
        self.until.set(is_ours.then(|| asked + TTL));
    }
}

impl Cluster {
    /// Holds the role or asks for it, for the life of the process, while anything has a past; it is given back with the lease.
    pub(super) async fn claim_storing(self: Rc<Self>) {
        loop {
            let keeps = |namespace: &Arc<str>| (self.keep)(namespace).is_some();
            let is_needed = self.subscriptions.borrow().all().any(keeps);
            let pause = match (is_needed, self.remote.is_up()) {
                (true, true) => {
                    self.claim().await;
                    EVERY
                }
                (true, false) => SOON,
                (false, _) => EVERY,
            };
            time::sleep(pause).await;
        }
    }

    async fn claim(&self) {
        let asked = (self.now)();
        let ttl = TTL.as_millis() as u64;
        let command = ask(&self.remote.key(KEY), self.storing.claimant, ttl);
        // Without an answer it is held until its time is up.
        if let Ok(answer) = self.link.command(command).await {
            self.storing.told(answer, asked);
        }
    }
}

/// What gives the role back, if it is theirs.
pub(super) fn leave(key: &str, claimant: u32) -> Cmd {
    ask(key, claimant, 0)
}

fn ask(key: &str, claimant: u32, ttl: u64) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(CLAIM).arg(1).arg(key).arg(claimant).arg(ttl);
    command
}

/// KEYS the role; ARGV who asks, and for how many milliseconds: 0 to leave it. Answers 1 if it is theirs now.
const CLAIM: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_held_by_our_own_clock() {
        let (storing, start) = (Storing::new(7), Instant::now());
        assert!(!storing.is_ours(start));
        for (answer, after, ours) in [
            (Value::Int(1), Duration::ZERO, true),
            (Value::Int(1), TTL - Duration::from_millis(1), true),
            (Value::Int(1), TTL, false),
            (Value::Int(0), Duration::ZERO, false),
            (Value::Nil, Duration::ZERO, false),
        ] {
            storing.told(answer.clone(), start);
            assert_eq!(storing.is_ours(start + after), ours, "{answer:?} {after:?}");
        }
    }
}
