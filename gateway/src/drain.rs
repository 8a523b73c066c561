//! How a process ends: hold, refuse handshakes, close transports at a pace, done. No clock and no IO:
//! `now` is an argument, and whoever owns the sessions closes as many as [`Step::close`] says.

use std::time::{Duration, Instant};

/// The settings of a drain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How long all is still served, new sessions too, so that load balancers learn first.
    pub hold: Duration,
    /// How long transports are then closed at the pace; the rest is closed at once.
    pub timeout: Duration,
    /// How many transports are closed in a second: so many clients come back elsewhere.
    pub per_second: f64,
}

/// Where a drain is. Readiness is off in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// All is served.
    Holding,
    /// Handshakes are refused; requests and upgrades of sessions are served until their turn comes.
    Closing,
    /// The time is over: what is left was told to close.
    Overdue,
    /// Nothing is left, or nothing more is waited for.
    Done,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where the drain is.
    pub phase: Phase,
    /// How many more sessions to close now.
    pub close: usize,
    /// When to ask again, at the latest; a session that closes by itself is no reason to ask earlier.
    pub wake: Instant,
}

/// One drain, from its signal on.
#[derive(Debug, Clone)]
pub struct Drain {
    closing_at: Instant,
    overdue_at: Instant,
    pace: TokenBucket,
}

impl Drain {
    /// A drain that begins now.
    pub fn begin(plan: Plan, now: Instant) -> Self {
        let closing_at = now + plan.hold;
        let burst = (plan.per_second * TICK.as_secs_f64()).max(1.0);
        Self {
            closing_at,
            overdue_at: closing_at + plan.timeout,
            pace: TokenBucket::new(plan.per_second, burst, closing_at),
        }
    }

    /// What to do, with so many sessions that were not told to close yet, and so many that were and
    /// are still there.
    pub fn step(&mut self, now: Instant, open: usize, closing: usize) -> Step {
        if now < self.closing_at {
            return Step {
                phase: Phase::Holding,
                close: 0,
                wake: self.closing_at,
            };
        }
        let phase = match now {
            _ if open + closing == 0 || now >= self.overdue_at + LAST_WAIT => Phase::Done,
            _ if now >= self.overdue_at => Phase::Overdue,
            _ => Phase::Closing,
        };
        let close = match phase {
            Phase::Closing => self.pace.take_up_to(open, now),
            _ => open,
        };
        let wake = match phase {
            Phase::Closing => self.overdue_at.min(now + self.pace.interval().max(TICK)),
            _ => now + TICK,
        };
        Step { phase, close, wake }
    }
}

/// Closing in batches of so long a time spares wake-ups and is still even for those who take the clients.
const TICK: Duration = Duration::from_millis(20);
/// What was told to close at the end of the time may flush for so long.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// So many permits a second, up to a burst.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A bucket with one permit in it.
    pub fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            per_second,
            burst: burst.max(1.0),
            tokens: 1.0,
            at: now,
        }
    }

    /// Takes what is there, at most `wanted`.
    pub fn take_up_to(&mut self, wanted: usize, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        // A tick that comes late must not slow the pace, so the burst holds for idle time only.
        let burst = self.burst.max(passed.min(MAX_LATE) * self.per_second + 1.0);
        self.tokens = (self.tokens + passed * self.per_second).min(burst);
        self.at = self.at.max(now);
        let taken = (self.tokens as usize).min(wanted);
        self.tokens -= taken as f64;
        taken
    }

    /// The time between two permits, at most a minute.
    pub fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.per_second).map_or(MINUTE, |time| time.min(MINUTE))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// How late a tick may come, in seconds, without a loss of pace.
const MAX_LATE: f64 = 1.0;

#[cfg(test)]
mod tests;
