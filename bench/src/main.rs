//! The project's benchmark: a load generator for realtime servers.

mod clock;
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
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Load(load) => load.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("carillon-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
