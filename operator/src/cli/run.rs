//! `run`: the operator as a service.

use std::process::ExitCode;

use carillon_crds::units::Duration;
use clap::builder::RangedU64ValueParser;
use kube::Config;
use tokio::runtime::Runtime;

pub mod account;
pub mod api;
pub mod election;
pub mod options;
pub mod process;
pub mod ready;
pub mod stop;
pub mod values;

use self::options::Options;
use self::process::Ended;
use self::stop::Stop;
use crate::build::RUNBOOKS;
use crate::logs::{self, Format};
use crate::names::LEASE;

/// How the service runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The namespaces whose RealtimeClusters are kept, with commas between them.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_NAMESPACES",
        value_name = "NAME,…",
        value_delimiter = ',',
        value_parser = values::namespace,
        help = "The namespaces whose RealtimeClusters are kept, with commas between them; absent: all"
    )]
    pub namespaces: Vec<String>,
    /// The Prometheus of RealtimeClusters that name none.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_PROMETHEUS_ADDRESS",
        value_name = "URL",
        value_parser = values::address,
        help = "The base URL of the Prometheus that RealtimeClusters ask which name none"
    )]
    pub prometheus_address: Option<String>,
    /// Where the pages of alerts are.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_RUNBOOK_URL",
        value_name = "URL",
        default_value = RUNBOOKS,
        value_parser = values::address,
        help = "The base URL of the runbooks that alerts and dashboards link to: /NAME of the alert is put behind it"
    )]
    pub runbook_url: String,
    /// The port of `/metrics`, `/livez` and `/readyz`.
    // Not CARILLON_OPERATOR_PORT: a Service of the name carillon-operator puts an address into that.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_HTTP_PORT",
        value_name = "PORT",
        default_value_t = 8080,
        help = "The port of /metrics, /livez and /readyz; 0: the kernel chooses"
    )]
    pub port: u16,
    /// The name of the Lease.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_LEASE_NAME",
        value_name = "NAME",
        default_value = LEASE,
        value_parser = values::name,
        help = "The Lease by which one of several processes leads"
    )]
    pub lease_name: String,
    /// The namespace of the Lease.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_LEASE_NAMESPACE",
        value_name = "NAME",
        value_parser = values::namespace,
        help = "The namespace of the Lease; absent: the pod's own"
    )]
    pub lease_namespace: Option<String>,
    /// How long a Lease lasts without a renewal.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        help = "After so long without a renewal another process takes the Lease: whole seconds, 2s to 1h"
    )]
    pub lease_duration: Duration,
    /// How long a leader tries to renew.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_RENEW_DEADLINE",
        value_name = "DURATION",
        default_value = "10s",
        help = "After so long without a renewal the leader stops writing and ends; shorter than the lease duration"
    )]
    pub renew_deadline: Duration,
    /// The time between two renewals.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_RETRY_PERIOD",
        value_name = "DURATION",
        default_value = "2s",
        help = "The time between two renewals; at most half of the renew deadline"
    )]
    pub retry_period: Duration,
    /// How many fleets are looked at at once.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_CONCURRENCY",
        value_name = "1..256",
        default_value_t = 16,
        value_parser = RangedU64ValueParser::<u16>::new().range(1..=256),
        help = "How many fleets are looked at at once"
    )]
    pub concurrency: u16,
    /// How many fleets take a new default image at once.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_MAX_DEFAULT_IMAGE_ROLLOUTS",
        value_name = "1..1000",
        default_value_t = 1,
        value_parser = RangedU64ValueParser::<u16>::new().range(1..=1000),
        help = "How many fleets whose image follows the operator are rolled at once"
    )]
    pub max_default_image_rollouts: u16,
    /// The tag of the gateway's image.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_DEFAULT_TAG",
        value_name = "TAG",
        default_value = env!("CARGO_PKG_VERSION"),
        value_parser = values::tag,
        help = "The tag of the gateway's image for RealtimeClusters that name none"
    )]
    pub default_tag: String,
    /// The form of log lines.
    #[arg(
        long,
        env = "CARILLON_OPERATOR_LOG_FORMAT",
        value_name = "json|text",
        value_enum,
        hide_possible_values = true,
        help = "The form of log lines; absent: text on a terminal, else json"
    )]
    pub log_format: Option<Format>,
    /// Which log lines are written.
    #[arg(
        long,
        env = "RUST_LOG",
        value_name = "LEVELS",
        default_value = "info",
        value_parser = values::levels,
        help = "off, error, warn, info, debug or trace, for all or by module (info,carillon_operator::lease=debug)"
    )]
    pub log_level: String,
    /// The name of the pod.
    #[arg(
        long,
        env = "POD_NAME",
        value_name = "NAME",
        default_value = "carillon-operator",
        value_parser = values::name,
        help = "The name of this pod, in the Lease and in events"
    )]
    pub pod_name: String,
    /// The namespace of the pod.
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAME",
        value_parser = values::namespace,
        help = "The namespace of this pod; absent: that of its service account"
    )]
    pub pod_namespace: Option<String>,
}

/// Runs until a signal or until it must not go on: 0 after SIGTERM or SIGINT, 1 if it ended otherwise, 2 for a bad flag.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let options = match Options::new(args, account::account()) {
        Ok(options) => options,
        Err(faults) => {
            for fault in faults {
                eprintln!("carillon-operator: {fault}");
            }
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let format = args.log_format.unwrap_or_else(Format::detect);
    if let Err(error) = logs::start(&args.log_level, format) {
        eprintln!("carillon-operator: {error}");
        return ExitCode::from(MISCONFIGURED);
    }
    let ended = Runtime::new()
        .map_err(Ended::Runtime)
        .and_then(|runtime| runtime.block_on(serve(options)));
    match ended {
        Ok(()) => {
            tracing::info!("ended as asked");
            ExitCode::SUCCESS
        }
        Err(ended) => {
            tracing::error!(reason = ended.label(), error = %ended, "this process ends");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), Ended> {
    provide_tls();
    let stop = Stop::on_signals().map_err(Ended::Signals)?;
    let listener = process::listen(options.port).await?;
    let config = Config::infer().await?;
    process::operate(options, config, listener, stop).await
}

/// Says which cryptography TLS uses; whoever says it first is heard.
pub fn provide_tls() {
    let _said_before = rustls::crypto::ring::default_provider().install_default();
}

/// A bad flag.
const MISCONFIGURED: u8 = 2;

#[cfg(test)]
mod tests;
