//! The command line: one file a command.

use std::io::Write;
use std::process::ExitCode;

use carillon_crds::resource::crd;
use clap::{CommandFactory, Parser, Subcommand};

use crate::names;
use crate::rbac::manifest::{self, Install};

pub mod explain;
pub mod run;
pub mod simulate;
pub mod validate;
pub mod wait;

/// Keeps fleets of Socket.IO gateways to their RealtimeCluster.
#[derive(Debug, Parser)]
#[command(name = "carillon-operator", version)]
struct Cli {
    /// Print the CustomResourceDefinition and end.
    #[arg(long)]
    print_crd: bool,
    /// Print what the operator may do (ServiceAccount, roles, bindings) and end.
    #[arg(long, conflicts_with = "print_crd")]
    print_rbac: bool,
    #[command(flatten)]
    rbac: Rbac,
    #[command(subcommand)]
    command: Option<Command>,
}

/// For whom the roles are.
#[derive(Debug, clap::Args)]
struct Rbac {
    /// With --print-rbac: the namespaces of the fleets, with commas between them; absent: all.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "print_rbac", value_parser = run::values::namespace)]
    namespaces: Vec<String>,
    /// With --print-rbac: the namespace of the operator [default: carillon-system].
    #[arg(long, value_name = "NAME", requires = "print_rbac", value_parser = run::values::namespace)]
    namespace: Option<String>,
    /// With --print-rbac: the name of the Lease [default: carillon-operator].
    #[arg(long, value_name = "NAME", requires = "print_rbac", value_parser = run::values::name)]
    lease_name: Option<String>,
}

impl From<Rbac> for Install {
    fn from(rbac: Rbac) -> Self {
        let Rbac {
            namespaces,
            namespace,
            lease_name,
        } = rbac;
        Self {
            namespace: namespace.unwrap_or_else(|| names::NAMESPACE.to_owned()),
            namespaces,
            lease: lease_name.unwrap_or_else(|| names::LEASE.to_owned()),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the fleets of a Kubernetes cluster to their RealtimeClusters.
    Run(Box<run::Args>),
    /// Wait until a RealtimeCluster is ready: ends with 0 if it is, 1 if it will not be, 3 when the time is up.
    Wait(wait::Args),
    /// Tell every fault of the RealtimeClusters in a file, without a cluster.
    Validate(validate::Args),
    /// Print an object with every field, each explained.
    Explain,
    Simulate(simulate::Simulate),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let Cli {
        print_crd,
        print_rbac,
        rbac,
        command,
    } = Cli::parse();
    if print_crd {
        return print(&crd::yaml());
    }
    if print_rbac {
        return print(&manifest::yaml(&rbac.into()));
    }
    match command {
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Wait(args)) => wait::run(&args),
        Some(Command::Validate(args)) => validate::run(&args),
        Some(Command::Explain) => print(&explain::yaml()),
        Some(Command::Simulate(args)) => simulated(&args),
        None => {
            eprint!("{}", Cli::command().render_help());
            ExitCode::from(2)
        }
    }
}

/// Prints a text; a reader that has seen enough is no fault.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("carillon-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Replays a policy; the exit code tells whether every vector agreed.
fn simulated(args: &simulate::Simulate) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.map_err(Into::into).and_then(|runtime| {
        let mut out = std::io::stdout().lock();
        runtime.block_on(simulate::run(args, &mut out, jiff::Timestamp::now()))
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("carillon-operator: {error}");
            ExitCode::FAILURE
        }
    }
}
