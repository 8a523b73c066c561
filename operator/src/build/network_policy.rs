//! Who may reach the pods. What they reach themselves is not restricted.

use carillon_crds::names::kubernetes::label;
use carillon_crds::names::port;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Texts, texts};
use super::names::OPERATOR_COMPONENT;

/// None where the resource does not ask for one.
pub(super) fn build(context: &Context<'_>) -> Option<NetworkPolicy> {
    let policy = &context.spec().network_policy;
    if !policy.enabled {
        return None;
    }
    let rules = vec![
        rule(port::CLIENT, or(&policy.client, Vec::new())),
        rule(port::API, or(&policy.api, vec![of_namespace()])),
        rule(port::PEER, vec![of_pods(context.pods())]),
        rule(port::ADMIN, admin(context)),
    ];
    Some(NetworkPolicy {
        metadata: context.meta(&context.name, Texts::new()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(context.selector()),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(rules),
            ..NetworkPolicySpec::default()
        }),
    })
}

/// Whom the resource names, and the operator, which reads rules and sessions there.
fn admin(context: &Context<'_>) -> Vec<NetworkPolicyPeer> {
    let given = &context.spec().network_policy.admin;
    let operator = context.facts.operator_namespace.map(of_operator);
    if given.is_empty() {
        return vec![of_cluster()];
    }
    given.iter().cloned().chain(operator).collect()
}

fn or(given: &[NetworkPolicyPeer], otherwise: Vec<NetworkPolicyPeer>) -> Vec<NetworkPolicyPeer> {
    if given.is_empty() {
        otherwise
    } else {
        given.to_vec()
    }
}

/// A port for these; for everybody, where there are none.
fn rule(port: u16, from: Vec<NetworkPolicyPeer>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: (!from.is_empty()).then_some(from),
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(port.into())),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]),
    }
}

/// Every pod of the resource's namespace.
fn of_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}

/// Every pod of every namespace.
fn of_cluster() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}

/// The pods of the resource's namespace with these labels.
fn of_pods(labels: Texts) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(selector(labels)),
        ..NetworkPolicyPeer::default()
    }
}

fn of_operator(namespace: &str) -> NetworkPolicyPeer {
    let operator = [
        (label::NAME, label::APP),
        (label::COMPONENT, OPERATOR_COMPONENT),
    ];
    NetworkPolicyPeer {
        namespace_selector: Some(selector(texts([(NAMESPACE_NAME, namespace)]))),
        pod_selector: Some(selector(texts(operator))),
        ..NetworkPolicyPeer::default()
    }
}

fn selector(labels: Texts) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    }
}

/// Every namespace has its name as this label.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
