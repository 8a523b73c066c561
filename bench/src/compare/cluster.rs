//! Two pods over a real Redis: what a message costs the pod that only receives it, beside a message of its own.
//!
//! Both pods run on one core, Redis and the generator on another. All receivers are on pod B. In the leg `redis`
//! the publishers are on pod A, so that every delivery has come through Redis; in the leg `local` they are on pod B
//! itself. Both legs of a repeat are neighbours in time, and every run starts Redis and both pods afresh.

mod catalog;
mod contestant;
mod table;

use std::path::{Path, PathBuf};

use catalog::{Entry, Kind};
use contestant::Pods;
use serde::{Deserialize, Serialize};

use super::process::{self, Server};
use super::record::{Header, Results, Run, scenarios};
use super::{Outcome, contestant as servers, rules};
use crate::report::Report;

/// Runs every scenario on two pods of every server in turn and prints the tables.
#[derive(clap::Args)]
pub(crate) struct Cluster {
    /// Scenarios (default: all); `--list` names them.
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
    /// Servers, in the order of their turns: carillon-MODE, node-MODE, with classic, sharded or streams as MODE,
    /// and socketioxide (default: those that are built).
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// A third leg of the fan-outs: pod B without a cluster and without Redis.
    #[arg(long)]
    alone: bool,
    /// Another build of the gateway than the one beside this program.
    #[arg(long)]
    gateway: Option<PathBuf>,
    #[arg(long, default_value = "redis-server")]
    redis_server: String,
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Redis runs here too.
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Where the publishers of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Leg {
    /// On pod A: every delivery has come through Redis.
    Redis,
    /// On pod B, as the receivers; both pods run.
    Local,
    /// On pod B, which runs without a Redis.
    Alone,
}

impl Leg {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Local => "local",
            Self::Alone => "alone",
        }
    }
}

/// Prints the tables of some runs.
pub(super) fn print(header: &Header, runs: &[Run]) {
    for name in scenarios(runs) {
        println!("{}", table::scenario(name, runs));
    }
    println!("{}", table::summary(header, runs));
}

impl Cluster {
    pub(crate) fn run(&self) -> Outcome<()> {
        if self.list {
            catalog::print();
            return Ok(());
        }
        let entries = catalog::select(&self.scenarios)?;
        let all = contestant::select(&self.servers, &self.root, self.gateway.as_deref())?;
        let repeats = self.repeats.unwrap_or(if self.quick { 3 } else { 5 });
        let folder = self.root.join("bench/results");
        let mut results = Results::create(&folder, "cluster", &Header::read(&self.root))?;
        for entry in entries {
            // Who is named takes part everywhere.
            let takes_part = |pods: &&Pods| !self.servers.is_empty() || entry.has(pods.mode);
            for repeat in 0..repeats {
                for pods in all.iter().filter(takes_part) {
                    for leg in self.legs(entry) {
                        let run = self.once(entry, pods, leg, repeat, &folder);
                        eprintln!("{}", run.line());
                        results.add(run)?;
                    }
                }
            }
            println!("{}", table::scenario(entry.name, results.runs()));
        }
        println!("{}", table::summary(results.header(), results.runs()));
        println!("{}", results.path().display());
        Ok(())
    }

    fn legs(&self, entry: &Entry) -> Vec<Leg> {
        match entry.kind {
            Kind::Fanout if self.alone => vec![Leg::Redis, Leg::Local, Leg::Alone],
            Kind::Fanout => vec![Leg::Redis, Leg::Local],
            Kind::Saturate | Kind::Churn => vec![Leg::Redis],
        }
    }

    /// One run; whatever goes wrong is its result.
    fn once(&self, entry: &Entry, pods: &Pods, leg: Leg, repeat: usize, folder: &Path) -> Run {
        let arguments = entry.arguments(self.quick);
        let (report, error) = match self.measure(pods, leg, arguments, folder) {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Run {
            scenario: entry.name.to_owned(),
            arguments: arguments.to_owned(),
            server: pods.server.name.clone(),
            repeat,
            leg: Some(leg),
            report,
            error,
        }
    }

    fn measure(&self, pods: &Pods, leg: Leg, arguments: &str, folder: &Path) -> Outcome<Report> {
        let plain = servers::environment(&rules::document(&self.root, folder, None)?, None);
        // What is dropped first is ended last: the pods before their Redis.
        let redis;
        let environment = if leg == Leg::Alone {
            plain
        } else {
            let log = folder.join("redis.log");
            redis = Server::redis(&self.redis_server, self.generator_core, &log)?;
            pods.environment(plain, redis.address())
        };
        let start = |pod: &str| -> Outcome<Server> {
            let log = folder.join(format!("{}-{pod}.log", pods.server.name));
            let server = Server::start(&pods.server, self.server_core, environment.clone(), &log)?;
            if pods.is_gateway() {
                server.wait_until_ready(&log)?;
            }
            Ok(server)
        };
        let other = match leg {
            Leg::Alone => None,
            Leg::Redis | Leg::Local => Some(start("a")?),
        };
        let receiving = start("b")?;
        let publishing = other.as_ref().filter(|_| leg == Leg::Redis);
        Ok(process::generate(
            &receiving,
            publishing,
            pods.server.dialect,
            self.generator_core,
            arguments,
        )?)
    }
}
