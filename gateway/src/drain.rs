//! How a process ends: hold, refuse handshakes, close transports at a pace, done. No clock and no IO:
//! `now` is an argument, whoever owns the sessions closes as many as [`Step::close`] says, and whoever
//! speaks to the fleet's bucket brings it the questions of [`Drain::ask`].

mod bucket;
mod fleet;

use std::time::{Duration, Instant};

use bucket::TokenBucket;
use fleet::FleetPace;
pub use fleet::{Draw, Grant};

/// The settings of a drain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How long all is still served, new sessions too, so that load balancers learn first.
    pub hold: Duration,
    /// How long transports are then closed at the pace; the rest is closed at once.
    pub timeout: Duration,
    /// How many transports are closed in a second: so many clients come back elsewhere.
    pub per_second: f64,
    /// Whether the pace is that of a fleet, which has a bucket for it.
    pub has_fleet: bool,
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

/// By what a session was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    /// By a permit of the process itself, which is alone.
    Local,
    /// By a permit of the fleet's bucket.
    Budget,
    /// By the share of this process, while the bucket does not answer.
    Share,
    /// By none: its time was over.
    Timeout,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where the drain is.
    pub phase: Phase,
    /// How many more sessions to close now.
    pub close: usize,
    /// By what.
    pub paid: Paid,
    /// When to ask again, at the latest; a session that closes by itself is no reason to ask earlier.
    pub wake: Instant,
}

/// One drain, from its signal on.
#[derive(Debug, Clone)]
pub struct Drain {
    closing_at: Instant,
    overdue_at: Instant,
    pace: Pace,
}

#[derive(Debug, Clone)]
enum Pace {
    Local(TokenBucket),
    Fleet(FleetPace),
}

impl Drain {
    /// A drain that begins now.
    pub fn begin(plan: Plan, now: Instant) -> Self {
        let Plan {
            hold,
            timeout,
            per_second,
            has_fleet,
        } = plan;
        let closing_at = now + hold;
        let burst = per_second * TICK.as_secs_f64();
        Self {
            closing_at,
            overdue_at: closing_at + timeout,
            pace: if has_fleet {
                Pace::Fleet(FleetPace::new(per_second, closing_at))
            } else {
                Pace::Local(TokenBucket::new(per_second, burst, closing_at))
            },
        }
    }

    /// What to do, with so many sessions that were not told to close yet, and so many that were and
    /// are still there.
    pub fn step(&mut self, now: Instant, open: usize, closing: usize) -> Step {
        let phase = match now {
            _ if now < self.closing_at => Phase::Holding,
            _ if open + closing == 0 || now >= self.overdue_at + LAST_WAIT => Phase::Done,
            _ if now >= self.overdue_at => Phase::Overdue,
            _ => Phase::Closing,
        };
        let (close, paid) = match (phase, &mut self.pace) {
            (Phase::Holding, _) => (0, Paid::Local),
            (Phase::Closing, Pace::Local(pace)) => (pace.take_up_to(open, now), Paid::Local),
            (Phase::Closing, Pace::Fleet(pace)) => pace.take_up_to(open, now),
            (Phase::Overdue | Phase::Done, _) => (open, Paid::Timeout),
        };
        let wake = match (phase, &self.pace) {
            (Phase::Holding, _) => self.closing_at,
            (Phase::Closing, Pace::Local(pace)) => now + pace.interval().max(TICK),
            (Phase::Closing, Pace::Fleet(pace)) => pace.wake(now),
            (Phase::Overdue | Phase::Done, _) => now + TICK,
        };
        let wake = match phase {
            Phase::Closing => wake.min(self.overdue_at),
            _ => wake,
        };
        Step {
            phase,
            close,
            paid,
            wake,
        }
    }

    /// What to ask the fleet's bucket now, with so many sessions that were not told to close yet. Its answer, or that none
    /// came, is told by [`Drain::answered`]; several may be under way.
    pub fn ask(&mut self, now: Instant, open: usize) -> Option<Draw> {
        if now < self.closing_at || now >= self.overdue_at {
            return None;
        }
        match &mut self.pace {
            Pace::Local(_) => None,
            Pace::Fleet(pace) => pace.ask(now, open, self.overdue_at - now),
        }
    }

    /// What came of a question.
    pub fn answered(&mut self, now: Instant, draw: Draw, grant: Option<Grant>) {
        if let Pace::Fleet(pace) = &mut self.pace {
            pace.answered(now, draw, grant);
        }
    }

    /// So many processes are in the fleet, this one too.
    pub fn knows(&mut self, pods: usize, now: Instant) {
        if let Pace::Fleet(pace) = &mut self.pace {
            pace.knows(pods, now);
        }
    }
}

/// Closing in batches of so long a time spares wake-ups and is still even for those who take the clients.
const TICK: Duration = Duration::from_millis(20);
/// What was told to close at the end of the time may flush for so long.
const LAST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
