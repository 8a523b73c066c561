//! `carillon-operator simulate`: what the autoscaler would decide, from records or from a Prometheus, and whether it
//! decides as the HPA does.

mod chart;
mod record;
mod replay;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{fs, time};

use carillon_crds::resource::RealtimeCluster;
use carillon_crds::units::Duration;
use jiff::{SignedDuration, Timestamp};

use crate::prometheus;
use crate::scale::hpa::pods::Requests;
use crate::scale::quantity::thousandths;
use crate::scale::settings::{Invalid, Settings};
use crate::scale::simulation::{Model, Moment, Simulation};
use crate::scale::vectors;

/// Shows what the autoscaler would decide, and changes nothing.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Run vectors of the HPA, and end with 1 if one comes out otherwise.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "policy",
        conflicts_with = "policy"
    )]
    pub vectors: Option<PathBuf>,
    /// The RealtimeCluster whose `spec.autoscaling` decides.
    #[arg(long, value_name = "FILE", requires = "samples")]
    pub policy: Option<PathBuf>,
    /// Records (CSV), or the address of a Prometheus (http://…).
    #[arg(long, value_name = "FILE|URL")]
    pub samples: Option<String>,
    /// Pods at the beginning; absent: minReplicas.
    #[arg(long, value_name = "N")]
    pub replicas: Option<i32>,
    /// How long a pod takes to become ready.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub startup: Duration,
    /// What a pod requests of CPU, for a metric in percent of it.
    #[arg(long, value_name = "QUANTITY", default_value = "1")]
    pub cpu_request: String,
    /// What a pod requests of memory, for a metric in percent of it.
    #[arg(long, value_name = "QUANTITY", default_value = "1Gi")]
    pub memory_request: String,
    /// How much of the past is read from a Prometheus.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub last: Duration,
    /// Until when it is read; absent: now.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// A file with a token for the Prometheus.
    #[arg(long, value_name = "FILE")]
    pub bearer_token_file: Option<PathBuf>,
}

/// Why nothing could be simulated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The vectors are no vectors.
    #[error("vectors: {0}")]
    Vectors(#[from] serde_json::Error),
    /// The policy is no RealtimeCluster.
    #[error("policy: {0}")]
    Policy(#[from] serde_yaml::Error),
    /// The RealtimeCluster has no autoscaling.
    #[error("policy: spec.autoscaling is absent")]
    NoAutoscaling,
    /// Its autoscaling is at fault.
    #[error("policy: {0}")]
    Invalid(#[from] Invalid),
    /// An argument is at fault.
    #[error("{0}")]
    Argument(String),
    /// The records are at fault.
    #[error("samples: {0}")]
    Record(#[from] record::Fault),
    /// Prometheus cannot be asked.
    #[error("samples: {0}")]
    Prometheus(#[from] prometheus::Error),
    /// The output is closed.
    #[error("output: {0}")]
    Output(#[from] io::Error),
}

/// Simulates, and prints it; whether all is well.
pub async fn run(args: &Simulate, out: &mut impl Write, now: Timestamp) -> Result<bool, Error> {
    if let Some(path) = &args.vectors {
        return check(&vectors::run(&read(path)?)?, out);
    }
    let (Some(policy), Some(samples)) = (&args.policy, &args.samples) else {
        let message = "simulate needs --vectors, or --policy and --samples";
        return Err(Error::Argument(message.into()));
    };
    let cluster: RealtimeCluster = serde_yaml::from_str(&read(policy)?)?;
    let spec = cluster
        .spec
        .autoscaling
        .as_ref()
        .ok_or(Error::NoAutoscaling)?;
    let settings = Settings::parse(spec)?;
    let moments = if samples.starts_with("http://") || samples.starts_with("https://") {
        let client = prometheus::Client::new(&endpoint(args, samples)?)?;
        let until = args.until.unwrap_or(now);
        let range = (until - signed(args.last), until);
        replay::read(&client, &settings, &cluster.metadata, range).await
    } else {
        record::parse(&read(Path::new(samples))?, &settings)?
    };
    simulate(args, settings, &moments, out)?;
    Ok(true)
}

fn check(report: &vectors::Report, out: &mut impl Write) -> Result<bool, Error> {
    for failure in &report.failures {
        writeln!(out, "{failure}")?;
    }
    let failed = report.failures.len();
    writeln!(out, "{} passed, {failed} failed", report.passed)?;
    Ok(failed == 0)
}

fn simulate(
    args: &Simulate,
    settings: Settings,
    moments: &[Moment],
    out: &mut impl Write,
) -> Result<(), Error> {
    let Some(first) = moments.first() else {
        return Err(Error::Argument(
            "samples: there is nothing to decide".into(),
        ));
    };
    let replicas = args.replicas.unwrap_or(settings.bounds.0);
    if !(0..=10_000).contains(&replicas) {
        let message = format!("--replicas: {replicas} is not within 0 and 10000");
        return Err(Error::Argument(message));
    }
    let model = Model {
        startup: signed(args.startup),
        requests: Requests {
            cpu: Some(quantity("--cpu-request", &args.cpu_request)?),
            memory: Some(quantity("--memory-request", &args.memory_request)?),
        },
    };
    let mut fleet = Simulation::new(settings, replicas, model, first.time);
    let mut counts = Vec::new();
    for moment in moments {
        let step = fleet.step(moment);
        chart::line(out, moment.time, &step)?;
        counts.push(step.decision.desired);
    }
    let seconds = fleet.settings.interval.as_secs();
    writeln!(
        out,
        "\npods wanted, {} decisions {seconds} s apart:",
        counts.len()
    )?;
    chart::bars(out, &counts)?;
    Ok(())
}

fn endpoint(args: &Simulate, address: &str) -> Result<prometheus::Endpoint, Error> {
    let token = args.bearer_token_file.as_deref().map(read).transpose()?;
    Ok(prometheus::Endpoint {
        address: address.to_owned(),
        auth: token.map(|token| prometheus::Auth::Bearer(token.trim().to_owned())),
        tls: prometheus::Tls::default(),
        headers: Vec::new(),
        timeout: time::Duration::from_secs(10),
    })
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::File {
        path: path.to_owned(),
        error,
    })
}

fn quantity(argument: &str, text: &str) -> Result<i64, Error> {
    let value = thousandths(text).filter(|value| *value > 0);
    value.ok_or_else(|| Error::Argument(format!("{argument}: {text:?} is no quantity above 0")))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(duration.millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
