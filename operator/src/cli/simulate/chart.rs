//! Decisions as text.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::scale::simulation::Step;

const WIDTH: usize = 72;
const HEIGHT: i32 = 10;

/// One decision: when, from how many to how many, why.
pub(super) fn line(out: &mut impl Write, time: Timestamp, step: &Step) -> io::Result<()> {
    let Step { current, decision } = step;
    let desired = decision.desired;
    let sign = match desired.cmp(current) {
        std::cmp::Ordering::Less => '-',
        std::cmp::Ordering::Equal => ' ',
        std::cmp::Ordering::Greater => '+',
    };
    let reason = decision.status.reason.as_deref().unwrap_or_default();
    writeln!(out, "{time} {sign} {current:>4} → {desired:<4} {reason}")
}

/// Bars over time, the highest count of every column.
pub(super) fn bars(out: &mut impl Write, counts: &[i32]) -> io::Result<()> {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let columns: Vec<i32> = counts
        .chunks(counts.len().div_ceil(WIDTH).max(1))
        .filter_map(|chunk| chunk.iter().copied().max())
        .collect();
    let height = HEIGHT.min(most);
    for row in (1..=height).rev() {
        // The least count that reaches this row.
        let level = (most * row + height - 1) / height;
        let bar = |count: &i32| if *count >= level { '█' } else { ' ' };
        let bars: String = columns.iter().map(bar).collect();
        writeln!(out, "{level:>5} │{}", bars.trim_end())?;
    }
    writeln!(out, "    0 └{}", "─".repeat(columns.len()))
}
