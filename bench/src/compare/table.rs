//! Results as Markdown tables: one a scenario, then the gateway against its peers and its targets.

use super::catalog::{self, Entry, Must};
use super::contestant::GATEWAY;
use super::metric::{COLUMNS, Metric, number};
use super::record::{Header, Run, scenarios, servers};
use super::stats::{Spread, ratios};
use crate::report::Report;

/// All servers in one scenario.
pub(super) fn scenario(name: &str, runs: &[Run]) -> String {
    let Some(entry) = catalog::find(name) else {
        return format!("`{name}` is no scenario of this version");
    };
    let runs: Vec<Run> = runs
        .iter()
        .filter(|run| run.scenario == name)
        .cloned()
        .collect();
    let columns: Vec<Metric> = columns(entry, &runs);
    let names = servers(&runs);
    let mut rows = vec![head(entry, &columns, &names)];
    rows.extend(
        names
            .iter()
            .map(|server| row(entry, &columns, &names, server, &runs)),
    );
    let arguments = runs.first().map_or("", |run| run.arguments.as_str());
    format!(
        "\n**{name}**: {} (`carillon-bench load {arguments}`)\n\n{}",
        entry.about,
        markdown(&rows)
    )
}

/// The headline, then whatever at least one report has.
fn columns(entry: &Entry, runs: &[Run]) -> Vec<Metric> {
    let present = |metric: &Metric| {
        runs.iter()
            .filter_map(|run| run.report.as_ref())
            .any(|report| metric.of(report).is_some())
    };
    let others = COLUMNS
        .iter()
        .copied()
        .filter(|metric| *metric != entry.headline && present(metric));
    std::iter::once(entry.headline).chain(others).collect()
}

fn head(entry: &Entry, columns: &[Metric], names: &[&str]) -> Vec<String> {
    let (first, others) = columns
        .split_first()
        .map_or((String::new(), &[][..]), |(first, others)| {
            (first.title(entry.unit), others)
        });
    let mut head = vec!["server".to_owned(), "runs".to_owned(), first];
    head.extend(names.iter().map(|name| format!("÷ {name}")));
    head.extend(others.iter().map(|metric| metric.title(entry.unit)));
    head.push("lost / dup / order / corrupt / cut".to_owned());
    head
}

fn row(
    entry: &Entry,
    columns: &[Metric],
    names: &[&str],
    server: &str,
    runs: &[Run],
) -> Vec<String> {
    let cell = |metric: &Metric| {
        Spread::of(
            values(runs, server, *metric)
                .into_iter()
                .map(|(_, value)| value),
        )
        .map_or_else(dash, spread)
    };
    let ratio = |other: &&str| {
        let ratio = ratios(
            &values(runs, server, entry.headline),
            &values(runs, other, entry.headline),
        );
        if *other == server {
            dash()
        } else {
            ratio.map_or_else(dash, |ratio| number(ratio.median))
        }
    };
    let own: Vec<&Run> = runs.iter().filter(|run| run.server == server).collect();
    let good = own.iter().filter(|run| run.report.is_some()).count();
    let count = if good == own.len() {
        good.to_string()
    } else {
        format!("{good} of {}", own.len())
    };
    let mut row = vec![server.to_owned(), count];
    row.extend(columns.iter().take(1).map(cell));
    row.extend(names.iter().map(ratio));
    row.extend(columns.iter().skip(1).map(cell));
    row.push(faults(own.iter().filter_map(|run| run.report.as_ref())));
    row
}

