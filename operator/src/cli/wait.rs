//! `wait`: until a fleet is as it should be, by a watch. For scripts, and for a hook of a Helm release.

use std::process::ExitCode;

use carillon_crds::names::kubernetes::KIND;
use carillon_crds::resource::{RealtimeCluster, RealtimeClusterStatus};
use carillon_crds::units::Duration;
use futures_util::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client, Config};
use serde::Deserialize;

use super::run::api::causes;
use super::run::{provide_tls, values};

/// What to wait for.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The name of the RealtimeCluster.
    #[arg(value_parser = values::name)]
    name: String,
    /// Its namespace; absent: that of the kubeconfig or of the pod.
    #[arg(short, long, value_name = "NAME", value_parser = values::namespace)]
    namespace: Option<String>,
    /// The condition that has to be true.
    #[arg(long = "for", value_name = "CONDITION", default_value = "Ready")]
    condition: String,
    /// How long at most.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    timeout: Duration,
}

/// How an object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Done(String),
    /// It will not come to that without a person.
    Failed(String),
    /// Not yet.
    Waiting(String),
}

/// Waits: 0 when the condition is true, 1 when it will not become true or the API server refuses, 3 when the time is up.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let waited = match runtime {
        Ok(runtime) => runtime.block_on(wait(args)),
        Err(error) => Err(error.to_string()),
    };
    match waited {
        Ok(Verdict::Done(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Verdict::Waiting(text)) => {
            eprintln!(
                "carillon-operator: not within {:?}: {text}",
                args.timeout.get()
            );
            ExitCode::from(TIMEOUT)
        }
        Ok(Verdict::Failed(text)) | Err(text) => {
            eprintln!("carillon-operator: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The last verdict: `Waiting` if the time was up first.
async fn wait(args: &Args) -> Result<Verdict, String> {
    provide_tls();
    let config = Config::infer()
        .await
        .map_err(|error| format!("no way to an API server: {}", causes(&error)))?;
    let namespace = args.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| causes(&error))?;
    let resource = ApiResource::erase::<RealtimeCluster>(&());
    let api = Api::namespaced_with(client, &namespace, &resource);
    let mut last = Verdict::Waiting("the API server has not answered".to_owned());
    let watched = watched(api, &args.name, &args.condition, &mut last);
    match tokio::time::timeout(args.timeout.get(), watched).await {
        Ok(end) => end.map(|()| last),
        Err(_) => Ok(last),
    }
}

/// Watches until the verdict is final, and says on standard error what it waits for.
async fn watched(
    api: Api<DynamicObject>,
    name: &str,
    condition: &str,
    last: &mut Verdict,
) -> Result<(), String> {
    let mut events = std::pin::pin!(watch_object(api, name).default_backoff());
    while let Some(event) = events.next().await {
        let verdict = match event {
            Ok(object) => decide(name, object.as_ref(), condition),
            Err(error) => Verdict::Waiting(lasting(error)?),
        };
        if let Verdict::Waiting(text) = &verdict
            && verdict != *last
        {
            eprintln!("carillon-operator: waiting: {text}");
        }
        *last = verdict;
        if !matches!(last, Verdict::Waiting(_)) {
            return Ok(());
        }
    }
    Err("the watch has ended".to_owned())
}

/// The text of an error that may pass; an error if it will not.
fn lasting(error: watcher::Error) -> Result<String, String> {
    let text = causes(&error);
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            if matches!(status.code, 401 | 403) =>
        {
            Err(format!("the API server refuses: {}", status.message))
        }
        _ => Ok(text),
    }
}

/// Whether the condition is true of the generation that the object has now.
fn decide(name: &str, object: Option<&DynamicObject>, condition: &str) -> Verdict {
    let Some(object) = object else {
        return Verdict::Waiting(format!("there is no {KIND} {name}"));
    };
    if object.metadata.deletion_timestamp.is_some() {
        return Verdict::Failed(format!("{name} is being deleted"));
    }
    let status = RealtimeClusterStatus::deserialize(&object.data["status"]).unwrap_or_default();
    let generation = object.metadata.generation;
    if generation.is_none() || status.observed_generation != generation {
        let generation = generation.unwrap_or_default();
        return Verdict::Waiting(format!(
            "the operator has not looked at generation {generation} of {name} yet"
        ));
    }
    let find = |kind: &str| {
        let mut conditions = status.conditions.iter();
        conditions.find(|found| found.type_ == kind && is_current(found, generation))
    };
    let stalled = find(STALLED).filter(|found| is_true(found) && condition != STALLED);
    if let Some(stalled) = stalled {
        return Verdict::Failed(format!("{name} is {}", told(stalled)));
    }
    match find(condition) {
        Some(found) if is_true(found) => Verdict::Done(format!("{name} is {}", told(found))),
        Some(found) => Verdict::Waiting(format!("{name} is not {}", told(found))),
        None => Verdict::Waiting(format!("{name} has no condition {condition}")),
    }
}

/// A condition need not say of which generation it is; then it is of the status's.
fn is_current(condition: &Condition, generation: Option<i64>) -> bool {
    condition.observed_generation.is_none() || condition.observed_generation == generation
}

fn is_true(condition: &Condition) -> bool {
    condition.status == "True"
}

fn told(condition: &Condition) -> String {
    let Condition {
        type_,
        reason,
        message,
        ..
    } = condition;
    if message.is_empty() {
        format!("{type_} ({reason})")
    } else {
        format!("{type_} ({reason}): {message}")
    }
}

/// The condition that nothing comes of waiting.
const STALLED: &str = "Stalled";
/// The time was up.
const TIMEOUT: u8 = 3;

#[cfg(test)]
mod tests;
