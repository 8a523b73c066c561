//! Whether the definition of RealtimeClusters that the API server has knows every field that this operator knows.
//!
//! What it does not know the API server drops, and nobody is told. It is read where everybody may read it: among the OpenAPI
//! documents of discovery, so that no right to definitions is needed. Of both only the names of fields are kept, and for a moment:
//! whole schemas would be a third of the memory that a thousand fleets take.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use carillon_crds::names::{GROUP, VERSION};
use kube::{Client, Error};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::metrics::Metrics;

/// How often it is looked whether the documents have changed.
const EVERY: Duration = Duration::from_secs(60);
/// The same while there is none of ours.
const SOON: Duration = Duration::from_secs(2);
/// So many fields are named in a log line.
const NAMED: usize = 5;
/// The definition as it is committed and installed.
const OURS: &str = include_str!("../../crds/realtimecluster.yaml");

/// The fields of a schema, and those below them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    properties: BTreeMap<String, Fields>,
    items: Option<Box<Fields>>,
    additional_properties: Option<Below>,
}

/// What `additionalProperties` says: a schema, or whether there may be any.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Below {
    Any(bool),
    Each(Box<Fields>),
}

/// The index of the documents.
#[derive(Deserialize)]
struct Index {
    paths: BTreeMap<String, Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(rename = "serverRelativeURL")]
    url: String,
}

/// One of them.
#[derive(Deserialize)]
struct Document {
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    schemas: BTreeMap<String, Fields>,
}

/// Compares, and tells by a metric and in the log, for ever.
pub async fn compare_forever(client: Client, metrics: Metrics) -> Infallible {
    let mut compared = None;
    loop {
        match look(&client, compared.as_deref()).await {
            Ok(None) => {}
            Ok(Some((document, missing))) => {
                compared = Some(document);
                metrics.definition_lacks(missing.len());
                if !missing.is_empty() {
                    let fields: Vec<_> = missing.iter().take(NAMED).map(String::as_str).collect();
                    let fields = fields.join(", ");
                    tracing::warn!(
                        missing = missing.len(),
                        fields,
                        "the definition of RealtimeClusters is older than this operator: the API server drops these fields"
                    );
                }
            }
            Err(error) => tracing::debug!(%error, "the definition is not known: as before"),
        }
        // A definition that was just installed is among the documents a little later.
        let pause = if compared.is_some() { EVERY } else { SOON };
        tokio::time::sleep(pause).await;
    }
}

/// What is missing in the document, and which document it is; nothing where that has been compared.
async fn look(
    client: &Client,
    compared: Option<&str>,
) -> Result<Option<(String, BTreeSet<String>)>, Error> {
    let mut index: Index = get(client, "/openapi/v3").await?;
    // It names a digest of what it leads to.
    let place = index.paths.remove(&format!("apis/{GROUP}/{VERSION}"));
    let Some(Place { url }) = place.filter(|place| compared != Some(&place.url)) else {
        return Ok(None);
    };
    let document: Document = get(client, &url).await?;
    let mut schemas = document.components.schemas.into_iter();
    let served = schemas.find(|(name, _)| name.ends_with(".RealtimeCluster"));
    Ok(served.map(|(_, served)| (url, missing(&ours(), &served))))
}

async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Error> {
    let request = axum::http::Request::get(path).body(Vec::new());
    client.request(request.map_err(Error::HttpError)?).await
}

/// The fields that this operator knows.
fn ours() -> Fields {
    #[derive(Deserialize)]
    struct Definition {
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Spec {
        versions: Vec<Version>,
    }
    #[derive(Deserialize)]
    struct Version {
        schema: Schema,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Schema {
        #[serde(rename = "openAPIV3Schema")]
        fields: Fields,
    }
    let definition: Definition = serde_yaml::from_str(OURS).expect("the definition is YAML");
    let mut versions = definition.spec.versions.into_iter();
    let version = versions.next().expect("it has a version");
    version.schema.fields
}

/// What `theirs` lacks of `ours`, by path.
fn missing(ours: &Fields, theirs: &Fields) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    compare(ours, theirs, "", &mut missing);
    missing
}

fn compare(ours: &Fields, theirs: &Fields, path: &str, missing: &mut BTreeSet<String>) {
    for (name, ours) in &ours.properties {
        let path = format!("{path}.{name}");
        match theirs.properties.get(name) {
            Some(theirs) => compare(ours, theirs, &path, missing),
            None => drop(missing.insert(path)),
        }
    }
    if let (Some(ours), Some(theirs)) = (&ours.items, &theirs.items) {
        compare(ours, theirs, &format!("{path}[]"), missing);
    }
    if let (Some(Below::Each(ours)), Some(Below::Each(theirs))) =
        (&ours.additional_properties, &theirs.additional_properties)
    {
        compare(ours, theirs, &format!("{path}{{}}"), missing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_once() {
        let ours = ours();
        assert_eq!(missing(&ours, &ours), BTreeSet::new());
        let mut old = ours.clone();
        let spec = old.properties.get_mut("spec").unwrap();
        spec.properties.remove("drain").unwrap();
        let namespace = spec.properties.get_mut("namespaces").unwrap();
        let namespace = namespace.items.as_mut().unwrap();
        let events = namespace.properties.get_mut("events").unwrap();
        let event = events.items.as_mut().unwrap();
        event.properties.remove("replay").unwrap();
        let expected = [".spec.drain", ".spec.namespaces[].events[].replay"];
        assert_eq!(missing(&ours, &old), expected.map(str::to_owned).into());
    }
}
