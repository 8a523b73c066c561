//! Who somebody is: secrets, tokens, roles.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// Where a secret is read from: exactly one of the three. There are no literal secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "writeOnly" = true))]
pub struct Secret {
    /// The name of an environment variable. Exactly one of the three is set.
    #[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub env: Option<String>,
    /// The path of a file.
    #[schemars(length(min = 1))]
    pub file: Option<PathBuf>,
    /// A key of a Kubernetes Secret; in a RealtimeCluster only.
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// A key of a Kubernetes Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// Who may connect to a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Auth {
    /// Whether somebody without identity is refused.
    pub required: bool,
    /// JSON Web Tokens.
    pub jwt: Vec<Jwt>,
    /// The session cookie of NextAuth v4 and Auth.js v5.
    pub next_auth: Option<NextAuth>,
    /// The backend that is asked.
    pub upstream: Option<String>,
    /// Which identities may connect.
    pub allow: Option<Allow>,
}

/// Tokens of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jwt {
    /// The claim `iss`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The claim `aud`.
    #[serde(default)]
    pub audience: Option<String>,
    /// The signatures that are accepted; never HMAC beside public keys.
    #[schemars(length(min = 1))]
    pub algorithms: Vec<Algorithm>,
    /// The issuer's public keys. Exactly one of `jwks` and `key` is set.
    #[serde(default)]
    pub jwks: Option<Jwks>,
    /// The key.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Where the token is looked for, in this order.
    #[serde(default = "token_sources")]
    #[schemars(length(min = 1))]
    pub from: Vec<TokenSource>,
    /// Which claims are the identity.
    #[serde(default)]
    pub claims: Claims,
    /// How far clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Duration,
}

/// A signature algorithm of JSON Web Tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// An issuer's public keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jwks {
    /// Where they are published.
    #[schemars(regex(pattern = "^https?://"))]
    pub url: String,
}

/// Where a token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TokenSource {
    /// The field `token` of the CONNECT payload.
    #[serde(rename = "auth.token")]
    Auth,
    /// The header `Authorization: Bearer`.
    #[serde(rename = "authorization")]
    Authorization,
    /// The query parameter `token`.
    #[serde(rename = "query.token")]
    Query,
}

/// Which claims are the identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Claims {
    /// The claim that is the user's id.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The claim that lists the roles.
    #[schemars(length(min = 1))]
    pub roles: String,
}

/// The session cookie of NextAuth v4 and Auth.js v5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextAuth {
    /// The app's secret.
    pub secret: Secret,
}

/// Which identities may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Allow {
    /// One of these roles.
    pub roles: Vec<String>,
    /// A condition (CEL).
    pub when: Option<String>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            id: "sub".to_owned(),
            roles: "roles".to_owned(),
        }
    }
}

fn token_sources() -> Vec<TokenSource> {
    vec![
        TokenSource::Auth,
        TokenSource::Authorization,
        TokenSource::Query,
    ]
}

const fn leeway() -> Duration {
    Duration::from_secs(0)
}
