//! A cluster's results as Markdown tables.

use super::super::metric::{Metric, number};
use super::super::record::{Header, Run, scenarios, servers};
use super::super::stats::{Spread, ratios};
use super::super::table::{dash, faults, markdown, spread, values};
use super::Leg;
use super::catalog::{self, Entry, Kind};
use super::contestant::{counterpart, is_gateway};
use crate::report::{Churn, Report};

/// A server's values, each with its repeat.
type Values = Vec<(usize, f64)>;

/// The runs of one scenario.
struct Scenario<'a> {
    entry: &'static Entry,
    runs: Vec<&'a Run>,
}

/// All servers in one scenario.
pub(super) fn scenario(name: &str, runs: &[Run]) -> String {
    let Some(scenario) = Scenario::of(name, runs) else {
        return format!("`{name}` is no scenario of this version");
    };
    let names = servers(runs);
    let own = |server: &&&str| scenario.runs.iter().any(|run| run.server == **server);
    let names: Vec<&str> = names.iter().filter(own).copied().collect();
    let mut rows = vec![scenario.head()];
    rows.extend(names.iter().map(|server| scenario.row(server)));
    let Entry { about, .. } = scenario.entry;
    let arguments = scenario
        .runs
        .first()
        .map_or("", |run| run.arguments.as_str());
    format!(
        "\n**{name}**: {about} (`carillon-bench load {arguments}`)\n\n{}",
        markdown(&rows)
    )
}

