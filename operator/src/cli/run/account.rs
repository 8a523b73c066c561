//! The service account of this process, as the kubelet tells it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;

/// A service account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// What is owned by it goes with it; absent where the token does not tell its uid.
    pub owner: Option<OwnerReference>,
}

/// That of the pod, if this process runs in one.
#[must_use]
pub fn account() -> Option<Account> {
    let read = |file| std::fs::read_to_string(Path::new(FOLDER).join(file)).ok();
    let namespace = read("namespace")?.trim().to_owned();
    let owner = read("token").and_then(|token| owner(&token));
    (!namespace.is_empty()).then_some(Account { namespace, owner })
}

/// The account that a token of the API server is for. The token is our own: nobody has to be convinced by it, so its signature
/// is not looked at.
fn owner(token: &str) -> Option<OwnerReference> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(rename = "kubernetes.io")]
        kubernetes: Bound,
    }
    #[derive(Deserialize)]
    struct Bound {
        serviceaccount: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
        uid: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let Named { name, uid } = claims.kubernetes.serviceaccount;
    Some(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        name,
        uid,
        ..OwnerReference::default()
    })
}

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_whose_it_is() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let bound = r#"{"aud":["a"],"kubernetes.io":{"namespace":"n","pod":{"name":"p","uid":"2"},"serviceaccount":{"name":"s","uid":"1"}}}"#;
        let owner_of = |token: &str| owner(token).map(|owner| (owner.kind, owner.name, owner.uid));
        let account = ("ServiceAccount", "s", "1");
        let account = (
            account.0.to_owned(),
            account.1.to_owned(),
            account.2.to_owned(),
        );
        assert_eq!(owner_of(&token(bound)), Some(account));
        for other in [
            "",
            "opaque",
            "e30.?.x",
            &token("{}"),
            &token(r#"{"kubernetes.io":{}}"#),
        ] {
            assert_eq!(owner_of(other), None, "{other}");
        }
    }
}
