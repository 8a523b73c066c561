//! The gateway beside its peers: one server at a time on one core, the generator on another.
//!
//! Runs take turns (A B C D A B C D …), so that a machine whose speed drifts slows all servers alike, and
//! every run starts its server afresh.

mod catalog;
mod cluster;
mod contestant;
mod metric;
mod process;
mod record;
mod rules;
mod stats;
mod table;

use std::error::Error;
use std::path::{Path, PathBuf};

pub(crate) use cluster::Cluster;

use catalog::Entry;
use contestant::Contestant;
use record::{Header, Results, Run};

use crate::report::Report;

/// Runs every scenario on every server in turn and prints the tables.
#[derive(clap::Args)]
pub(crate) struct Compare {
    /// Scenarios (default: all that are marked with *); `--list` names them.
    scenarios: Vec<String>,
    /// Print the scenarios and end.
    #[arg(long)]
    list: bool,
    /// Smaller loads and 3 repeats: for the work on the code, not for figures to publish.
    #[arg(long)]
    quick: bool,
    /// Runs of each server in each scenario (default: 5, quick 3).
    #[arg(long)]
    repeats: Option<usize>,
    /// Servers, in the order of their turns: carillon, socketioxide, node, centrifuge, or NAME=COMMAND for
    /// another Socket.IO server (default: those that are built).
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Prints the tables of earlier comparisons.
#[derive(clap::Args)]
pub(crate) struct Table {
    /// Files of bench/results.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

impl Compare {
    pub(crate) fn run(&self) -> Outcome<()> {
        if self.list {
            catalog::print();
            return Ok(());
        }
        let entries = catalog::select(&self.scenarios)?;
        let contestants = contestant::select(&self.servers, &self.root)?;
        let repeats = self.repeats.unwrap_or(if self.quick { 3 } else { 5 });
        let folder = self.root.join("bench/results");
        let mut results = Results::create(&folder, "comparison", &Header::read(&self.root))?;
        for entry in &entries {
            for repeat in 0..repeats {
                for contestant in &contestants {
                    let run = self.once(entry, contestant, repeat, &folder);
                    eprintln!("{}", run.line());
                    results.add(run)?;
                }
            }
            println!("{}", table::scenario(entry.name, results.runs()));
        }
        println!("{}", table::summary(results.header(), results.runs()));
        println!("{}", results.path().display());
        Ok(())
    }

    /// One run; whatever goes wrong is its result.
    fn once(&self, entry: &Entry, contestant: &Contestant, repeat: usize, folder: &Path) -> Run {
        let arguments = entry.arguments(self.quick);
        let outcome = self.measure(entry, contestant, arguments, folder);
        let (report, error) = match outcome {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Run {
            scenario: entry.name.to_owned(),
            arguments: arguments.to_owned(),
            server: contestant.name.clone(),
            repeat,
            leg: None,
            report,
            error,
        }
    }

    fn measure(
        &self,
        entry: &Entry,
        contestant: &Contestant,
        arguments: &str,
        folder: &Path,
    ) -> Outcome<Report> {
        let ping_interval = entry.ping_interval(self.quick);
        let rules = rules::document(&self.root, folder, ping_interval)?;
        let environment = contestant::environment(&rules, ping_interval);
        let log = folder.join(format!("{}.log", contestant.name));
        let server = process::Server::start(contestant, self.server_core, environment, &log)?;
        Ok(process::generate(
            &server,
            None,
            contestant.dialect,
            self.generator_core,
            arguments,
        )?)
    }
}

impl Table {
    pub(crate) fn run(&self) -> Outcome<()> {
        let (header, runs) = record::read(&self.files)?;
        let (clustered, runs): (Vec<Run>, Vec<Run>) =
            runs.into_iter().partition(|run| run.leg.is_some());
        if !clustered.is_empty() {
            cluster::print(&header, &clustered);
        }
        if runs.is_empty() {
            return Ok(());
        }
        for name in record::scenarios(&runs) {
            println!("{}", table::scenario(name, &runs));
        }
        println!("{}", table::summary(&header, &runs));
        Ok(())
    }
}
