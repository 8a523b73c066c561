//! The life of one Engine.IO session, as a pure state machine: no IO, no clock.
//!
//! A transport tells what happens ([`Session`]'s methods) and does what the answer says. Time is an argument; when
//! something has to happen without input is told by [`Session::next_timeout`].

mod moving;

use std::time::{Duration, Instant};

pub use self::moving::Beat;
use super::packet::{PROBE, Packet};

/// The state of a session.
#[derive(Debug)]
pub struct Session {
    carrier: Carrier,
    upgrade: Upgrade,
    heartbeat: Heartbeat,
    times: Times,
}

/// The intervals of a session, fixed when it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From one ping to the next.
    pub ping_interval: Duration,
    /// From a ping to its pong.
    pub ping_timeout: Duration,
    /// From the probe to the switch.
    pub upgrade_timeout: Duration,
}

/// What carries the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Long polling.
    Polling,
    /// A websocket.
    Websocket,
    /// Long polling that waits for one more poll, to tell it of the end.
    Lingering {
        /// Until when.
        until: Instant,
    },
    /// Nothing: the session is over.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    /// A websocket stands beside the polls.
    Begun {
        until: Instant,
        probed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heartbeat {
    /// The next ping is due then.
    Ping { at: Instant },
    /// A pong is due by then; anything else the client sends puts it off once.
    Pong { until: Instant, refreshed: bool },
}

/// What a packet of the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message for the layer above.
    Message,
    /// Nothing.
    Ignore,
    /// The session ends, for this reason.
    Close(Reason),
}

/// What a packet on the second websocket asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeStep {
    /// Answer the probe; end the poll that waits.
    Probe,
    /// The websocket carries the session from now on.
    Switch,
    /// The websocket is closed; the session goes on as it was.
    Abandon,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a ping.
    Ping,
    /// The upgrade took too long: its websocket is closed.
    AbandonUpgrade,
    /// The session ends, for this reason.
    Close(Reason),
}

/// Why a session ended, in Engine.IO's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The transport failed.
    TransportError,
    /// The client closed it.
    TransportClose,
    /// The server closed it.
    ForcedClose,
    /// No pong came.
    PingTimeout,
    /// What came is no packet.
    ParseError,
}

/// How long a session that was closed waits for a poll to tell it to.
const LINGER: Duration = Duration::from_secs(30);

impl Session {
    /// A session that opens. `share` (0 to 1) spreads the first ping over the interval.
    #[must_use]
    pub fn open(carrier: Carrier, times: Times, now: Instant, share: f64) -> Self {
        let first = times.ping_interval.mul_f64(share.clamp(0.2, 1.0));
        Self {
            carrier,
            upgrade: Upgrade::None,
            heartbeat: Heartbeat::Ping { at: now + first },
            times,
        }
    }

