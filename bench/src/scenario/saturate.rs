//! `saturate`: the most deliveries a second that a server sustains.

use std::time::Duration;

use super::broadcast::Broadcast;
use super::search::Search;
use super::{Common, Outcome, connected, seconds};
use crate::report::{Faults, Report, Step};
use crate::swarm::{Counters, Swarm, SwarmError};
use crate::usage::Server;

#[derive(clap::Args)]
pub(super) struct Options {
    /// Messages a second to begin with.
    #[arg(long, default_value_t = 40.0)]
    start: f64,
    /// Factor between rates until one fails.
    #[arg(long, default_value_t = 1.6)]
    growth: f64,
    /// Steps between the highest rate that held and the lowest that failed.
    #[arg(long, default_value_t = 3)]
    halvings: u32,
    /// Seconds of each rate.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// A rate has failed when it failed this often in a row: a busy moment of the machine is not the server's limit.
    #[arg(long, default_value_t = 2)]
    tries: u32,
    /// The highest p99 latency of a sustained rate.
    #[arg(long, default_value_t = 100.0)]
    p99_ms: f64,
    /// After the search, offer this many times the highest sustained rate; 0 does not.
    #[arg(long, default_value_t = 0.0)]
    overload: f64,
}

impl Options {
    pub(super) fn run(&self, common: &Common) -> Outcome {
        let mut swarm = connected(common.swarm_with(common.rooms)?)?;
        let mut broadcast = Broadcast::new(common);
        broadcast.warm_up(&mut swarm, self.start, Duration::from_secs(1))?;
        let (mut steps, held) = self.climb(common, &mut swarm, &mut broadcast)?;
        if let Some(held) = held
            && self.overload > 0.0
        {
            let rate = held * self.overload;
            steps.push(self.overload(&mut swarm, &mut broadcast, common.server(), rate)?);
        }
        Ok(report(steps, swarm.counters()))
    }

    /// Every step of the search, and the highest rate that held.
    fn climb(
        &self,
        common: &Common,
        swarm: &mut Swarm,
        broadcast: &mut Broadcast,
    ) -> Result<(Vec<Step>, Option<f64>), SwarmError> {
        let mut search = Search::new(self.start, self.growth, self.halvings);
        let mut steps: Vec<Step> = Vec::new();
        let mut failures = 0;
        loop {
            let step = self.step(common, swarm, broadcast, search.rate())?;
            let (sustained, drained) = (step.sustained, step.faults.lost == 0);
            steps.push(step);
            if !sustained {
                failures += 1;
                swarm.rest(Duration::from_millis(500), broadcast)?;
            }
            let decided = sustained || failures >= self.tries;
            // What is still queued would spoil every later step.
            let over = !drained || steps.len() >= MOST_STEPS;
            if over || decided && !search.advance(sustained) {
                return Ok((steps, search.held()));
            }
            if decided {
                failures = 0;
            }
        }
    }

    fn step(
        &self,
        common: &Common,
        swarm: &mut Swarm,
        broadcast: &mut Broadcast,
        rate: f64,
    ) -> Result<Step, SwarmError> {
        let per_s = rate * common.connections as f64 / f64::from(common.rooms);
        // A step that has already failed would only build a queue that takes long to empty.
        let hopeless = |broadcast: &Broadcast| broadcast.missing() as f64 > per_s * 1.5;
        let duration = seconds(self.seconds);
        let (mut step, _) = broadcast.measure(swarm, common.server(), rate, duration, hopeless)?;
        step.sustained = self.holds(&step);
        Ok(step)
    }

    /// What is on its way when publishing ends, within the latency limit, is no shortfall.
    fn holds(&self, step: &Step) -> bool {
        let on_its_way = self.p99_ms / 1e3 / self.seconds;
        step.latency.p99_ms <= self.p99_ms
            && step.faults.is_clean()
            && step.units_per_s >= step.offered_per_s * (KEEPS_UP - on_its_way)
    }

    fn overload(
        &self,
        swarm: &mut Swarm,
        broadcast: &mut Broadcast,
        server: Server,
        rate: f64,
    ) -> Result<Step, SwarmError> {
        broadcast.drain(swarm)?;
        let (step, _) = broadcast.measure(swarm, server, rate, seconds(self.seconds), |_| false)?;
        Ok(step)
    }
}

/// The figures of the best sustained step and the faults of all steps, less what was lost beyond the limit:
/// that is what the steps are for.
fn report(steps: Vec<Step>, counters: Counters) -> Report {
    let sustained = steps.iter().filter(|step| step.sustained);
    let best = sustained.max_by(|one, other| one.units_per_s.total_cmp(&other.units_per_s));
    let best = best.cloned().unwrap_or_default();
    let faults = steps
        .iter()
        .fold(Faults::default(), |sum, step| sum.plus(&step.faults));
    Report {
        units: best.latency.count,
        units_per_s: best.units_per_s,
        cpu_us: best.cpu_us,
        cpu: best.cpu,
        latency: best.latency,
        faults: Faults { lost: 0, ..faults },
        counters,
        steps,
        ..Report::default()
    }
}

const KEEPS_UP: f64 = 0.97;
const MOST_STEPS: usize = 40;
