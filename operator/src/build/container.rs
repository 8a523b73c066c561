//! The container of the gateway.

use carillon_crds::names::kubernetes::{CONTAINER, port_name};
use carillon_crds::names::{path, port};
use carillon_crds::resource::PullPolicy;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, HTTPGetAction, Probe, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::Context;
use super::{environment, volumes};

pub(super) fn build(context: &Context<'_>) -> Container {
    let cluster = context.input.cluster;
    Container {
        name: CONTAINER.to_owned(),
        image: Some(super::image(cluster, context.facts.default_tag)),
        image_pull_policy: Some(pull_policy(cluster.spec.image.pull_policy).to_owned()),
        env: Some(environment::build(context)),
        ports: Some(PORTS.map(container_port).into()),
        startup_probe: Some(startup()),
        readiness_probe: Some(readiness()),
        liveness_probe: Some(liveness()),
        security_context: Some(security()),
        // What the process says before it ends badly is then in the pod's status.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(volumes::mounts(context)),
        ..Container::default()
    }
}

const PORTS: [(&str, u16); 4] = [
    (port_name::CLIENT, port::CLIENT),
    (port_name::API, port::API),
    (port_name::PEER, port::PEER),
    (port_name::ADMIN, port::ADMIN),
];

fn container_port((name, number): (&str, u16)) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// The process answers as soon as its ports are open, which takes longer where Redis does not answer.
fn startup() -> Probe {
    Probe {
        period_seconds: Some(1),
        timeout_seconds: Some(2),
        failure_threshold: Some(60),
        ..get(path::LIVEZ)
    }
}

/// Asked often: a new pod takes load, and a rollout goes on, as soon as it can.
fn readiness() -> Probe {
    Probe {
        period_seconds: Some(2),
        timeout_seconds: Some(2),
        failure_threshold: Some(2),
        ..get(path::READYZ)
    }
}

/// Patient: a pod that is merely busy has sessions, which a restart would cut.
fn liveness() -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(6),
        ..get(path::LIVEZ)
    }
}

fn get(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port_name::ADMIN.to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// The container's part of the standard `restricted`; the pod has the other.
fn security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

const fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
    }
}