/// The sums over all runs.
pub(super) fn faults<'a>(reports: impl Iterator<Item = &'a Report>) -> String {
    let mut sums = [0; 5];
    for report in reports {
        let faults = report.faults;
        let corrupt = faults.corrupt + faults.misrouted + report.counters.unexpected;
        let cut = report.counters.dropped + report.counters.failed;
        let own = [
            faults.lost,
            faults.duplicates,
            faults.reordered,
            corrupt,
            cut,
        ];
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    sums.map(|sum| sum.to_string()).join(" / ")
}

/// The gateway against its peers: medians of the ratios of each repeat, and the targets.
pub(super) fn summary(header: &Header, runs: &[Run]) -> String {
    let names = servers(runs);
    let peers: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| *name != GATEWAY)
        .collect();
    let mut head = vec!["scenario".to_owned(), "measure".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    head.extend(peers.iter().map(|peer| format!("{GATEWAY} ÷ {peer}")));
    head.push("must".to_owned());
    let mut rows = vec![head];
    for entry in scenarios(runs).into_iter().filter_map(catalog::find) {
        let own: Vec<Run> = runs
            .iter()
            .filter(|run| run.scenario == entry.name)
            .cloned()
            .collect();
        rows.push(summary_row(entry, entry.headline, &names, &peers, &own));
        if own.iter().any(|run| {
            run.report
                .as_ref()
                .is_some_and(|report| report.memory.is_some())
        }) {
            rows.push(summary_row(entry, Metric::Rss, &names, &peers, &own));
        }
    }
    let Header {
        processor,
        cores,
        kernel,
        commit,
    } = header;
    format!(
        "\n{processor}, {cores} cores, Linux {kernel}, commit {commit}\n\n{}",
        markdown(&rows)
    )
}

fn summary_row(
    entry: &Entry,
    metric: Metric,
    names: &[&str],
    peers: &[&str],
    runs: &[Run],
) -> Vec<String> {
    let median = |name: &&str| {
        let spread = Spread::of(
            values(runs, name, metric)
                .into_iter()
                .map(|(_, value)| value),
        );
        spread.map_or_else(dash, |spread| number(spread.median))
    };
    let against = |peer: &str| ratios(&values(runs, GATEWAY, metric), &values(runs, peer, metric));
    let mut row = vec![entry.name.to_owned(), metric.title(entry.unit)];
    row.extend(names.iter().map(median));
    row.extend(
        peers
            .iter()
            .map(|peer| against(peer).map_or_else(dash, spread)),
    );
    let verdicts = entry.musts.iter().filter_map(|must| {
        let (text, kept) = match *must {
            Must::AtMost(bound, peer) if metric != Metric::Rss => (
                format!("≤ {bound} × {peer}"),
                against(peer)?.median <= bound,
            ),
            Must::AtLeast(bound, peer) if metric != Metric::Rss => (
                format!("≥ {bound} × {peer}"),
                against(peer)?.median >= bound,
            ),
            Must::Rss(bound) if metric == Metric::Rss => {
                let own = Spread::of(
                    values(runs, GATEWAY, metric)
                        .into_iter()
                        .map(|(_, value)| value),
                )?;
                (format!("≤ {}", number(bound)), own.median <= bound)
            }
            _ => return None,
        };
        Some(format!(
            "{text}: {}",
            if kept { "kept" } else { "**missed**" }
        ))
    });
    row.push(verdicts.collect::<Vec<_>>().join("; "));
    row
}

/// A server's values of a metric, each with its repeat.
pub(super) fn values(runs: &[Run], server: &str, metric: Metric) -> Vec<(usize, f64)> {
    let own = runs.iter().filter(|run| run.server == server);
    own.filter_map(|run| Some((run.repeat, metric.of(run.report.as_ref()?)?)))
        .collect()
}

pub(super) fn spread(spread: Spread) -> String {
    let Spread {
        median,
        least,
        most,
    } = spread;
    let (median, least, most) = (number(median), number(least), number(most));
    if least == most {
        median
    } else {
        format!("{median} ({least}..{most})")
    }
}

pub(super) fn dash() -> String {
    "–".to_owned()
}

pub(super) fn markdown(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (at, row) in rows.iter().enumerate() {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
        if at == 0 {
            out.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(server: &str, repeat: usize, cpu_us: f64) -> Run {
        let report = Report {
            units: 1000,
            units_per_s: 500.0,
            cpu_us,
            ..Report::default()
        };
        Run {
            scenario: "echo-1".to_owned(),
            arguments: "echo".to_owned(),
            server: server.to_owned(),
            repeat,
            leg: None,
            report: Some(report),
            error: None,
        }
    }

    fn runs() -> Vec<Run> {
        let failed = Run {
            report: None,
            error: Some("no".to_owned()),
            ..run(GATEWAY, 2, 0.0)
        };
        vec![
            run(GATEWAY, 0, 4.0),
            run("socketioxide", 0, 10.0),
            run(GATEWAY, 1, 6.0),
            run("socketioxide", 1, 20.0),
            failed,
        ]
    }

    #[test]
    fn a_scenario() {
        let table = scenario("echo-1", &runs());
        let row = table
            .lines()
            .find(|line| line.starts_with("| carillon"))
            .expect("a row");
        assert!(
            row.starts_with("| carillon | 2 of 3 | 5.00 (4.00..6.00) | – | 0.35 | 500 |"),
            "{row}"
        );
        assert!(row.ends_with("| 0 / 0 / 0 / 0 / 0 |"), "{row}");
    }

    #[test]
    fn a_summary_judges_the_targets() {
        let table = summary(&Header::default(), &runs());
        assert!(
            table.contains("| 0.35 (0.30..0.40) | ≤ 0.55 × socketioxide: kept |"),
            "{table}"
        );
    }
}
