//! The API server at the start: whether it answers, and whether it knows the resource.

use std::error::Error as StdError;
use std::time::Duration;

use carillon_crds::names::kubernetes::KIND;
use carillon_crds::names::{GROUP, VERSION};
use kube::{Client, Error};
use tokio::sync::watch;

/// Returns once the API server knows the resource; until then it says what is missing, and asks again.
pub async fn known(client: &Client, waiting: &watch::Sender<Vec<String>>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(reason) = ask(client).await else {
            return;
        };
        tracing::error!(reason, retry_in = ?pause, "the start waits for the API server");
        waiting.send_replace(vec![reason]);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is missing.
async fn ask(client: &Client) -> Result<(), String> {
    let version = format!("{GROUP}/{VERSION}");
    let request = client.list_api_group_resources(&version);
    let Ok(answer) = tokio::time::timeout(LIMIT, request).await else {
        return Err(format!("the API server does not answer within {LIMIT:?}"));
    };
    match answer {
        Ok(list) if list.resources.iter().any(|resource| resource.kind == KIND) => Ok(()),
        Ok(_) => Err(missing(&version)),
        Err(Error::Api(status)) if status.code == 404 => Err(missing(&version)),
        Err(Error::Api(status)) => Err(format!(
            "the API server refuses this process: {} {}",
            status.code, status.message
        )),
        Err(error) => Err(format!(
            "the API server cannot be reached: {}",
            causes(&error)
        )),
    }
}

fn missing(version: &str) -> String {
    format!(
        "the API server does not know {KIND} of {version}: apply the CustomResourceDefinition (`carillon-operator --print-crd`)"
    )
}

/// An error with its causes: the outermost often says only that there was one.
pub fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

const LIMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
