//! What the flags come to: checked together, every fault told at once.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use rand::RngExt;

use super::Args;
use super::account::Account;
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
    /// With whom it goes; absent: it stays when the operator is uninstalled.
    pub lease_owner: Option<OwnerReference>,
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
    /// Checks flags; `account` is that of the pod, in a pod.
    pub fn new(args: &Args, account: Option<Account>) -> Result<Self, Vec<String>> {
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
        let (of_account, owner) = account.map(|it| (it.namespace, it.owner)).unzip();
        let own = args.pod_namespace.clone().or(of_account.clone());
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
            // Nothing is owned across namespaces.
            lease_owner: owner
                .flatten()
                .filter(|_| of_account.as_ref() == Some(&lease_namespace)),
            lease_namespace,
            times,
            identity: identity(&args.pod_name),
            instance: args.pod_name.chars().take(LONGEST_INSTANCE).collect(),
            settings: Settings {
                default_tag: args.default_tag.clone(),
                prometheus_address: args.prometheus_address.clone(),
                runbook_url: args.runbook_url.trim_end_matches('/').to_owned(),
                operator_namespace: own,
                concurrency: args.concurrency,
                max_default_image_rollouts: args.max_default_image_rollouts,
                scopes: scopes(&args.namespaces),
            },
        })
    }
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

/// The API server takes no longer `reportingInstance` of an event.
const LONGEST_INSTANCE: usize = 128;
