//! The project's benchmark: a load generator for realtime servers, and a comparison that runs the gateway
//! beside its peers.

mod clock;
mod compare;
mod frame;
mod histogram;
mod http;
mod ledger;
mod pace;
mod payload;
mod report;
mod scenario;
mod swarm;
mod usage;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "carillon-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put one load on one server that is running; prints one JSON object.
    Load(scenario::Load),
    /// Run the gateway and its peers in turn, each started afresh for every run; prints tables.
    Compare(compare::Compare),
    /// Run two pods of the gateway, and of its peers, over a real Redis; prints tables.
    Cluster(compare::Cluster),
    /// Print the tables of earlier comparisons.
    Table(compare::Table),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Load(load) => load.run(),
        Command::Compare(compare) => compare.run(),
        Command::Cluster(cluster) => cluster.run(),
        Command::Table(table) => table.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("carillon-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
