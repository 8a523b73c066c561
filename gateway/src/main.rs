//! The gateway: the life of the process and nothing else.

use std::process::ExitCode;

use carillon_gateway::admin::log::{self, Format};
use carillon_gateway::admin::process;
use carillon_gateway::app::{self, AsyncSignal};
use carillon_gateway::config::{self, Config, Invocation, ProcessEnvironment};
use carillon_gateway::document;
use carillon_gateway::probe;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Sessions come and go in storms: this allocator gives their memory back, and costs less than the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A bad configuration.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let arguments = std::env::args_os();
    match config::parse(arguments, &ProcessEnvironment) {
        Ok(Invocation::Run(config)) => run(*config),
        Ok(Invocation::Check(source)) => document::check(&source),
        Ok(Invocation::Rules(source)) => document::print(&source),
        Ok(Invocation::Probe(probe)) => probe::run(&probe),
        Ok(Invocation::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(faults) => {
            eprintln!("{faults}");
            ExitCode::from(MISCONFIGURED)
        }
    }
}

fn run(config: Config) -> ExitCode {
    let _log = match log::start(config.log.as_str(), Format::detect()) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    if let Err(error) = process::raise_max_fds() {
        tracing::warn!(%error, "the limit of open descriptors could not be raised");
    }
    match app::run(config, Signals::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// SIGTERM and SIGINT. They are registered when first asked for, on the runtime that asks.
#[derive(Default)]
struct Signals(Option<(Signal, Signal)>);

impl AsyncSignal for Signals {
    async fn next(&mut self) {
        if self.0.is_none() {
            let streams = signal(SignalKind::terminate())
                .and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
            self.0 = streams.ok();
        }
        match &mut self.0 {
            Some((term, interrupt)) => {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }
}
