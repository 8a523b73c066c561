//! How many pods may be evicted at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};

use super::context::{Context, Texts};

pub(super) fn build(context: &Context<'_>) -> PodDisruptionBudget {
    let disruption = &context.spec().disruption;
    PodDisruptionBudget {
        metadata: context.meta(&context.name, Texts::new()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(disruption.max_unavailable.clone()),
            selector: Some(context.selector()),
            // A pod that does not work must not keep a node from being emptied.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
