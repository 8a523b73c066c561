//! The ServiceAccount of the pods, which has no rights and no token in them.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::context::Context;

/// None where the resource names one that exists.
pub(super) fn build(context: &Context<'_>) -> Option<ServiceAccount> {
    let spec = &context.spec().service_account;
    spec.name.is_empty().then(|| ServiceAccount {
        metadata: context.meta(&context.name, spec.annotations.clone()),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })
}

/// The name of the one that the pods have.
pub(super) fn name(context: &Context<'_>) -> String {
    let name = &context.spec().service_account.name;
    if name.is_empty() {
        context.name.clone()
    } else {
        name.clone()
    }
}
