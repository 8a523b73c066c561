//! How each block of commands is proven to do what its page says.

use super::Name;
use super::names::{
    AUTOSCALING, CHART, CLUSTER, FLEET_CHART, HOSTS, HTTP_API, METRICS, OPERATIONS, OPERATOR,
    QUICKSTART, README, RESOURCE, TROUBLESHOOTING,
};

/// A way to prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// `docs::commands` types it on this machine.
    Here,
    /// `documented` of the binary `e2e` types it on a Kubernetes.
    Kubernetes,
    /// The test in this file types it.
    By(&'static str),
    /// No test can, for this reason.
    Unproven(&'static str),
}

use Proof::{By, Here, Kubernetes, Unproven};

const BY_HAND: Proof = By("tests/tests/cluster_gateway/by_hand.rs");
const BY_HOSTS: Proof = By("tests/tests/packaging/hosts.rs");
const MAKE: Proof = Unproven("make builds a release, and runs the tests, this one among them");
const DOCKER: Proof = Unproven("docker is not there");
const KIND: Proof = Unproven("kind is not there, and needs docker");

/// Every block of every page; a test compares them.
pub const PROOFS: &[(Name, Proof)] = &[
    (("CONTRIBUTING.md", "make check"), MAKE),
    ((README, "make run"), MAKE),
    ((README, "curl -sS http://localhost:3001/v1/emit"), Here),
    ((README, "curl -sS \"http://localhost:3001/v1/rooms"), Here),
    ((README, "carillon-gateway check"), Here),
    ((README, "helm install carillon "), Kubernetes),
    ((QUICKSTART, "make run"), Here),
    ((QUICKSTART, "carillon-gateway check"), Here),
    ((QUICKSTART, "carillon-gateway probe"), Here),
    ((QUICKSTART, "helm install carillon "), Kubernetes),
    (
        (QUICKSTART, "kubectl --namespace chat port-forward"),
        Kubernetes,
    ),
    ((QUICKSTART, "KEY="), Kubernetes),
    ((HTTP_API, "curl -sS http://localhost:3002/v1/emit"), Here),
    (
        (HTTP_API, "curl -si 'http://localhost:3001/v1/events"),
        Here,
    ),
    ((AUTOSCALING, "carillon-operator simulate"), Here),
    ((CLUSTER, "redis-server"), BY_HAND),
    ((CLUSTER, "curl -sS"), BY_HAND),
    ((CLUSTER, "redis-cli ACL"), Here),
    ((OPERATIONS, "helm upgrade carillon "), Kubernetes),
    ((OPERATIONS, "helm rollback chat "), Kubernetes),
    (
        (OPERATIONS, "kubectl --namespace chat annotate"),
        Kubernetes,
    ),
    ((RESOURCE, "carillon-operator validate"), Here),
    ((METRICS, "curl -sS"), Here),
    (
        (TROUBLESHOOTING, "kubectl --namespace chat describe"),
        Kubernetes,
    ),
    ((HOSTS, "docker run"), DOCKER),
    ((HOSTS, "curl -sS"), BY_HOSTS),
    ((HOSTS, "make image && docker load"), DOCKER),
    ((HOSTS, "helm install carillon "), Kubernetes),
    ((OPERATOR, "helm install carillon "), Kubernetes),
    ((OPERATOR, "kubectl create namespace"), Kubernetes),
    ((OPERATOR, "kubectl create --dry-run"), Kubernetes),
    ((OPERATOR, "kubectl apply"), Kubernetes),
    ((OPERATOR, "carillon-operator --print-rbac"), Kubernetes),
    ((CHART, "helm install carillon "), Kubernetes),
    ((FLEET_CHART, "helm install chat "), Kubernetes),
    (("tests/cluster/README.md", "make image"), KIND),
];
