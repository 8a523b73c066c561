//! Which optional kinds the API server knows. They may be installed after the operator.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::{Client, Error};

use crate::build::Kind;

/// How often it is asked.
pub const EVERY: Duration = Duration::from_secs(60);

/// Those of [`Kind::OPTIONAL`] that there are now.
pub async fn optional_kinds(client: &Client) -> Result<BTreeSet<Kind>, Error> {
    let mut found = BTreeSet::new();
    let versions: BTreeSet<_> = Kind::OPTIONAL
        .iter()
        .map(|kind| kind.gvk().api_version())
        .collect();
    for version in versions {
        let list = match client.list_api_group_resources(&version).await {
            Ok(list) => list,
            Err(Error::Api(status)) if status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        let here = Kind::OPTIONAL
            .into_iter()
            .filter(|kind| kind.gvk().api_version() == version);
        found.extend(here.filter(|kind| {
            list.resources
                .iter()
                .any(|resource| resource.kind == kind.name())
        }));
    }
    Ok(found)
}
