//! `fanout`: broadcasts at a constant rate.

use super::broadcast::Broadcast;
use super::{Common, Outcome, connected, seconds};
use crate::report::Report;

#[derive(clap::Args)]
pub(super) struct Options {
    /// Messages a second, all rooms together.
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Measured seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds of load before them.
    #[arg(long, default_value_t = 1.5)]
    warmup: f64,
}

impl Options {
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let mut swarm = connected(common.swarm_with(common.rooms)?)?;
        let mut broadcast = Broadcast::new(common);
        broadcast.warm_up(&mut swarm, self.rate, seconds(self.warmup))?;
        let (step, units) = broadcast.measure(
            &mut swarm,
            common.server(),
            self.rate,
            seconds(self.seconds),
            |_| false,
        )?;
        Ok(Report {
            units,
            units_per_s: step.units_per_s,
            cpu_us: step.cpu_us,
            cpu: step.cpu,
            latency: step.latency,
            faults: step.faults,
            counters: swarm.counters(),
            ..Report::default()
        })
    }
}
