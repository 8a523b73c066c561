//! `idle`: connections that only answer heartbeats.

use super::{Common, Outcome, connected, seconds};
use crate::report::Report;
use crate::swarm::Ignore;

/// Servers that ping every connection an interval after it opened spread their pings as the connections
/// were spread: `--ramp` of one interval makes every server's pings even.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Measured seconds; a multiple of the server's ping interval.
    #[arg(long, default_value_t = 50.0)]
    seconds: f64,
    /// Seconds before them; one interval lets every server find its rhythm.
    #[arg(long, default_value_t = 2.0)]
    settle: f64,
}

impl Options {
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let server = common.server();
        let mut swarm = connected(common.swarm()?)?;
        swarm.rest(seconds(self.settle), &mut Ignore)?;
        let answered = swarm.counters().heartbeats;
        let before = server.cpu();
        swarm.rest(seconds(self.seconds), &mut Ignore)?;
        let cpu = server.cpu().since(&before);
        let units = swarm.counters().heartbeats - answered;
        Ok(Report {
            units,
            units_per_s: units as f64 / cpu.wall_s,
            cpu_us: cpu.per(units),
            cpu,
            counters: swarm.counters(),
            ..Report::default()
        })
    }
}
