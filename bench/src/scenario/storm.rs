//! `storm`: all connections are cut at once and dialled again.

use super::{Common, Outcome, connected, seconds};
use crate::report::{Report, Step};
use crate::swarm::{Cut, Ignore};

#[derive(clap::Args)]
pub(super) struct Options {
    #[arg(long, value_enum, default_value = "reset")]
    cut: Cut,
    /// Storms, one after the other.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Quiet seconds before each.
    #[arg(long, default_value_t = 2.0)]
    pause: f64,
}

impl Options {
    /// The report's figures are those of the storm with the median rate.
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let server = common.server();
        let mut swarm = connected(common.swarm()?)?;
        let units = swarm.len() as u64;
        let mut steps = Vec::new();
        for _ in 0..self.repeats.max(1) {
            swarm.rest(seconds(self.pause), &mut Ignore)?;
            swarm.connect_times().clear();
            let before = server.cpu();
            swarm.cut(self.cut);
            let took = swarm.connect(&mut Ignore)?;
            let cpu = server.cpu().since(&before);
            let per_s = units as f64 / took.as_secs_f64();
            steps.push(Step {
                offered_per_s: per_s,
                units_per_s: per_s,
                cpu_us: cpu.per(units),
                cpu,
                latency: swarm.connect_times().quantiles(),
                sustained: true,
                rss: server.memory().rss,
                ..Step::default()
            });
        }
        let mut by_rate = steps.clone();
        by_rate.sort_by(|one, other| one.units_per_s.total_cmp(&other.units_per_s));
        let median = by_rate.swap_remove(by_rate.len() / 2);
        Ok(Report {
            units,
            units_per_s: median.units_per_s,
            cpu_us: median.cpu_us,
            cpu: median.cpu,
            latency: median.latency,
            counters: swarm.counters(),
            steps,
            ..Report::default()
        })
    }
}
