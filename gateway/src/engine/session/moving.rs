//! A session that goes on in another process: its heartbeat goes with it.

use std::time::{Duration, Instant};

use super::{Carrier, Heartbeat, Session, Times, Upgrade};

/// Where a heartbeat stands, without a clock that only one process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// A ping was sent; else the next one is due.
    pub awaits_pong: bool,
    /// The pong was put off once.
    pub refreshed: bool,
    /// Until the pong or the ping is due.
    pub left: Duration,
}

impl Session {
    /// Whether a websocket that was probed may take over.
    #[must_use]
    pub fn may_switch(&self) -> bool {
        let is_probed = matches!(self.upgrade, Upgrade::Begun { probed: true, .. });
        self.carrier == Carrier::Polling && is_probed
    }

    /// The intervals that it keeps to.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times
    }

    /// Where its heartbeat stands.
    #[must_use]
    pub fn beat(&self, now: Instant) -> Beat {
        let (awaits_pong, refreshed, due) = match self.heartbeat {
            Heartbeat::Ping { at } => (false, false, at),
            Heartbeat::Pong { until, refreshed } => (true, refreshed, until),
        };
        Beat {
            awaits_pong,
            refreshed,
            left: due.saturating_duration_since(now),
        }
    }

    /// A session that was somewhere else, and goes on here on a websocket.
    #[must_use]
    pub fn moved(times: Times, beat: Beat, now: Instant) -> Self {
        let due = now + beat.left;
        let heartbeat = if beat.awaits_pong {
            Heartbeat::Pong {
                until: due,
                refreshed: beat.refreshed,
            }
        } else {
            Heartbeat::Ping { at: due }
        };
        Self {
            carrier: Carrier::Websocket,
            upgrade: Upgrade::None,
            heartbeat,
            times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_goes_on_where_it_was() {
        let second = Duration::from_secs(1);
        let times = Times {
            ping_interval: 25 * second,
            ping_timeout: 20 * second,
            upgrade_timeout: 10 * second,
        };
        let (there, here) = (Instant::now(), Instant::now() + 100 * second);
        let mut session = Session::open(Carrier::Polling, times, there, 1.0);
        let check = |session: &Session, left: Duration| {
            let beat = session.beat(there + 5 * second);
            let moved = Session::moved(times, beat, here);
            assert_eq!(moved.next_timeout(), Some(here + left));
            assert_eq!(moved.beat(here), beat);
            assert_eq!(moved.carrier(), Carrier::Websocket);
        };
        check(&session, 20 * second);
        session.pinged(there);
        check(&session, 15 * second);
    }
}
