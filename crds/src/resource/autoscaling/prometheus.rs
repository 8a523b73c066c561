//! The Prometheus that is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::SecretKeyRef;
use crate::resource::secret::SecretSource;
use crate::units::Duration;

/// The Prometheus that is asked. The operator reads its secrets in the object's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Prometheus {
    /// Its base URL; absent: the operator's `--prometheus-address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A token for `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretSource>,
    /// A user and a password instead of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
    /// Certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<PrometheusTls>,
    /// Headers of every request.
    pub headers: Vec<Header>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// A sample that is older is none.
    pub max_age: Duration,
    /// The labels by which the built-in metrics are selected.
    pub labels: Labels,
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretSource,
}

/// Certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PrometheusTls {
    /// The certificates (PEM) that are trusted; absent: the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretSource>,
    /// The operator's own certificate (PEM); with `key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretSource>,
    /// The key of `certificate` (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretSource>,
    /// The name that the server's certificate has to bear; absent: that of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// A header: exactly one of `value` and `secretKeyRef` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("writeOnly" = true))]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A key of a Secret that holds its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// The labels by which the built-in metrics are selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Labels {
    /// The label that holds a pod's namespace.
    pub namespace: String,
    /// The label that holds a pod's name.
    pub pod: String,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            address: None,
            bearer_token: None,
            basic: None,
            tls: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(5),
            max_age: Duration::from_secs(120),
            labels: Labels::default(),
        }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            namespace: "namespace".to_owned(),
            pod: "pod".to_owned(),
        }
    }
}