    /// What carries it.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Whether messages come and go.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.carrier, Carrier::Polling | Carrier::Websocket)
    }

    /// Whether a websocket is being tried beside the polls.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.upgrade != Upgrade::None
    }

    /// A packet on the carrier.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>, now: Instant) -> Step {
        if !self.is_open() {
            return Step::Ignore;
        }
        match packet {
            Packet::Message(_) | Packet::Binary(_) => {
                self.refresh(now);
                Step::Message
            }
            Packet::Pong(_) => {
                self.heartbeat = Heartbeat::Ping {
                    at: now + self.times.ping_interval,
                };
                Step::Ignore
            }
            Packet::Close => Step::Close(Reason::TransportClose),
            // Since Engine.IO 4 the server pings; a client that does has another protocol.
            Packet::Ping(_) => Step::Close(Reason::TransportError),
            Packet::Open | Packet::Upgrade | Packet::Noop => Step::Ignore,
        }
    }

    /// A ping was sent.
    pub fn pinged(&mut self, now: Instant) {
        self.heartbeat = Heartbeat::Pong {
            until: now + self.times.ping_timeout,
            refreshed: false,
        };
    }

    /// A websocket wants to take over; false if it may not: the session is on one, or another one is trying.
    pub fn begin_upgrade(&mut self, now: Instant) -> bool {
        let free = self.carrier == Carrier::Polling && self.upgrade == Upgrade::None;
        if free {
            self.upgrade = Upgrade::Begun {
                until: now + self.times.upgrade_timeout,
                probed: false,
            };
        }
        free
    }

    /// A packet on the websocket that wants to take over.
    pub fn upgrade_packet(&mut self, packet: &Packet<'_>) -> UpgradeStep {
        match (&mut self.upgrade, packet) {
            (Upgrade::Begun { probed, .. }, Packet::Ping(PROBE)) => {
                *probed = true;
                UpgradeStep::Probe
            }
            (Upgrade::Begun { probed: true, .. }, Packet::Upgrade)
                if self.carrier == Carrier::Polling =>
            {
                self.upgrade = Upgrade::None;
                self.carrier = Carrier::Websocket;
                UpgradeStep::Switch
            }
            _ => {
                self.upgrade = Upgrade::None;
                UpgradeStep::Abandon
            }
        }
    }

    /// The websocket that wanted to take over is gone.
    pub fn abandon_upgrade(&mut self) {
        self.upgrade = Upgrade::None;
    }

    /// The server ends the session. A polling one may linger, so that the client's next poll is told; else it is over at once.
    pub fn close(&mut self, linger: bool, now: Instant) {
        self.upgrade = Upgrade::None;
        self.carrier = match self.carrier {
            Carrier::Polling if linger => Carrier::Lingering {
                until: now + LINGER,
            },
            _ => Carrier::Closed,
        };
    }

    /// When [`Self::on_timeout`] has something to say next; `None` once the session is over.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let beat = match self.heartbeat {
            Heartbeat::Ping { at } => at,
            Heartbeat::Pong { until, .. } => until,
        };
        match (self.carrier, self.upgrade) {
            (Carrier::Closed, _) => None,
            (Carrier::Lingering { until }, _) => Some(until),
            (_, Upgrade::Begun { until, .. }) => Some(until.min(beat)),
            (_, Upgrade::None) => Some(beat),
        }
    }

    /// The interval of pings if the next thing due is one: a ping may wait a little, to go out with others.
    #[must_use]
    pub fn awaits_ping(&self) -> Option<Duration> {
        let is_ping = matches!(self.heartbeat, Heartbeat::Ping { .. });
        (self.is_open() && !self.is_upgrading() && is_ping).then_some(self.times.ping_interval)
    }

    /// What is due at `now`.
    pub fn on_timeout(&mut self, now: Instant) -> Due {
        match (self.carrier, self.upgrade, self.heartbeat) {
            (Carrier::Closed, ..) => Due::Nothing,
            (Carrier::Lingering { until }, ..) if until <= now => Due::Close(Reason::ForcedClose),
            (Carrier::Lingering { .. }, ..) => Due::Nothing,
            (_, _, Heartbeat::Pong { until, .. }) if until <= now => {
                Due::Close(Reason::PingTimeout)
            }
            (_, Upgrade::Begun { until, .. }, _) if until <= now => {
                self.upgrade = Upgrade::None;
                Due::AbandonUpgrade
            }
            (_, _, Heartbeat::Ping { at }) if at <= now => {
                self.pinged(now);
                Due::Ping
            }
            _ => Due::Nothing,
        }
    }

    fn refresh(&mut self, now: Instant) {
        if let Heartbeat::Pong {
            until,
            refreshed: refreshed @ false,
        } = &mut self.heartbeat
        {
            *refreshed = true;
            *until = now + self.times.ping_timeout;
        }
    }
}

impl Reason {
    /// Engine.IO's text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
        }
    }
}

#[cfg(test)]
mod tests;
