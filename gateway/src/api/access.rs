//! Who calls, and what for.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, Uri, header, request::Parts},
};
use carillon_crds::{
    compile::{Namespace, Rulebook},
    document::Permission,
};

use super::{
    Api, Door,
    keys::Key,
    media::Media,
    problem::{Code, Problem},
};
use crate::clock;

/// Somebody who may use the API.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// `None`: a caller on this machine, while no key is declared.
    key: Option<Arc<Key>>,
    rules: Arc<Rulebook>,
}

/// The right to do something in a namespace.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    /// The name of the caller's key.
    pub(super) key: Arc<str>,
    /// The namespace.
    pub(super) namespace: Arc<str>,
    /// Its rules.
    pub(super) rules: Arc<Namespace>,
}

impl Caller {
    fn of(parts: &Parts, api: &Api) -> Result<Self, Problem> {
        let rules = api.rules();
        let keys = api.keys.current(&rules, clock::now());
        if !keys.any_declared() {
            if api.door != Door::Loopback {
                return Err(unauthorized(NO_KEY));
            }
            is_no_browsers_trick(parts)?;
            return Ok(Self { key: None, rules });
        }
        let secret = bearer(&parts.headers).ok_or_else(|| unauthorized(NO_BEARER))?;
        let key = keys.find(secret).ok_or_else(|| unauthorized(UNKNOWN_KEY))?;
        Ok(Self {
            key: Some(Arc::clone(key)),
            rules,
        })
    }

    /// The same caller by the rules and keys of now: a stream may outlive both.
    pub(super) fn renewed(&self, api: &Api) -> Result<Self, Problem> {
        let rules = api.rules();
        let keys = api.keys.current(&rules, clock::now());
        let key = match &self.key {
            Some(key) => Some(keys.again(key).ok_or_else(|| unauthorized(UNKNOWN_KEY))?),
            None if keys.any_declared() => return Err(unauthorized(NO_BEARER)),
            None => None,
        };
        Ok(Self { key, rules })
    }

    /// The name of its key; `local` without one.
    pub(super) fn name(&self) -> Arc<str> {
        match &self.key {
            Some(key) => Arc::clone(&key.name),
            None => Arc::from("local"),
        }
    }

    /// The rules in force when it called.
    pub(super) fn rules(&self) -> &Rulebook {
        &self.rules
    }

    /// Demands the right to do something in a namespace.
    pub(super) fn permit(
        &self,
        permission: Permission,
        namespace: &str,
    ) -> Result<Permit, Problem> {
        self.may(permission, Some(namespace))?;
        let rules = self.rules.namespace(namespace);
        Ok(Permit {
            key: self.name(),
            namespace: namespace.into(),
            rules: rules.ok_or_else(|| no_namespace(namespace))?,
        })
    }

    /// Demands the right to do something, wherever (`None`) or in a namespace.
    pub(super) fn may(
        &self,
        permission: Permission,
        namespace: Option<&str>,
    ) -> Result<(), Problem> {
        match &self.key {
            Some(key) if !key.allows(permission, namespace) => {
                let place = namespace.map_or(String::new(), |name| format!(" in {name}"));
                let detail = format!("the key `{}` may not {}{place}", key.name, verb(permission));
                Err(Problem::new(Code::Forbidden, detail))
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        Self::of(parts, api)
    }
}

/// The answer for a namespace that the rules do not have.
pub(super) fn no_namespace(namespace: &str) -> Problem {
    let detail = format!("there is no namespace `{namespace}` in the rules");
    Problem::new(Code::NotFound, detail)
}

/// Without a key, a page in a browser on this machine must not be able to call: it cannot send this type without
/// asking first, and a name that it made resolve to this machine is not ours.
fn is_no_browsers_trick(parts: &Parts) -> Result<(), Problem> {
    if !host(&parts.headers, &parts.uri).is_some_and(is_localhost) {
        return Err(Problem::new(Code::Forbidden, NOT_LOCAL));
    }
    if parts.method == Method::POST && !Media::is_declared(&parts.headers) {
        return Err(Problem::new(Code::UnsupportedMediaType, NO_TYPE));
    }
    Ok(())
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = header.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    port.bytes().all(|b| b.is_ascii_digit()).then_some(name)
}

fn is_localhost(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|local| host.eq_ignore_ascii_case(local))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| secret.trim())
}

fn verb(permission: Permission) -> &'static str {
    match permission {
        Permission::Emit => "emit",
        Permission::Read => "read",
        Permission::Manage => "manage",
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
}

const NO_KEY: &str = "no key is declared: the API answers on its loopback listener only";
const NO_BEARER: &str = "a key is needed: Authorization: Bearer <key>";
const UNKNOWN_KEY: &str = "this key is not known";
const NOT_LOCAL: &str = "without a key the API answers for the host `localhost` only";
const NO_TYPE: &str = "without a key the body must be declared as Content-Type: application/json";
