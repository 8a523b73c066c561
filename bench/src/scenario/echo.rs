//! `echo`: requests answered with their payload, a constant number outstanding.

use std::time::Duration;

use super::{Common, Outcome, connected, seconds};
use crate::clock;
use crate::histogram::Histogram;
use crate::payload::{PayloadFormat, Stamp};
use crate::report::{Faults, Report};
use crate::swarm::{Swarm, SwarmError, Traffic};
use crate::wire::Dialect;

#[derive(clap::Args)]
pub(super) struct Options {
    /// Requests outstanding on every connection.
    #[arg(long, default_value_t = 1)]
    depth: u32,
    /// Measured seconds.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Seconds of load before them.
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
}

struct Echo {
    dialect: Dialect,
    format: PayloadFormat,
    clients: Vec<Client>,
    asking: bool,
    answered: u64,
    faults: Faults,
    latency: Histogram,
}

/// The next request to send and the next answer to see.
#[derive(Clone, Copy, Default)]
struct Client {
    request: u32,
    answer: u32,
}

impl Options {
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let server = common.server();
        let mut swarm = connected(common.swarm()?)?;
        let mut echo = Echo::new(common, swarm.dialect());
        for _ in 0..self.depth.max(1) {
            for client in 0..swarm.len() {
                swarm.send(client, |out| echo.ask(client, out));
            }
        }
        swarm.rest(seconds(self.warmup), &mut echo)?;
        echo.latency.clear();
        let (answered, before) = (echo.answered, server.cpu());
        swarm.rest(seconds(self.seconds), &mut echo)?;
        let cpu = server.cpu().since(&before);
        let units = echo.answered - answered;
        let latency = echo.latency.quantiles();
        echo.finish(&mut swarm)?;
        Ok(Report {
            units,
            units_per_s: units as f64 / cpu.wall_s,
            cpu_us: cpu.per(units),
            cpu,
            latency,
            faults: Faults {
                lost: echo.outstanding(),
                ..echo.faults
            },
            counters: swarm.counters(),
            ..Report::default()
        })
    }
}

impl Echo {
    fn new(common: &Common, dialect: Dialect) -> Self {
        Self {
            dialect,
            format: common.format(),
            clients: vec![Client::default(); common.connections],
            asking: true,
            answered: 0,
            faults: Faults::default(),
            latency: Histogram::new(),
        }
    }

    fn ask(&mut self, client: usize, out: &mut Vec<u8>) {
        let sequence = self.clients[client].request;
        self.clients[client].request += 1;
        let stamp = Stamp {
            publisher: client as u32,
            sequence,
            time: clock::now(),
        };
        self.dialect.echo(&self.format, stamp, out);
    }

    fn outstanding(&self) -> u64 {
        self.clients
            .iter()
            .map(|client| u64::from(client.request.saturating_sub(client.answer)))
            .sum()
    }

    /// Asks no more and waits for the answers that are missing.
    fn finish(&mut self, swarm: &mut Swarm) -> Result<(), SwarmError> {
        self.asking = false;
        let end = clock::now() + PATIENCE;
        while self.outstanding() > 0 && clock::now() < end {
            swarm.turn(Duration::from_millis(20), self)?;
        }
        Ok(())
    }
}

impl Traffic for Echo {
    fn delivered(&mut self, _: usize, _: u32, _: &[u8], _: u64) {
        self.faults.misrouted += 1;
    }

    fn echoed(
        &mut self,
        client: usize,
        sequence: u32,
        payload: &[u8],
        now: u64,
        next: &mut Vec<u8>,
    ) {
        self.answered += 1;
        match self.format.check(payload) {
            Some(stamp) if stamp.publisher != client as u32 => self.faults.misrouted += 1,
            Some(stamp) if stamp.sequence == sequence => {
                let due = &mut self.clients[client].answer;
                self.faults.reordered += u64::from(sequence != *due);
                *due = sequence + 1;
                self.latency.record(now.saturating_sub(stamp.time));
            }
            _ => self.faults.corrupt += 1,
        }
        if self.asking {
            self.ask(client, next);
        }
    }
}

const PATIENCE: u64 = 10_000_000_000;
