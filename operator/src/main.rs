//! `carillon-operator`: keeps fleets of gateways to their `RealtimeCluster`.

use std::process::ExitCode;

fn main() -> ExitCode {
    carillon_operator::cli::main()
}
