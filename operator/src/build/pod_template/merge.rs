//! What the user's template may change, and what stays ours.

use std::fmt;

use carillon_crds::names::kubernetes::CONTAINER;
use k8s_openapi::DeepMerge;
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::names;

/// A field of the user's template that is the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The place, such as `spec.podTemplate.spec.containers[gateway].image`.
    pub path: String,
    /// Which field of the resource decides instead; empty where none does.
    pub instead: &'static str,
}

/// Lays `theirs` over `ours` as a strategic merge would (lists of named things by name), except for what is ours in any case.
#[must_use]
pub fn merge(
    mut ours: PodTemplateSpec,
    mut theirs: PodTemplateSpec,
) -> (PodTemplateSpec, Vec<Conflict>) {
    let mut guard = Guard::default();
    guard.metadata(&ours, &mut theirs);
    if let (Some(ours), Some(theirs)) = (&ours.spec, &mut theirs.spec) {
        guard.pod(ours, theirs);
    }
    ours.merge_from(theirs);
    (ours, guard.conflicts)
}

/// Takes out of the user's template what is ours, and notes each attempt to have it otherwise.
#[derive(Default)]
struct Guard {
    conflicts: Vec<Conflict>,
}

impl Guard {
    fn note(&mut self, path: impl fmt::Display, instead: &'static str) {
        self.conflicts.push(Conflict {
            path: format!("{ROOT}.{path}"),
            instead,
        });
    }

    /// A single field: theirs goes; it is a conflict unless it says the same.
    fn field<T: PartialEq>(
        &mut self,
        ours: &Option<T>,
        theirs: &mut Option<T>,
        path: impl fmt::Display,
        instead: &'static str,
    ) {
        if let Some(value) = theirs.take()
            && ours.as_ref() != Some(&value)
        {
            self.note(path, instead);
        }
    }

    /// The items of a list that are ours go; each is a conflict unless the list of ours has the same.
    fn items<T: PartialEq>(
        &mut self,
        ours: &Option<Vec<T>>,
        theirs: &mut Option<Vec<T>>,
        is_ours: impl Fn(&T) -> bool,
        path: impl Fn(&T) -> (String, &'static str),
    ) {
        let Some(items) = theirs.as_mut() else { return };
        items.retain(|item| {
            if !is_ours(item) {
                return true;
            }
            if !ours.iter().flatten().any(|own| own == item) {
                let (path, instead) = path(item);
                self.note(path, instead);
            }
            false
        });
    }

    /// Of metadata a template has labels and annotations; a name or an owner would mean nothing.
    fn metadata(&mut self, ours: &PodTemplateSpec, theirs: &mut PodTemplateSpec) {
        let Some(metadata) = theirs.metadata.take() else {
            return;
        };
        let mut kept = ObjectMeta {
            labels: metadata.labels.clone(),
            annotations: metadata.annotations.clone(),
            ..ObjectMeta::default()
        };
        if kept != metadata {
            self.note("metadata", "spec.metadata");
        }
        let own = ours.metadata.clone().unwrap_or_default();
        for (what, own, theirs) in [
            ("labels", own.labels, &mut kept.labels),
            ("annotations", own.annotations, &mut kept.annotations),
        ] {
            let own = own.unwrap_or_default();
            theirs.iter_mut().for_each(|map| {
                map.retain(|key, value| {
                    let reserved = own.get(key);
                    if reserved.is_some_and(|own| own != value) {
                        self.note(format_args!("metadata.{what}[{key}]"), "");
                    }
                    reserved.is_none()
                });
            });
        }
        theirs.metadata = Some(kept);
    }

    fn pod(&mut self, ours: &PodSpec, theirs: &mut PodSpec) {
        self.field(
            &ours.termination_grace_period_seconds,
            &mut theirs.termination_grace_period_seconds,
            "spec.terminationGracePeriodSeconds",
            "spec.drain",
        );
        self.field(
            &ours.enable_service_links,
            &mut theirs.enable_service_links,
            "spec.enableServiceLinks",
            "",
        );
        self.field(
            &ours.automount_service_account_token,
            &mut theirs.automount_service_account_token,
            "spec.automountServiceAccountToken",
            "",
        );
        self.items(
            &ours.volumes,
            &mut theirs.volumes,
            |volume: &Volume| names::is_own_volume(&volume.name),
            |volume| (format!("spec.volumes[{}]", volume.name), ""),
        );
        let own = ours.containers.iter().find(|own| is_gateway(own));
        let gateway = theirs.containers.iter_mut().find(|other| is_gateway(other));
        if let (Some(own), Some(gateway)) = (own, gateway) {
            self.container(own, gateway);
        }
    }

    fn container(&mut self, ours: &Container, theirs: &mut Container) {
        let at = |field: &str| format!("spec.containers[{}].{field}", CONTAINER);
        for (ours, theirs, name, instead) in [
            (&ours.image, &mut theirs.image, "image", "spec.image"),
            (
                &ours.image_pull_policy,
                &mut theirs.image_pull_policy,
                "imagePullPolicy",
                "spec.image.pullPolicy",
            ),
        ] {
            self.field(ours, theirs, at(name), instead);
        }
        self.field(&ours.command, &mut theirs.command, at("command"), "");
        self.field(&ours.args, &mut theirs.args, at("args"), "");
        self.field(&ours.ports, &mut theirs.ports, at("ports"), "");
        for (ours, theirs, name) in [
            (
                &ours.startup_probe,
                &mut theirs.startup_probe,
                "startupProbe",
            ),
            (
                &ours.readiness_probe,
                &mut theirs.readiness_probe,
                "readinessProbe",
            ),
            (
                &ours.liveness_probe,
                &mut theirs.liveness_probe,
                "livenessProbe",
            ),
        ] {
            self.field(ours, theirs, at(name), "");
        }
        self.items(
            &ours.env,
            &mut theirs.env,
            |variable: &EnvVar| names::is_own_variable(&variable.name),
            |variable| {
                let instead = names::decided_by(&variable.name);
                (at(&format!("env[{}]", variable.name)), instead)
            },
        );
        let own: Vec<&str> = ours
            .volume_mounts
            .iter()
            .flatten()
            .map(|m| &*m.mount_path)
            .collect();
        self.items(
            &ours.volume_mounts,
            &mut theirs.volume_mounts,
            |mount| own.contains(&mount.mount_path.trim_end_matches('/')),
            |mount| (at(&format!("volumeMounts[{}]", mount.mount_path)), ""),
        );
    }
}

fn is_gateway(container: &Container) -> bool {
    container.name == CONTAINER
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the operator sets this", self.path)?;
        if !self.instead.is_empty() {
            write!(f, ", by {}", self.instead)?;
        }
        Ok(())
    }
}

const ROOT: &str = "spec.podTemplate";

#[cfg(test)]
mod tests;
