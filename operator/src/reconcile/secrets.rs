//! Whether the Secrets are there that pods are to read. A pod that mounts one that is not never starts, so this is seen first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use carillon_crds::resource::Mounted;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;

use super::observe::Seen;
use super::spec::Content;
use crate::failure::Failure;

/// What was seen when it was last looked.
#[derive(Debug)]
pub struct Checked {
    generation: i64,
    at: Instant,
    missing: Vec<String>,
}

impl Checked {
    /// What is missing of `wanted`, a sentence each; it is looked anew for another generation, and while something is missing.
    pub async fn missing<'a>(
        before: &'a mut Option<Self>,
        client: &Client,
        namespace: &str,
        wanted: &[Mounted],
        (generation, now): (i64, Instant),
    ) -> Result<&'a [String], Failure> {
        let holds = before.as_ref().is_some_and(|before| {
            let is_young = now.saturating_duration_since(before.at) < AGAIN;
            before.generation == generation && (before.missing.is_empty() || is_young)
        });
        if !holds {
            let missing = missing(client, namespace, wanted).await?;
            *before = Some(Self {
                generation,
                at: now,
                missing,
            });
        }
        Ok(before.as_ref().map_or(&[], |checked| &checked.missing))
    }
}

async fn missing(
    client: &Client,
    namespace: &str,
    wanted: &[Mounted],
) -> Result<Vec<String>, Failure> {
    let mut by_name: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Mounted { name, key, .. } in wanted {
        by_name.entry(name).or_default().insert(key);
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut missing = Vec::new();
    for (name, keys) in by_name {
        let Some(secret) = secrets.get_opt(name).await? else {
            missing.push(format!("there is no Secret {name:?}"));
            continue;
        };
        let data = secret.data.unwrap_or_default();
        let absent = keys.into_iter().filter(|key| !data.contains_key(*key));
        missing.extend(absent.map(|key| format!("the Secret {name:?} has no key {key:?}")));
    }
    Ok(missing)
}

/// What pods mount, and whether the rules can be published yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mounts {
    /// What the rules and the connection need.
    pub needed: BTreeSet<String>,
    /// That, and what is mounted already: a Secret that is no longer needed restarts nothing.
    pub all: BTreeSet<String>,
    /// Every pod that takes part has what is needed. Until then the old rules stay, and with them what they need.
    pub are_there: bool,
}

impl Mounts {
    /// Compares what is needed with what is seen.
    #[must_use]
    pub(super) fn of(content: &Content, seen: &Seen) -> Self {
        let names = content.secrets.iter().map(|secret| secret.name.clone());
        Self::of_names(names.collect(), seen)
    }

    fn of_names(needed: BTreeSet<String>, seen: &Seen) -> Self {
        let mounted = seen.deployment.as_ref().map(|one| one.secrets.clone());
        let mounted = mounted.unwrap_or_default();
        let has_all = |mounts: &[String]| needed.iter().all(|name| mounts.contains(name));
        Self {
            are_there: seen.live().all(|pod| has_all(&pod.secrets)),
            all: needed.union(&mounted).cloned().collect(),
            needed,
        }
    }
}

/// How often it is looked for what is missing.
const AGAIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::cache::pod::Pod;
    use crate::reconcile::observe::Deployment;

    fn pod(secrets: &[&str], terminating: bool) -> Arc<Pod> {
        let volumes: Vec<_> = secrets
            .iter()
            .map(|name| json!({ "name": format!("secret-{name}"), "secret": { "secretName": name } }))
            .collect();
        let mut pod = json!({ "metadata": { "name": "p" }, "spec": { "containers": [], "volumes": volumes } });
        if terminating {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        Arc::new(Pod::new(serde_json::from_value(pod).expect("a pod")))
    }

    #[test]
    fn new_rules_wait_until_every_pod_has_their_secrets() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let cases: [(&[&str], &[&str], Vec<Arc<Pod>>, &[&str], bool); 5] = [
            (&["a"], &["a"], vec![pod(&["a"], false)], &["a"], true),
            (
                &["a", "b"],
                &["a"],
                vec![pod(&["a"], false)],
                &["a", "b"],
                false,
            ),
            (
                &["b"],
                &["a", "b"],
                vec![pod(&["a", "b"], false), pod(&["a"], false)],
                &["a", "b"],
                false,
            ),
            (
                &["b"],
                &["a", "b"],
                vec![pod(&["a", "b"], false), pod(&["a"], true)],
                &["a", "b"],
                true,
            ),
            (&["b"], &[], vec![], &["b"], true),
        ];
        for (needed, mounted, pods, all, are_there) in cases {
            let seen = Seen {
                deployment: Some(Deployment::with_secrets(mounted)),
                pods,
                published: None,
            };
            let found = Mounts::of_names(names(needed), &seen);
            let expected = Mounts {
                needed: names(needed),
                all: names(all),
                are_there,
            };
            assert_eq!(found, expected);
        }
    }
}
