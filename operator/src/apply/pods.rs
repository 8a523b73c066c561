//! Annotations of pods. Pods belong to their ReplicaSet, so nothing of them is applied: they are patched, bound to their uid.

use carillon_crds::names::kubernetes::MANAGER;
use k8s_openapi::api::core::v1::Pod as ApiPod;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error};
use serde_json::json;

use crate::cache::Index;
use crate::cache::pod::Pod;
use crate::failure::Failure;

/// Sets an annotation of a pod, or removes it. A pod that has gone meanwhile is no failure.
pub async fn annotate(
    client: &Client,
    pods: &Index<Pod>,
    pod: &Pod,
    key: &str,
    value: Option<&str>,
) -> Result<(), Failure> {
    let api: Api<ApiPod> = Api::namespaced(client.clone(), &pod.namespace);
    // With the uid the patch cannot meet another pod of this name.
    let patch = json!({ "metadata": { "uid": pod.uid, "annotations": { key: value } } });
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api.patch(&pod.name, &params, &Patch::Merge(&patch)).await {
        Ok(answer) => {
            pods.put(Pod::new(answer));
            Ok(())
        }
        Err(Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
