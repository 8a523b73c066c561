//! The keys of the API: those that the rules declare, and the one of the environment.
//!
//! Secrets in files are read again once a second while calls come in, so that a rotation needs no restart.

use std::{
    ffi::OsStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use carillon_crds::{
    compile::{ApiKey, Rulebook},
    document::{Permission, Secret},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{self, Environment};

/// The keys in force, and where they are read from.
pub struct KeyRing {
    environment: Box<dyn Environment + Send + Sync>,
    own: Option<Arc<Key>>,
    cache: Mutex<Cache>,
}

/// One key. Only a digest of its secret is held.
#[derive(Debug)]
pub struct Key {
    /// What logs and idempotency call it.
    pub name: Arc<str>,
    digest: [u8; 32],
    scope: Scope,
}

#[derive(Debug)]
enum Scope {
    Everything,
    Declared(Box<ApiKey>),
}

/// All keys of one moment.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    keys: Arc<[Arc<Key>]>,
    /// Names of keys whose secret cannot be read now.
    unreadable: Arc<[Arc<str>]>,
}

#[derive(Default)]
struct Cache {
    rules: String,
    read_at: Option<Instant>,
    keys: Keys,
}

impl KeyRing {
    /// Keys of the rules, read through `environment`, and the key `env` of the configuration.
    pub fn new(
        environment: Box<dyn Environment + Send + Sync>,
        own: Option<&config::Secret>,
    ) -> Self {
        let own = own.map(|secret| {
            Arc::new(Key {
                name: OWN.into(),
                digest: digest(secret.expose()),
                scope: Scope::Everything,
            })
        });
        Self {
            environment,
            own,
            cache: Mutex::default(),
        }
    }

    /// The keys that hold now.
    pub fn current(&self, rules: &Rulebook, now: Instant) -> Keys {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: Instant| now.saturating_duration_since(at) < READ_EVERY;
        if cache.rules != rules.hash || !cache.read_at.is_some_and(fresh) {
            let keys = self.read(rules, &cache.keys);
            *cache = Cache {
                rules: rules.hash.clone(),
                read_at: Some(now),
                keys,
            };
        }
        cache.keys.clone()
    }

    fn read(&self, rules: &Rulebook, before: &Keys) -> Keys {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        let mut unreadable: Vec<Arc<str>> = Vec::new();
        for declared in &rules.api_keys {
            let name: Arc<str> = declared.name.as_str().into();
            let digest = match self.secret(&declared.secret) {
                Ok(secret) => Some(digest(&secret)),
                Err(reason) => {
                    if !before.unreadable.contains(&name) {
                        tracing::warn!(key = %name, %reason, "the secret of an API key cannot be read");
                    }
                    unreadable.push(Arc::clone(&name));
                    before.digest(&name)
                }
            };
            keys.extend(digest.map(|digest| {
                Arc::new(Key {
                    name,
                    digest,
                    scope: Scope::Declared(Box::new(declared.clone())),
                })
            }));
        }
        keys.extend(self.own.clone());
        Keys {
            keys: keys.into(),
            unreadable: unreadable.into(),
        }
    }

    fn secret(&self, secret: &Secret) -> Result<String, SecretError> {
        let text = match secret {
            Secret {
                file: Some(path), ..
            } => self.environment.read(path)?,
            Secret {
                env: Some(name), ..
            } => self.variable(name).ok_or(SecretError::NoVariable)?,
            _ => return Err(SecretError::Elsewhere),
        };
        match text.trim() {
            "" => Err(SecretError::Empty),
            text => Ok(text.to_owned()),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let mut variables = self.environment.variables().into_iter();
        let (_, value) = variables.find(|(found, _)| found == OsStr::new(name))?;
        value.into_string().ok()
    }
}

impl Keys {
    /// Whether a key is declared at all, be its secret readable or not.
    pub fn any_declared(&self) -> bool {
        !(self.keys.is_empty() && self.unreadable.is_empty())
    }

    /// The last known secret of a key: one that cannot be read for a while stays good.
    fn digest(&self, name: &str) -> Option<[u8; 32]> {
        let found = self.keys.iter().find(|key| *key.name == *name);
        found.map(|key| key.digest)
    }

    /// A key found before, as it is declared now, if it still is.
    pub fn again(&self, key: &Key) -> Option<Arc<Key>> {
        let same = |known: &&Arc<Key>| known.name == key.name && known.digest == key.digest;
        self.keys.iter().find(same).cloned()
    }

    /// The key of this secret. The time it takes says nothing about secrets: digests are compared, each to its end.
    pub fn find(&self, secret: &str) -> Option<&Arc<Key>> {
        let digest = digest(secret);
        self.keys.iter().fold(None, |found, key| {
            let same = bool::from(key.digest.ct_eq(&digest));
            if same { Some(key) } else { found }
        })
    }
}

impl Key {
    /// Whether it may do this in a namespace (`None`: in any at all).
    pub fn allows(&self, permission: Permission, namespace: Option<&str>) -> bool {
        match (&self.scope, namespace) {
            (Scope::Everything, _) => true,
            (Scope::Declared(key), Some(namespace)) => key.allows(permission, namespace),
            (Scope::Declared(key), None) => key.can.contains(&permission),
        }
    }
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error("the variable is not set")]
    NoVariable,
    #[error("it is empty")]
    Empty,
    #[error("it is neither in a variable nor in a file")]
    Elsewhere,
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

/// The name of the key that the environment gives.
const OWN: &str = "env";
const READ_EVERY: Duration = Duration::from_secs(1);
