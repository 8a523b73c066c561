//! The Deployment. Its template depends on the resource and on the Secrets to mount, never on the operator's version, unless
//! the image follows it: whatever else changed it would restart every fleet when the operator is updated.

use std::time::Duration;

use carillon_crds::names::kubernetes::annotation;
use carillon_crds::resource::{RealtimeClusterSpec, RedisMode};
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Texts, texts};
use super::pod_template::{self, Conflict};
use super::{container, service_account, volumes};

pub(super) fn build(context: &Context<'_>) -> (Deployment, Vec<Conflict>) {
    let theirs = context.input.pod_template.clone();
    let (template, conflicts) = pod_template::merge(template(context), theirs);
    let rollout = &context.spec().rollout;
    let spec = DeploymentSpec {
        replicas: context.facts.replicas,
        paused: context.facts.paused,
        selector: context.selector(),
        strategy: Some(strategy(context)),
        min_ready_seconds: Some(rollout.min_ready_seconds),
        progress_deadline_seconds: Some(seconds(rollout.progress_deadline.get())),
        template,
        ..DeploymentSpec::default()
    };
    let deployment = Deployment {
        metadata: context.meta(&context.name, Texts::new()),
        spec: Some(spec),
        ..Deployment::default()
    };
    (deployment, conflicts)
}

/// A new pod is ready before an old one goes. On the memory bus there is one, so one more is enough.
fn strategy(context: &Context<'_>) -> DeploymentStrategy {
    let surge = if context.is_alone() {
        IntOrString::Int(1)
    } else {
        context.spec().rollout.max_surge.clone()
    };
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(surge),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}

fn template(context: &Context<'_>) -> PodTemplateSpec {
    let restarted = context.input.cluster.metadata.annotations.as_ref();
    let restarted = restarted.and_then(|all| all.get(annotation::RESTARTED_AT));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(context.labels()),
            annotations: restarted.map(|at| texts([(annotation::RESTARTED_AT, at.as_str())])),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(context)),
    }
}

fn pod(context: &Context<'_>) -> PodSpec {
    let secrets = context.spec().image.pull_secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|secret| LocalObjectReference {
            name: secret.name.clone(),
        })
        .collect();
    PodSpec {
        service_account_name: Some(service_account::name(context)),
        automount_service_account_token: Some(false),
        // A Service called `carillon-api` would set CARILLON_API_PORT.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(seconds(grace(context.spec())).into()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        topology_spread_constraints: Some(SPREAD.map(|key| spread(context, key)).into()),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        containers: vec![container::build(context)],
        volumes: Some(volumes::volumes(context)),
        ..PodSpec::default()
    }
}

/// The drain, and what a process needs besides to flush and to end.
pub(crate) fn grace(spec: &RealtimeClusterSpec) -> Duration {
    let hold = spec.drain.hold.get();
    match spec.redis.mode {
        RedisMode::Memory => hold + GRACE_ALONE,
        _ => hold + spec.drain.timeout.get() + GRACE,
    }
}

const GRACE: Duration = Duration::from_secs(10);
/// With the drain, which is short there.
const GRACE_ALONE: Duration = Duration::from_secs(20);

/// Over nodes and zones as well as it can be had; a pod that cannot be spread is better than none.
fn spread(context: &Context<'_>, key: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        topology_key: key.to_owned(),
        max_skew: 1,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(context.selector()),
        // Of a rollout only the new pods count: the old ones will be gone.
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        ..TopologySpreadConstraint::default()
    }
}

const SPREAD: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> i32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}
