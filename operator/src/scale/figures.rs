//! What was measured, as numbers for the operator's own metrics.

use super::hpa::Outcome;
use super::samples::Judged;
use super::settings::{Settings, Target, Wanted};

/// One metric of a decision, in the unit of its target: percent of a utilization.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name, or what is measured.
    pub metric: String,
    /// What was decided on; absent where there is nothing that is trusted.
    pub value: Option<f64>,
    /// What it should be.
    pub target: f64,
}

/// One of each metric.
pub(super) fn figures(settings: &Settings, outcome: &Outcome, judged: &[Judged]) -> Vec<Figure> {
    let figure = |(place, wanted): (usize, &Wanted)| {
        let (target, unit) = match wanted.target {
            Target::Utilization { percent, .. } => (percent.into(), 1.0),
            Target::Average { target, .. } | Target::Value(target) | Target::Total(target) => {
                (target, THOUSANDTHS)
            }
        };
        Figure {
            metric: wanted.to_string(),
            value: measured(outcome, judged, place).map(|measured| measured as f64 / unit),
            target: target as f64 / unit,
        }
    };
    settings.metrics.iter().enumerate().map(figure).collect()
}

/// What was measured of a metric: whole percent of the request, or thousandths.
pub(super) fn measured(outcome: &Outcome, judged: &[Judged], place: usize) -> Option<i64> {
    judged[place].metric.as_ref().ok()?;
    Some(outcome.proposals.get(place)?.as_ref().ok()?.measured)
}

const THOUSANDTHS: f64 = 1000.0;
