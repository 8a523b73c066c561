//! Secrets of a Kubernetes Secret, and the files as which pods see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::SecretKeyRef;
use crate::names;

/// A secret: a key of a Kubernetes Secret in the object's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("writeOnly" = true))]
pub struct SecretSource {
    /// The key.
    pub secret_key_ref: SecretKeyRef,
}

/// A key of a Secret that pods read as a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mounted {
    /// The Secret's name: one volume.
    pub name: String,
    /// The key in it.
    pub key: String,
    /// Where pods find it.
    pub path: String,
}

impl Mounted {
    /// The file as which pods see a key.
    #[must_use]
    pub fn of(reference: &SecretKeyRef) -> Self {
        let SecretKeyRef { name, key } = reference.clone();
        let path = names::secret_path(&name, &key);
        Self { name, key, path }
    }
}
