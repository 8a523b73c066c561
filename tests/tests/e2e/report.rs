//! What the way was like: `report.md` for people, `report.json` for programs, and a picture of each step.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{Figures, LoadClient as Client, Published, Trace};
use serde_json::{Value, json};

use super::targets::targets;

/// A state that was looked at.
pub(super) struct Step {
    /// What has happened.
    pub(super) name: String,
    /// Until it was so.
    pub(super) took: Duration,
    /// All reconnects until now.
    pub(super) trace: Trace,
    /// What clients saw since the step before.
    pub(super) figures: Figures,
    /// What an administrator sees.
    pub(super) table: String,
    /// Each with its state.
    pub(super) alerts: Vec<String>,
}

/// The steps so far.
#[derive(Default)]
pub(super) struct Report {
    steps: Vec<Value>,
    since: f64,
    connects: Vec<f64>,
    reconnects: Vec<f64>,
    /// Of the steps in which the operator moves clients, the most connections that were lost a second.
    moved: f64,
}

/// Where it is written: `CARILLON_E2E_REPORT`, below the workspace.
fn folder() -> PathBuf {
    let folder = std::env::var("CARILLON_E2E_REPORT");
    let folder = workspace().join(folder.as_deref().unwrap_or("target/e2e"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

impl Report {
    /// A step at which nobody was looked at.
    pub(super) fn note(&mut self, name: &str, began: SystemTime) {
        let took = seconds(began.elapsed().unwrap());
        println!("{took} s: {name}");
        self.steps.push(json!({ "step": name, "seconds": took }));
    }

    /// The file for the picture of the next step.
    pub(super) fn picture(&self) -> PathBuf {
        folder().join(format!("step-{}.png", self.steps.len() + 1))
    }

    /// A step, and the most connections that were lost in it a second.
    pub(super) fn step(&mut self, step: &Step) -> f64 {
        let within = |times: &[f64]| -> Vec<f64> {
            let since = times.partition_point(|time| *time < self.since);
            times[since..].to_vec()
        };
        let (lost, back) = (within(&step.trace.lost), within(&step.trace.back));
        let worst = Trace::worst(&lost);
        let figures = &step.figures;
        let percentile = |times, hundredths| Figures::percentile(times, hundredths).round();
        let row = json!({
            "step": step.name, "seconds": seconds(step.took),
            "lostConnections": lost.len(), "reconnected": back.len(), "mostLostPerSecond": worst,
            "reconnectMs": {
                "p50": percentile(&figures.reconnects, 50), "p99": percentile(&figures.reconnects, 99),
                "max": percentile(&figures.reconnects, 100),
            },
            "connectMs": { "p50": percentile(&figures.connects, 50), "p99": percentile(&figures.connects, 99) },
            "broadcastMs": { "p50": figures.latency[0], "p99": figures.latency[1], "max": figures.latency[2] },
            "longestSilenceMs": figures.silence.round(), "events": figures.received,
            "alerts": step.alerts, "kubectl": step.table,
            "picture": format!("step-{}.png", self.steps.len() + 1),
        });
        println!("{row:#}");
        self.steps.push(row);
        self.since = step.trace.now;
        self.connects.extend(&figures.connects);
        self.reconnects.extend(&figures.reconnects);
        worst
    }

    /// Clients were moved, at the most so many a second.
    pub(super) fn moved(&mut self, worst: f64) {
        self.moved = self.moved.max(worst);
    }

    /// Writes it. Nothing was lost, or the test would not have come here. `is_measured`: each target has to hold.
    pub(super) fn end(
        mut self,
        is_measured: bool,
        published: &BTreeMap<String, Published>,
        seen: &BTreeMap<String, Client>,
        trace: &Trace,
        lines: usize,
    ) {
        self.connects.sort_by(f64::total_cmp);
        self.reconnects.sort_by(f64::total_cmp);
        let publishers: BTreeMap<_, _> = published
            .iter()
            .map(|(name, sent)| {
                let of = |client: &Client| client.received(name);
                let least = seen.values().filter_map(of).min();
                let told = json!({
                    "published": sent.last, "taken": sent.acked.count(), "failures": sent.failures.len(),
                    "leastReceivedByAClient": least,
                });
                (name.clone(), told)
            })
            .collect();
        let reports = seen.values().flat_map(|client| &client.recovered);
        let (recovered, all) =
            reports.fold((0, 0), |(yes, all), it| (yes + usize::from(*it), all + 1));
        let mut report = json!({
            "steps": self.steps, "mostMovedPerSecond": self.moved,
            "clients": seen.len(), "publishers": publishers,
            "lost": 0, "doubled": 0, "reordered": 0,
            "lostConnections": trace.lost.len(), "reconnected": trace.back.len(),
            "recovered": { "sessions": recovered, "of": all },
            "connectMs": { "p50": Figures::percentile(&self.connects, 50).round(), "p99": Figures::percentile(&self.connects, 99).round() },
            "reconnectMs": { "p50": Figures::percentile(&self.reconnects, 50).round(), "p99": Figures::percentile(&self.reconnects, 99).round() },
            "linesWithoutSecrets": lines,
        });
        let targets = targets(&report);
        report["targets"] = targets.clone().into();
        let folder = folder();
        fs::write(folder.join("report.json"), format!("{report:#}\n")).unwrap();
        fs::write(folder.join("report.md"), markdown(&report)).unwrap();
        println!("{}", folder.join("report.md").display());
        assert!(
            trace.back.len() * 100 >= trace.lost.len() * 95,
            "{report:#}"
        );
        let missed: Vec<_> = targets.iter().filter(|it| it["held"] != true).collect();
        assert!(!is_measured || missed.is_empty(), "{missed:#?}");
    }
}

const HEAD: &str = "# From end to end

The report of a run of `make e2e`, written by it: the two charts, the game of [examples/government-sim.yaml](../../examples/government-sim.yaml), its pages in Chromium and clients
behind an nginx that follows the fleet's endpoints, backends by HTTP and by both emitters, on a whole Kubernetes of one node. Ten events a second by each backend, to every client that stays.

";

fn markdown(report: &Value) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| Step | s | connections lost, back | most lost/s in 5 s | reconnect p50, p99, max ms | broadcast p50, p99, max ms | longest silence ms | alerts |\n|---|---|---|---|---|---|---|---|\n");
    let steps = || report["steps"].as_array().into_iter().flatten();
    for step in steps() {
        let name = step["step"].as_str().unwrap();
        let _ = write!(text, "| {name} | {} |", step["seconds"]);
        if step["events"].is_null() {
            text.push_str(" | | | | | |\n");
            continue;
        }
        let number = |pointer: &str| {
            step.pointer(pointer)
                .and_then(Value::as_f64)
                .unwrap_or_default()
        };
        let alerts: Vec<_> = step["alerts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let _ = writeln!(
            text,
            " {}, {} | {:.1} | {:.0}, {:.0}, {:.0} | {:.1}, {:.1}, {:.0} | {:.0} | {} |",
            step["lostConnections"],
            step["reconnected"],
            number("/mostLostPerSecond"),
            number("/reconnectMs/p50"),
            number("/reconnectMs/p99"),
            number("/reconnectMs/max"),
            number("/broadcastMs/p50"),
            number("/broadcastMs/p99"),
            number("/broadcastMs/max"),
            number("/longestSilenceMs"),
            alerts.join(", "),
        );
    }
    sums(&mut text, report);
    for step in steps().filter(|step| !step["events"].is_null()) {
        let (name, table) = (
            step["step"].as_str().unwrap(),
            step["kubectl"].as_str().unwrap().trim_end(),
        );
        let picture = step["picture"].as_str().unwrap();
        let _ = write!(
            text,
            "\n## {name}\n\n```console\n$ kubectl get realtimeclusters\n{table}\n```\n\n![the game's page]({picture})\n"
        );
    }
    text
}

fn sums(text: &mut String, report: &Value) {
    text.push_str("\n| Target | Measured | Held |\n|---|---|---|\n");
    for target in report["targets"].as_array().into_iter().flatten() {
        let word = |field: &str| target[field].as_str().unwrap();
        let held = if target["held"] == true { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| {} | {} | {held} |",
            word("target"),
            word("measured")
        );
    }
    text.push_str("\n| Backend | published | taken | refused | received by each client at least |\n|---|---|---|---|---|\n");
    for (name, told) in report["publishers"].as_object().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            told["published"], told["taken"], told["failures"], told["leastReceivedByAClient"],
        );
    }
    text.push_str("\n`redis-emitter` publishes on channels: at most once, so that nothing of it counts as taken. What is published while Redis is away is refused or reaches the clients of one pod alone.\n");
}
