//! Broadcast traffic: one publisher a room, every delivery checked.

use std::time::Duration;

use crate::clock;
use crate::histogram::Histogram;
use crate::ledger::{Arrival, Ledger};
use crate::pace::Pace;
use crate::payload::{PayloadFormat, Stamp};
use crate::report::{Faults, Step};
use crate::swarm::{Swarm, SwarmError, Traffic};
use crate::usage::Server;

use super::Common;

/// Who publishes next, what has to arrive, what has arrived.
pub(super) struct Broadcast {
    format: PayloadFormat,
    receivers: usize,
    rooms: Vec<Room>,
    /// The room whose turn it is.
    turn: usize,
    ledger: Ledger,
    latency: Histogram,
    expected: u64,
    received: u64,
    faults: Faults,
}

#[derive(Clone, Default)]
struct Room {
    members: u64,
    sequence: u32,
}

impl Broadcast {
    pub(super) fn new(common: &Common) -> Self {
        let mut rooms = vec![Room::default(); common.rooms as usize];
        common
            .receivers()
            .for_each(|member| rooms[member.room as usize].members += 1);
        Self {
            format: common.format(),
            receivers: common.connections,
            rooms,
            turn: 0,
            ledger: Ledger::new(common.connections, 1),
            latency: Histogram::new(),
            expected: 0,
            received: 0,
            faults: Faults::default(),
        }
    }

    /// Deliveries under way, or lost.
    pub(super) fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    fn publish(&mut self, swarm: &mut Swarm, time: u64) {
        let Self {
            format,
            receivers,
            rooms,
            turn,
            expected,
            ..
        } = self;
        let at = *turn;
        *turn = (at + 1) % rooms.len();
        let room = &mut rooms[at];
        let stamp = Stamp {
            publisher: at as u32,
            sequence: room.sequence,
            time,
        };
        room.sequence += 1;
        *expected += room.members;
        let dialect = swarm.dialect();
        swarm.send(*receivers + at, |out| {
            dialect.publish(at as u32, format, stamp, out);
        });
    }

    /// Publishes `rate` messages a second for `duration`, unless `hopeless` ends it.
    fn drive(
        &mut self,
        swarm: &mut Swarm,
        rate: f64,
        duration: Duration,
        hopeless: impl Fn(&Self) -> bool,
    ) -> Result<(), SwarmError> {
        let mut pace = Pace::new(clock::now(), rate, duration);
        loop {
            let now = clock::now();
            if pace.is_over(now) || hopeless(self) {
                return Ok(());
            }
            for time in std::iter::from_fn(|| pace.take(now)).take(BURST) {
                self.publish(swarm, time);
            }
            swarm.turn(pace.wait(now).min(TURN), self)?;
        }
    }

    /// Waits until everything has arrived, or nothing more does.
    pub(super) fn drain(&mut self, swarm: &mut Swarm) -> Result<(), SwarmError> {
        let started = clock::now();
        let (mut seen, mut since) = (self.received, started);
        loop {
            let now = clock::now();
            if self.received != seen {
                (seen, since) = (self.received, now);
            }
            if self.missing() == 0 || now - since > SILENCE || now - started > DRAIN {
                return Ok(());
            }
            swarm.turn(TURN, self)?;
        }
    }

    /// Publishes to warm the server up.
    pub(super) fn warm_up(
        &mut self,
        swarm: &mut Swarm,
        rate: f64,
        duration: Duration,
    ) -> Result<(), SwarmError> {
        self.drive(swarm, rate, duration, |_| false)?;
        self.drain(swarm)
    }

    /// One measured stretch: its CPU time ends with the last delivery, its rate with the last publish.
    pub(super) fn measure(
        &mut self,
        swarm: &mut Swarm,
        server: Server,
        rate: f64,
        duration: Duration,
        hopeless: impl Fn(&Self) -> bool,
    ) -> Result<(Step, u64), SwarmError> {
        self.latency.clear();
        (self.expected, self.received, self.faults) = (0, 0, Faults::default());
        let before = server.cpu();
        self.drive(swarm, rate, duration, hopeless)?;
        let published = server.cpu().since(&before);
        let in_time = self.received;
        self.drain(swarm)?;
        let drained = server.cpu().since(&before);
        let step = Step {
            offered_per_s: self.expected as f64 / published.wall_s,
            units_per_s: in_time as f64 / published.wall_s,
            cpu_us: drained.per(self.received),
            cpu: published,
            latency: self.latency.quantiles(),
            faults: Faults {
                lost: self.missing(),
                ..self.faults
            },
            sustained: false,
            rss: server.memory().rss,
        };
        Ok((step, self.received))
    }
}

impl Traffic for Broadcast {
    #[inline]
    fn delivered(&mut self, client: usize, room: u32, payload: &[u8], now: u64) {
        let Some(stamp) = self.format.check(payload) else {
            self.faults.corrupt += 1;
            return;
        };
        if stamp.publisher != room || client >= self.receivers {
            self.faults.misrouted += 1;
            return;
        }
        match self.ledger.note(client, 0, stamp.sequence) {
            Arrival::InOrder => {}
            Arrival::Overtaken => self.faults.reordered += 1,
            Arrival::Repeated => {
                self.faults.duplicates += 1;
                return;
            }
        }
        self.received += 1;
        self.latency.record(now.saturating_sub(stamp.time));
    }

    fn echoed(&mut self, _: usize, _: u32, _: &[u8], _: u64, _: &mut Vec<u8>) {
        self.faults.corrupt += 1;
    }
}

/// Publishes between two looks at the network.
const BURST: usize = 64;
const TURN: Duration = Duration::from_millis(5);
/// Without a delivery for this long, the rest is lost.
const SILENCE: u64 = 2_000_000_000;
const DRAIN: u64 = 20_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn broadcast() -> Broadcast {
        Broadcast {
            format: PayloadFormat::new(64),
            receivers: 1,
            rooms: vec![Room {
                members: 1,
                sequence: 0,
            }],
            turn: 0,
            ledger: Ledger::new(1, 1),
            latency: Histogram::new(),
            expected: 6,
            received: 0,
            faults: Faults::default(),
        }
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        let mut broadcast = broadcast();
        let mut deliver = |client, room, sequence| {
            let mut payload = Vec::new();
            let stamp = Stamp {
                publisher: 0,
                sequence,
                time: 0,
            };
            broadcast.format.write(stamp, &mut payload);
            broadcast.delivered(client, room, &payload, 1);
        };
        [0, 1, 1, 4, 3, 3, 5]
            .into_iter()
            .for_each(|sequence| deliver(0, 0, sequence));
        deliver(0, 7, 6);
        deliver(1, 0, 6);
        broadcast.delivered(0, 0, b"nonsense", 1);
        let expected = Faults {
            lost: 0,
            duplicates: 2,
            reordered: 1,
            corrupt: 1,
            misrouted: 2,
        };
        assert_eq!(broadcast.faults, expected);
        assert_eq!(broadcast.missing(), 1);
    }
}
