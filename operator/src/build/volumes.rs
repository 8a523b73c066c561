//! What a pod has mounted: the rules, each Secret whole, and a place to write.

use carillon_crds::names::kubernetes::{mount, rules_config_map, volume};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, SecretVolumeSource, Volume, VolumeMount,
};

use super::context::Context;
use super::names::secret_volume;

/// The volumes.
pub(super) fn volumes(context: &Context<'_>) -> Vec<Volume> {
    let rules = Volume {
        name: volume::RULES.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: rules_config_map(&context.name),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let tmp = Volume {
        name: volume::TMP.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    let secrets = context.facts.secrets.iter().map(|secret| Volume {
        name: secret_volume(secret),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.clone()),
            // The operator has seen it before it mounts it. Later it may be deleted because no rule needs it any more:
            // that must keep no new pod from starting.
            optional: Some(true),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    });
    [rules, tmp].into_iter().chain(secrets).collect()
}

/// Where they are. Nothing is mounted by `subPath`: that would freeze what is to follow its source.
pub(super) fn mounts(context: &Context<'_>) -> Vec<VolumeMount> {
    let read_only = |name: String, path: String| VolumeMount {
        name,
        mount_path: path,
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let rules = read_only(volume::RULES.to_owned(), mount::RULES.to_owned());
    let tmp = VolumeMount {
        name: volume::TMP.to_owned(),
        mount_path: mount::TMP.to_owned(),
        ..VolumeMount::default()
    };
    let secrets = context.facts.secrets.iter().map(|secret| {
        let path = format!("{}/{secret}", mount::SECRETS);
        read_only(secret_volume(secret), path)
    });
    [rules, tmp].into_iter().chain(secrets).collect()
}
