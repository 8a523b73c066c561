//! What the flags come to: checked together, every fault told at once.

use std::path::Path;

use rand::RngExt;

use super::Args;
use crate::controller::Settings;
use crate::lease::times::{BadTimes, Times};
use crate::watches::Scope;

/// All that the service is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port of metrics and health.
    pub port: u16,
    /// The name of the Lease.
    pub lease: String,
    /// Its namespace.
    pub lease_namespace: String,
    /// The times of the election.
    pub times: Times,
    /// What the Lease names: different for every process that ever runs.
    pub identity: String,
    /// Who writes events.
    pub instance: String,
    /// What reconciles are told.
    pub settings: Settings,
}

impl Options {
    /// Checks flags; `service_account` is the namespace of the pod's service account, in a pod.
    pub fn new(args: &Args, service_account: Option<String>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let times = Times::new(
            args.lease_duration.get(),
            args.renew_deadline.get(),
            args.retry_period.get(),
        );
        let times = times.unwrap_or_else(|bad| {
            faults.push(format!("{}: {bad}", flag(&bad)));
            Times::default()
        });
        let own = args.pod_namespace.clone().or(service_account);
        let lease_namespace = args.lease_namespace.clone().or_else(|| own.clone());
        if lease_namespace.is_none() {
            faults.push(
                "--lease-namespace: has to be given where there is neither POD_NAMESPACE nor a service account"
                    .to_owned(),
            );
        }
        let Some(lease_namespace) = lease_namespace.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        Ok(Self {
            port: args.port,
            lease: args.lease_name.clone(),
            lease_namespace,
            times,
            identity: identity(&args.pod_name),
            instance: args.pod_name.chars().take(LONGEST_INSTANCE).collect(),
            settings: Settings {
                default_tag: args.default_tag.clone(),
                prometheus_address: args.prometheus_address.clone(),
                operator_namespace: own,
                concurrency: args.concurrency,
                max_default_image_rollouts: args.max_default_image_rollouts,
                scopes: scopes(&args.namespaces),
            },
        })
    }
}

/// The namespace of the service account, if this process runs in a pod.
#[must_use]
pub fn service_account_namespace() -> Option<String> {
    let text = std::fs::read_to_string(Path::new(SERVICE_ACCOUNT)).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A pod may be started again under its name, so a name is not enough.
fn identity(pod: &str) -> String {
    format!("{pod}_{:032x}", rand::rng().random::<u128>())
}

/// Each namespace once; all where none is named.
fn scopes(namespaces: &[String]) -> Vec<Scope> {
    if namespaces.is_empty() {
        return vec![None];
    }
    let mut names = namespaces.to_vec();
    names.sort();
    names.dedup();
    names.into_iter().map(Some).collect()
}

fn flag(bad: &BadTimes) -> &'static str {
    match bad {
        BadTimes::Lease(_) => "--lease-duration",
        BadTimes::Deadline { .. } => "--renew-deadline",
        BadTimes::Retry { .. } => "--retry-period",
    }
}

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The API server takes no longer `reportingInstance` of an event.
const LONGEST_INSTANCE: usize = 128;
