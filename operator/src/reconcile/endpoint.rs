//! The Prometheus of a fleet, secrets included. They are read each time: what rotates is used from the next decision on.

use carillon_crds::document::SecretKeyRef;
use carillon_crds::resource::{Prometheus, SecretSource};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;

use crate::prometheus::{Auth, Endpoint, Tls};

/// Where a fleet's Prometheus is and how it is asked, or why that cannot be known.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    spec: &Prometheus,
    default: Option<&str>,
) -> Result<Endpoint, String> {
    let address = spec.address.as_deref().or(default);
    let address = address.ok_or(
        "no address: neither spec.autoscaling.prometheus.address nor the operator's --prometheus-address is set",
    )?;
    let secrets = Secrets(Api::namespaced(client.clone(), namespace));
    let mut headers = Vec::new();
    for header in &spec.headers {
        let value = match (&header.value, &header.secret_key_ref) {
            (_, Some(reference)) => secrets.text(reference).await?,
            (value, None) => value.clone().unwrap_or_default(),
        };
        headers.push((header.name.clone(), value));
    }
    Ok(Endpoint {
        address: address.to_owned(),
        auth: secrets.auth(spec).await?,
        tls: secrets.tls(spec).await?,
        headers,
        timeout: spec.timeout.get(),
    })
}

struct Secrets(Api<Secret>);

impl Secrets {
    async fn auth(&self, spec: &Prometheus) -> Result<Option<Auth>, String> {
        if let Some(token) = &spec.bearer_token {
            let token = self.text(&token.secret_key_ref).await?;
            return Ok(Some(Auth::Bearer(token.trim().to_owned())));
        }
        let Some(basic) = &spec.basic else {
            return Ok(None);
        };
        let password = self.text(&basic.password.secret_key_ref).await?;
        Ok(Some(Auth::Basic {
            username: basic.username.clone(),
            password: password.trim_end_matches(['\r', '\n']).to_owned(),
        }))
    }

    async fn tls(&self, spec: &Prometheus) -> Result<Tls, String> {
        let Some(tls) = &spec.tls else {
            return Ok(Tls::default());
        };
        let certificate = self.maybe(tls.certificate.as_ref()).await?;
        let key = self.maybe(tls.key.as_ref()).await?;
        Ok(Tls {
            ca: self.maybe(tls.ca.as_ref()).await?,
            identity: certificate.zip(key),
            server_name: tls.server_name.clone(),
        })
    }

    async fn maybe(&self, source: Option<&SecretSource>) -> Result<Option<Vec<u8>>, String> {
        match source {
            Some(source) => self.bytes(&source.secret_key_ref).await.map(Some),
            None => Ok(None),
        }
    }

    async fn text(&self, reference: &SecretKeyRef) -> Result<String, String> {
        let SecretKeyRef { name, key } = reference;
        let bytes = self.bytes(reference).await?;
        String::from_utf8(bytes)
            .map_err(|_| format!("the key {key:?} of the Secret {name:?} is no text"))
    }

    async fn bytes(&self, reference: &SecretKeyRef) -> Result<Vec<u8>, String> {
        let SecretKeyRef { name, key } = reference;
        let secret = self.0.get_opt(name).await;
        let secret =
            secret.map_err(|error| format!("the Secret {name:?} cannot be read: {error}"))?;
        let secret = secret.ok_or_else(|| format!("there is no Secret {name:?}"))?;
        let mut data = secret.data.unwrap_or_default();
        let bytes = data.remove(key);
        bytes
            .map(|bytes| bytes.0)
            .ok_or_else(|| format!("the Secret {name:?} has no key {key:?}"))
    }
}
