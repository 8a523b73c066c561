//! The rules in an object: the same document that a gateway reads from a file.

use serde_json::{Map, Value};

use super::{Mounted, RealtimeClusterSpec};
use crate::document::{Document, Secret};
use crate::fault::Faults;
use crate::normal;
use crate::parse;

impl RealtimeClusterSpec {
    /// The rules as written, as one document.
    #[must_use]
    pub fn rules(&self) -> Value {
        let parts = [
            self.engine.as_ref().map(|part| part.value()),
            self.cors.as_ref().map(|part| part.value()),
            self.limits.as_ref().map(|part| part.value()),
            self.upstreams.as_ref().map(|part| part.value()),
            self.schemas.as_ref().map(|part| part.value()),
            self.api_keys.as_ref().map(|part| part.value()),
            Some(self.namespaces.value()),
        ];
        let written = PARTS.iter().zip(parts);
        written
            .filter_map(|(key, part)| Some(((*key).to_owned(), part?.clone())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// The rules as pods read them: every `secretKeyRef` is the file as which it is mounted.
    /// Its form has been checked by the gateway's own parser.
    ///
    /// # Errors
    /// Every fault of its form.
    pub fn document(&self) -> Result<Document, Faults> {
        let parse::Parsed { document, faults } = parse::value(self.rules())?;
        faults.or(mounted(document))
    }

    /// The rules with every check of their meaning, as a gateway makes it when it reads them.
    ///
    /// # Errors
    /// Every fault of form and meaning at once.
    #[cfg(feature = "compile")]
    pub fn rulebook(&self) -> Result<crate::compile::Rulebook, Faults> {
        let parse::Parsed { document, faults } = parse::value(self.rules())?;
        crate::compile::checked(mounted(document), faults)
    }

    /// Every key of a Secret that pods read as a file, sorted, each once.
    ///
    /// # Errors
    /// Every fault of the form of the rules.
    pub fn mounted_secrets(&self) -> Result<Vec<Mounted>, Faults> {
        let parse::Parsed {
            mut document,
            faults,
        } = parse::value(self.rules())?;
        let rules = secrets(&mut document);
        let mut found: Vec<Mounted> = rules
            .into_iter()
            .filter_map(|secret| secret.secret_key_ref.as_ref().map(Mounted::of))
            .chain(self.redis_url_secret())
            .chain(self.redis_ca_secret())
            .collect();
        found.sort();
        found.dedup();
        faults.or(found)
    }

    /// The key that holds the URL of Redis.
    #[must_use]
    pub fn redis_url_secret(&self) -> Option<Mounted> {
        let url = self.redis.url.as_ref()?;
        url.secret_key_ref.as_ref().map(Mounted::of)
    }

    /// The key that holds the certificates by which Redis is trusted.
    #[must_use]
    pub fn redis_ca_secret(&self) -> Option<Mounted> {
        let ca = self.redis.tls.as_ref()?.ca.as_ref()?;
        Some(Mounted::of(&ca.secret_key_ref))
    }
}

/// What the ConfigMap of a fleet holds, and what its pods report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The normal form.
    pub json: String,
    /// The hash of the normal form.
    pub hash: String,
}

impl From<&Document> for Rules {
    fn from(document: &Document) -> Self {
        Self {
            json: normal::json(document),
            hash: normal::hash(document),
        }
    }
}

pub(super) fn mounted(mut document: Document) -> Document {
    for secret in secrets(&mut document) {
        if let Some(reference) = secret.secret_key_ref.take() {
            secret.file = Some(Mounted::of(&reference).path.into());
        }
    }
    document
}

/// Every place of a document that holds a secret.
fn secrets(document: &mut Document) -> Vec<&mut Secret> {
    let upstreams = document.upstreams.iter_mut();
    let mut found: Vec<&mut Secret> = upstreams
        .filter_map(|upstream| upstream.secret.as_mut())
        .collect();
    found.extend(document.api_keys.iter_mut().map(|key| &mut key.secret));
    for auth in document
        .namespaces
        .iter_mut()
        .filter_map(|namespace| namespace.auth.as_mut())
    {
        found.extend(auth.jwt.iter_mut().filter_map(|jwt| jwt.key.as_mut()));
        found.extend(auth.next_auth.as_mut().map(|next| &mut next.secret));
    }
    found
}

/// The keys of a spec that are rules, in the order of the fields.
pub(super) const PARTS: [&str; 7] = [
    "engine",
    "cors",
    "limits",
    "upstreams",
    "schemas",
    "apiKeys",
    "namespaces",
];