/// The measures that are compared, and the gateway's bounds.
pub(super) fn summary(header: &Header, runs: &[Run]) -> String {
    let names = servers(runs);
    let mut head = vec!["scenario".to_owned(), "measure".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    head.push("must".to_owned());
    let mut rows = vec![head];
    for name in scenarios(runs) {
        if let Some(scenario) = Scenario::of(name, runs) {
            rows.extend(scenario.measures(&names));
        }
    }
    let Header {
        processor,
        cores,
        kernel,
        commit,
    } = header;
    format!(
        "\nTwo pods over Redis: {processor}, {cores} cores, Linux {kernel}, commit {commit}\n\n{}",
        markdown(&rows)
    )
}

impl<'a> Scenario<'a> {
    fn of(name: &str, runs: &'a [Run]) -> Option<Self> {
        Some(Self {
            entry: catalog::find(name)?,
            runs: runs.iter().filter(|run| run.scenario == name).collect(),
        })
    }

    fn leg(&self, leg: Leg) -> Vec<Run> {
        let own = self.runs.iter().filter(|run| run.leg == Some(leg));
        own.map(|run| (*run).clone()).collect()
    }

    fn metric(&self, server: &str, leg: Leg, metric: Metric) -> Values {
        values(&self.leg(leg), server, metric)
    }

    fn churn(&self, server: &str, of: impl Fn(&Churn) -> f64) -> Values {
        let own = self.runs.iter().filter(|run| run.server == server);
        own.filter_map(|run| Some((run.repeat, of(run.report.as_ref()?.churn.as_ref()?))))
            .collect()
    }

    /// Through Redis ÷ without it, of the same repeat.
    fn against_leg(&self, server: &str, leg: Leg) -> Option<Spread> {
        ratios(
            &self.metric(server, Leg::Redis, Metric::CpuUs),
            &self.metric(server, leg, Metric::CpuUs),
        )
    }

    /// Against Node with its adapter; `None` for Node itself.
    fn against_node(&self, server: &str, metric: Metric) -> Option<Spread> {
        let other = counterpart(server);
        if other == server {
            return None;
        }
        ratios(
            &self.metric(server, Leg::Redis, metric),
            &self.metric(&other, Leg::Redis, metric),
        )
    }

    /// Messages that were missed, of all repeats.
    fn lost(&self, server: &str) -> Option<u64> {
        let own = self.runs.iter().filter(|run| run.server == server);
        let lost = own.filter_map(|run| Some(run.report.as_ref()?.faults.lost));
        lost.reduce(|sum, lost| sum + lost)
    }

    fn head(&self) -> Vec<String> {
        let cpu = Metric::CpuUs.title(self.entry.unit);
        let titles: Vec<&str> = match self.entry.kind {
            Kind::Fanout => vec![
                "through Redis",
                "local",
                "÷ local",
                "÷ alone",
                "÷ node",
                "p50 ms",
                "p99 ms",
                "p50 ÷ node",
                "p99 ÷ node",
                "local p99 ms",
            ],
            Kind::Saturate => vec!["deliveries / s", "÷ node", "peak / s", "p50 ms", "p99 ms"],
            Kind::Churn => vec![
                "joins and leaves / s",
                "messages",
                "**missed**",
                "unanswered",
                "ack p50 ms",
                "ack p99 ms",
                "message p50 ms",
                "message p99 ms",
            ],
        };
        let mut head = vec!["server".to_owned(), "runs".to_owned()];
        head.extend(titles.into_iter().map(str::to_owned));
        if self.entry.kind == Kind::Fanout {
            head[2] = format!("{cpu} through Redis");
        } else {
            head.push(cpu);
        }
        head.extend(["pod B CPU %", "generator CPU %", FAULTS].map(str::to_owned));
        if self.entry.kind == Kind::Fanout {
            head.push("the same, local".to_owned());
        }
        head
    }

    fn row(&self, server: &str) -> Vec<String> {
        let metric = |leg, metric| cell(&self.metric(server, leg, metric));
        let through = |of| metric(Leg::Redis, of);
        let node = |of| ratio(self.against_node(server, of));
        let churn = |of: fn(&Churn) -> f64| cell(&self.churn(server, of));
        let mut row = vec![server.to_owned(), self.count(server)];
        row.extend(match self.entry.kind {
            Kind::Fanout => vec![
                through(Metric::CpuUs),
                metric(Leg::Local, Metric::CpuUs),
                self.against_leg(server, Leg::Local)
                    .map_or_else(dash, spread),
                ratio(self.against_leg(server, Leg::Alone)),
                node(Metric::CpuUs),
                through(Metric::P50),
                through(Metric::P99),
                node(Metric::P50),
                node(Metric::P99),
                metric(Leg::Local, Metric::P99),
            ],
            Kind::Saturate => vec![
                through(Metric::PerSecond),
                node(Metric::PerSecond),
                through(Metric::Peak),
                through(Metric::P50),
                through(Metric::P99),
            ],
            Kind::Churn => vec![
                through(Metric::PerSecond),
                churn(|churn| churn.published as f64),
                self.lost(server)
                    .map_or_else(dash, |lost| number(lost as f64)),
                churn(|churn| churn.unanswered as f64),
                churn(|churn| churn.acks.p50_ms),
                churn(|churn| churn.acks.p99_ms),
                through(Metric::P50),
                through(Metric::P99),
            ],
        });
        if self.entry.kind != Kind::Fanout {
            row.push(through(Metric::CpuUs));
        }
        row.extend([through(Metric::ServerPct), through(Metric::GeneratorPct)]);
        row.push(self.faults(server, Leg::Redis));
        if self.entry.kind == Kind::Fanout {
            row.push(self.faults(server, Leg::Local));
        }
        row
    }

    fn faults(&self, server: &str, leg: Leg) -> String {
        let own = self.runs.iter().filter(|run| run.server == server);
        let leg = own.filter(|run| run.leg == Some(leg));
        let reports: Vec<&Report> = leg.filter_map(|run| run.report.as_ref()).collect();
        faults(reports.into_iter())
    }

    /// Runs, all legs together.
    fn count(&self, server: &str) -> String {
        let own = || self.runs.iter().filter(|run| run.server == server);
        let (good, all) = (
            own().filter(|run| run.report.is_some()).count(),
            own().count(),
        );
        if good == all {
            good.to_string()
        } else {
            format!("{good} of {all}")
        }
    }

    /// The summary's rows.
    fn measures(&self, names: &[&str]) -> Vec<Vec<String>> {
        let row = |measure: &str, of: &dyn Fn(&str) -> Option<Spread>, must: String| {
            let mut row = vec![self.entry.name.to_owned(), measure.to_owned()];
            row.extend(names.iter().map(|name| of(name).map_or_else(dash, spread)));
            row.push(must);
            row
        };
        let node = |metric| move |name: &str| self.against_node(name, metric);
        match self.entry.kind {
            Kind::Fanout => {
                let local = |name: &str| self.against_leg(name, Leg::Local);
                let alone = |name: &str| self.against_leg(name, Leg::Alone);
                let must = self.entry.most.map_or_else(String::new, |most| {
                    // Against both, where both were run.
                    let kept = |name: &str| {
                        let alone = alone(name).is_none_or(|ratio| ratio.median <= most);
                        Some(local(name)?.median <= most && alone)
                    };
                    verdicts(&format!("≤ {most}"), names, kept)
                });
                vec![
                    row("CPU / delivery, through Redis ÷ local", &local, must),
                    row(
                        "CPU / delivery, through Redis ÷ alone",
                        &alone,
                        String::new(),
                    ),
                    row("p50 ÷ node", &node(Metric::P50), String::new()),
                    row("p99 ÷ node", &node(Metric::P99), String::new()),
                ]
            }
            Kind::Saturate => {
                let rate = node(Metric::PerSecond);
                vec![row("deliveries / s ÷ node", &rate, String::new())]
            }
            Kind::Churn => {
                let lost = |name: &str| Spread::of(self.lost(name).map(|lost| lost as f64));
                let must = verdicts("0", names, |name| Some(self.lost(name)? == 0));
                vec![row("messages missed, all runs", &lost, must)]
            }
        }
    }
}

/// Which of the gateway's pods keep a bound.
fn verdicts(bound: &str, names: &[&str], kept: impl Fn(&str) -> Option<bool>) -> String {
    let gateways = names.iter().filter(|name| is_gateway(name));
    let verdicts: Vec<String> = gateways
        .filter_map(|name| {
            let verdict = if kept(name)? { "kept" } else { "**missed**" };
            Some(format!("{name} {verdict}"))
        })
        .collect();
    if verdicts.is_empty() {
        return bound.to_owned();
    }
    format!("{bound}: {}", verdicts.join(", "))
}

fn cell(values: &Values) -> String {
    Spread::of(values.iter().map(|(_, value)| *value)).map_or_else(dash, spread)
}

fn ratio(ratio: Option<Spread>) -> String {
    ratio.map_or_else(dash, |ratio| number(ratio.median))
}

const FAULTS: &str = "lost / dup / order / corrupt / cut";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Faults;

    fn run(scenario: &str, server: &str, leg: Leg, repeat: usize, cpu_us: f64) -> Run {
        let report = Report {
            units: 1000,
            units_per_s: 500.0,
            cpu_us,
            ..Report::default()
        };
        Run {
            scenario: scenario.to_owned(),
            server: server.to_owned(),
            repeat,
            leg: Some(leg),
            report: Some(report),
            ..Run::default()
        }
    }

    #[test]
    fn a_fan_out_is_held_against_its_local_leg() {
        let runs = [
            run("redis-1k", "carillon-sharded", Leg::Redis, 0, 4.4),
            run("redis-1k", "carillon-sharded", Leg::Local, 0, 4.0),
            run("redis-1k", "node-sharded", Leg::Redis, 0, 8.8),
            run("redis-1k", "node-sharded", Leg::Local, 0, 8.0),
            run("redis-1k", "carillon-streams", Leg::Redis, 0, 6.0),
            run("redis-1k", "carillon-streams", Leg::Local, 0, 4.0),
        ];
        let table = scenario("redis-1k", &runs);
        let row = "| carillon-sharded | 2 | 4.40 | 4.00 | 1.10 | – | 0.50 |";
        assert!(table.contains(row), "{table}");
        let verdict = "≤ 1.15: carillon-sharded kept, carillon-streams **missed**";
        let summary = summary(&Header::default(), &runs);
        assert!(summary.contains(verdict), "{summary}");
    }

    #[test]
    fn a_missed_message_is_told() {
        let mut missing = run("redis-churn", "carillon-sharded", Leg::Redis, 0, 1.0);
        missing.report = missing.report.map(|report| Report {
            faults: Faults {
                lost: 3,
                ..Faults::default()
            },
            churn: Some(Churn {
                published: 20,
                ..Churn::default()
            }),
            ..report
        });
        let runs = [missing];
        let table = scenario("redis-churn", &runs);
        assert!(
            table.contains("| carillon-sharded | 1 | 500 | 20.0 | 3.00 |"),
            "{table}"
        );
        let summary = summary(&Header::default(), &runs);
        assert!(
            summary.contains("0: carillon-sharded **missed**"),
            "{summary}"
        );
    }
}
