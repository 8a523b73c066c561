//! How the end of the process goes. Written by the control thread alone.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Where the drain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainState {
    /// There is none.
    Serving,
    /// All is served still, and load balancers learn.
    Holding,
    /// Sessions are closed at the pace.
    Closing,
    /// The time is over: what was left is closed.
    Overdue,
}

/// By what a drain closed a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The pace of a process that is alone.
    Local,
    /// The budget of the fleet.
    Budget,
    /// The own share of it, while Redis does not answer.
    Share,
    /// The time was over.
    Timeout,
}

/// State and counts.
#[derive(Debug, Default)]
pub(super) struct Drains {
    state: AtomicU8,
    closed: [AtomicU64; Closing::ALL.len()],
}

impl DrainState {
    pub(super) const ALL: [Self; 4] = [Self::Serving, Self::Holding, Self::Closing, Self::Overdue];

    /// The `state` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Holding => "holding",
            Self::Closing => "closing",
            Self::Overdue => "overdue",
        }
    }
}

impl Closing {
    pub(super) const ALL: [Self; 4] = [Self::Local, Self::Budget, Self::Share, Self::Timeout];

    /// The `by` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Budget => "budget",
            Self::Share => "share",
            Self::Timeout => "timeout",
        }
    }
}

impl Drains {
    pub(super) fn set(&self, state: DrainState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, by: Closing, count: u64) {
        self.closed[by as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn facts(&self) -> DrainFacts {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        DrainFacts {
            state: DrainState::ALL[state],
            closed: Closing::ALL.map(|by| (by, self.closed[by as usize].load(Ordering::Relaxed))),
        }
    }
}

/// What a scrape tells.
pub(super) struct DrainFacts {
    pub(super) state: DrainState,
    pub(super) closed: [(Closing, u64); Closing::ALL.len()],
}
