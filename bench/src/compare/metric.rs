//! The figures of a report that tables show.

use crate::report::Report;

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    CpuUs,
    PerSecond,
    P50,
    P99,
    Rss,
    Pss,
    Slab,
    /// Highest rate of any step, sustained or not.
    Peak,
    ServerPct,
    GeneratorPct,
}

impl Metric {
    pub(super) fn of(self, report: &Report) -> Option<f64> {
        let timed = report.latency.count > 0;
        match self {
            Self::CpuUs => (report.units > 0).then_some(report.cpu_us),
            Self::PerSecond => Some(report.units_per_s),
            Self::P50 => timed.then_some(report.latency.p50_ms),
            Self::P99 => timed.then_some(report.latency.p99_ms),
            Self::Rss => report.memory.map(|memory| memory.rss as f64),
            Self::Pss => report.memory.map(|memory| memory.pss as f64),
            Self::Slab => report.memory.map(|memory| memory.slab as f64),
            Self::Peak => report
                .steps
                .iter()
                .map(|step| step.units_per_s)
                .reduce(f64::max),
            Self::ServerPct => Some(report.cpu.server_pct),
            Self::GeneratorPct => Some(report.cpu.generator_pct),
        }
    }

    pub(super) fn title(self, unit: &str) -> String {
        match self {
            Self::CpuUs => format!("CPU µs / {unit}"),
            Self::PerSecond => format!("{} / s", plural(unit)),
            Self::P50 => "p50 ms".to_owned(),
            Self::P99 => "p99 ms".to_owned(),
            Self::Rss => "RSS B / conn".to_owned(),
            Self::Pss => "PSS B / conn".to_owned(),
            Self::Slab => "kernel B / conn (both ends)".to_owned(),
            Self::Peak => "peak / s".to_owned(),
            Self::ServerPct => "server CPU %".to_owned(),
            Self::GeneratorPct => "generator CPU %".to_owned(),
        }
    }
}

fn plural(unit: &str) -> String {
    match unit.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{unit}s"),
    }
}

/// The columns after the headline, as far as a scenario has them.
pub(super) const COLUMNS: &[Metric] = &[
    Metric::CpuUs,
    Metric::PerSecond,
    Metric::Peak,
    Metric::P50,
    Metric::P99,
    Metric::Rss,
    Metric::Pss,
    Metric::Slab,
    Metric::ServerPct,
    Metric::GeneratorPct,
];

/// A figure with three digits that count.
pub(super) fn number(value: f64) -> String {
    if value.abs() >= 1000.0 {
        return thousands(value);
    }
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (value, expected) in [
            (0.0, "0.00"),
            (4.456, "4.46"),
            (45.67, "45.7"),
            (456.7, "457"),
            (1_234.0, "1,234"),
            (11_234_567.0, "11,234,567"),
            (-4_096.0, "-4,096"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn titles() {
        assert_eq!(Metric::PerSecond.title("delivery"), "deliveries / s");
        assert_eq!(Metric::PerSecond.title("round trip"), "round trips / s");
    }
}
