//! The pace of a process that is one of several: it draws permits from the fleet's bucket, and keeps to its share of the
//! rate while nobody answers.
//!
//! No sum of the two goes beyond the budget. A process begins with its share only when the bucket has heard nothing of it
//! for longer than the bucket takes to count it as away, and to take its share off what the others get; and whoever
//! comes back first to a bucket that has forgotten all gets no more than a share until the others can have come back.

use std::time::{Duration, Instant};

use super::bucket::TokenBucket;
use super::{Paid, TICK};

/// What is known of the fleet's bucket.
#[derive(Debug, Clone)]
pub(super) struct FleetPace {
    per_second: f64,
    /// How many processes share the budget: the most that were ever seen, since those that are away are not counted.
    pods: usize,
    /// Permits that were drawn and not used yet.
    granted: usize,
    /// Permits that are asked for, and no answer has come.
    asked: usize,
    ask_at: Instant,
    /// When the bucket answered last, or when it was to be asked first.
    heard: Instant,
    /// The bucket does not answer.
    share: Option<TokenBucket>,
}

/// A question to the fleet's bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// So many permits at most.
    pub wanted: usize,
    /// The rate of the whole fleet.
    pub per_second: f64,
    /// How many processes it is for.
    pub pods: usize,
    /// How long this process may still close at a pace.
    pub remaining: Duration,
}

/// What the bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// So many permits.
    pub permits: usize,
    /// When the next one can be there.
    pub wait: Duration,
}

/// How long the permits of one question last: a batch spares questions, and is small beside a second.
const BATCH: Duration = Duration::from_millis(50);
/// At least so often is asked, so that the bucket knows that this process is there.
const KEEP: Duration = Duration::from_millis(300);
/// Without an answer for so long, this process keeps to its share. The bucket counts it as away before.
const SILENCE: Duration = Duration::from_secs(1);
/// How often a bucket that does not answer is asked.
const RETRY: Duration = Duration::from_millis(250);

impl FleetPace {
    /// A pace from `now` on.
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        Self {
            per_second,
            pods: 1,
            granted: 0,
            asked: 0,
            ask_at: now,
            heard: now,
            share: None,
        }
    }

    /// So many processes are there.
    pub(super) fn knows(&mut self, pods: usize, now: Instant) {
        if pods > self.pods {
            self.pods = pods;
            self.share = self.share.take().map(|_| self.own_share(now));
        }
    }

    /// The next question, with so many sessions to close.
    pub(super) fn ask(&mut self, now: Instant, open: usize, remaining: Duration) -> Option<Draw> {
        if now < self.ask_at {
            return None;
        }
        let batch = (self.per_second * BATCH.as_secs_f64()).max(1.0) as usize;
        let wanted = open.saturating_sub(self.granted + self.asked).min(batch);
        if wanted == 0 {
            return None;
        }
        self.asked += wanted;
        self.ask_at = now + if self.share.is_some() { RETRY } else { TICK };
        Some(Draw {
            wanted,
            per_second: self.per_second,
            pods: self.pods,
            remaining,
        })
    }

    /// The answer to a question, if there was one.
    pub(super) fn answered(&mut self, now: Instant, draw: Draw, grant: Option<Grant>) {
        self.asked = self.asked.saturating_sub(draw.wanted);
        let Some(Grant { permits, wait }) = grant else {
            return;
        };
        self.heard = now;
        self.share = None;
        self.granted += permits.min(draw.wanted);
        if permits < draw.wanted {
            self.ask_at = self.ask_at.max(now + wait.min(KEEP));
        }
    }

    /// Takes what is there, at most `wanted`.
    pub(super) fn take_up_to(&mut self, wanted: usize, now: Instant) -> (usize, Paid) {
        if self.share.is_none() && now >= self.heard + SILENCE {
            self.share = Some(self.own_share(now));
        }
        if let Some(share) = &mut self.share {
            return (share.take_up_to(wanted, now), Paid::Share);
        }
        // What is left over is given up: it would be a burst later.
        (std::mem::take(&mut self.granted).min(wanted), Paid::Budget)
    }

    /// When to look again.
    pub(super) fn wake(&self, now: Instant) -> Instant {
        self.ask_at.clamp(now + TICK, now + KEEP)
    }

    fn own_share(&self, now: Instant) -> TokenBucket {
        let per_second = self.per_second / self.pods as f64;
        TokenBucket::empty(per_second, per_second * TICK.as_secs_f64(), now)
    }
}
