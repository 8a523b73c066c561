//! The roles as manifests.

use std::fmt::Write;

use carillon_crds::names::kubernetes::label;

use super::{FLEETS, LEASES, Rule};
use crate::build::names::OPERATOR_COMPONENT;
use crate::names::NAME;

/// For whom the manifests are.
#[derive(Debug, Clone)]
pub struct Install {
    /// The namespace of the operator.
    pub namespace: String,
    /// The namespaces of the fleets; empty: all.
    pub namespaces: Vec<String>,
    /// The name of the Lease.
    pub lease: String,
}

/// ServiceAccount, roles and bindings, as YAML. Given names are quoted: `no` and `1` are names too.
#[must_use]
pub fn yaml(install: &Install) -> String {
    let Install {
        namespace,
        namespaces,
        lease,
    } = install;
    let mut out = format!("# Made by `{}`: do not edit.\n", command(install));
    head(&mut out, "v1", "ServiceAccount", NAME, Some(namespace));
    if namespaces.is_empty() {
        role(&mut out, "ClusterRole", NAME, None, FLEETS, lease);
        binding(&mut out, "ClusterRole", NAME, None, namespace);
    }
    for fleets in namespaces {
        role(&mut out, "Role", NAME, Some(fleets), FLEETS, lease);
        binding(&mut out, "Role", NAME, Some(fleets), namespace);
    }
    role(&mut out, "Role", LEASE_ROLE, Some(namespace), LEASES, lease);
    binding(&mut out, "Role", LEASE_ROLE, Some(namespace), namespace);
    out
}

/// The command that prints these manifests.
fn command(install: &Install) -> String {
    let Install {
        namespace,
        namespaces,
        lease,
    } = install;
    let mut command = format!("carillon-operator --print-rbac --namespace {namespace}");
    if !namespaces.is_empty() {
        let _infallible = write!(command, " --namespaces {}", namespaces.join(","));
    }
    if lease != crate::names::LEASE {
        let _infallible = write!(command, " --lease-name {lease}");
    }
    command
}

fn role(
    out: &mut String,
    kind: &str,
    name: &str,
    namespace: Option<&str>,
    rules: &[Rule],
    lease: &str,
) {
    head(out, AUTHORIZATION, kind, name, namespace);
    out.push_str("rules:\n");
    for rule in rules {
        let Rule {
            group,
            resources,
            verbs,
            only_lease,
            why,
        } = rule;
        let group = if group.is_empty() { "\"\"" } else { group };
        let (resources, verbs) = (resources.join(", "), verbs.join(", "));
        let _infallible = write!(
            out,
            "# {why}\n- apiGroups: [{group}]\n  resources: [{resources}]\n"
        );
        if *only_lease {
            let _infallible = writeln!(out, "  resourceNames: [{lease:?}]");
        }
        let _infallible = writeln!(out, "  verbs: [{verbs}]");
    }
}

fn binding(out: &mut String, kind: &str, name: &str, namespace: Option<&str>, subject: &str) {
    head(
        out,
        AUTHORIZATION,
        &format!("{kind}Binding"),
        name,
        namespace,
    );
    let _infallible = write!(
        out,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\n\
         subjects:\n- kind: ServiceAccount\n  name: {NAME}\n  namespace: {subject:?}\n"
    );
}

fn head(out: &mut String, version: &str, kind: &str, name: &str, namespace: Option<&str>) {
    let _infallible = write!(
        out,
        "---\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n"
    );
    if let Some(namespace) = namespace {
        let _infallible = writeln!(out, "  namespace: {namespace:?}");
    }
    let _infallible = write!(
        out,
        "  labels:\n    {}: {}\n    {}: {OPERATOR_COMPONENT}\n",
        label::NAME,
        label::APP,
        label::COMPONENT,
    );
}

/// The Role of the Lease.
const LEASE_ROLE: &str = "carillon-operator-lease";
const AUTHORIZATION: &str = "rbac.authorization.k8s.io/v1";
