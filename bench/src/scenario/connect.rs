//! `connect`: what a connection costs to make, and to have.

use super::{Common, Outcome, seconds};
use crate::report::Report;
use crate::swarm::Ignore;

#[derive(clap::Args)]
pub(super) struct Options {
    /// Seconds from the last join to the reading of the memory.
    #[arg(long, default_value_t = 3.0)]
    settle: f64,
}

impl Options {
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let server = common.server();
        let mut swarm = common.swarm()?;
        let empty = server.memory();
        let before = server.cpu();
        let took = swarm.connect(&mut Ignore)?;
        let cpu = server.cpu().since(&before);
        swarm.rest(seconds(self.settle), &mut Ignore)?;
        let units = swarm.len() as u64;
        Ok(Report {
            units,
            units_per_s: units as f64 / took.as_secs_f64(),
            cpu_us: cpu.per(units),
            cpu,
            latency: swarm.connect_times().quantiles(),
            counters: swarm.counters(),
            memory: Some(server.memory().growth(&empty, swarm.len())),
            ..Report::default()
        })
    }
}
