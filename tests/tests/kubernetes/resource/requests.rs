//! Requests with strict validation, as `kubectl` sends them.

use std::fmt;

use http::Request;
use kube::Client;
use kube::api::{DeleteParams, PostParams};
use kube::core::{Request as Target, Status};
use serde_json::Value;

/// Asks about the objects of one namespace.
pub(super) struct Requests {
    client: Client,
    path: String,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reason {
    /// The field; empty where the server names none.
    pub(super) path: String,
    /// What is said of it.
    pub(super) message: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Requests {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        let path = format!("/apis/carillon.dev/v1alpha1/namespaces/{namespace}/realtimeclusters");
        Self { client, path }
    }

    /// Creates an object, or only asks whether it may be.
    pub(super) async fn create(&self, object: &Value, dry_run: bool) -> Result<Value, Vec<Reason>> {
        let request = Target::new(&self.path).create(&params(dry_run), object.to_string().into());
        self.send(request.unwrap()).await
    }

    /// Asks whether the object of this name may become this one.
    pub(super) async fn try_replace(&self, object: &Value) -> Result<Value, Vec<Reason>> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let request =
            Target::new(&self.path).replace(name, &params(true), object.to_string().into());
        self.send(request.unwrap()).await
    }

    pub(super) async fn delete(&self, name: &str) {
        let request = Target::new(&self.path).delete(name, &DeleteParams::default());
        let _answer: Value = self.client.request(request.unwrap()).await.unwrap();
    }

    async fn send(&self, mut request: Request<Vec<u8>>) -> Result<Value, Vec<Reason>> {
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict.parse().unwrap();
        match self.client.request(request).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(reasons(&status)),
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

fn params(dry_run: bool) -> PostParams {
    PostParams {
        dry_run,
        ..PostParams::default()
    }
}

/// Every reason of a refusal; a text that is not even read has one without a path.
fn reasons(status: &Status) -> Vec<Reason> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut reasons: Vec<_> = causes
        .map(|cause| Reason {
            path: cause.field.clone(),
            message: cause.message.clone(),
        })
        .collect();
    if reasons.is_empty() {
        reasons.push(Reason {
            path: String::new(),
            message: status.message.clone(),
        });
    }
    reasons
}
