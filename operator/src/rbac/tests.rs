use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::manifest::{Install, yaml};
use super::*;
use crate::build::{Kind, possible};
use crate::names;

fn install(namespaces: &[&str]) -> Install {
    Install {
        namespace: names::NAMESPACE.to_owned(),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        lease: names::LEASE.to_owned(),
    }
}

fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents
        .map(|document| Value::deserialize(document).expect("YAML"))
        .filter(|document| !document.is_null())
        .collect()
}

fn of<T: DeserializeOwned>(documents: &[Value], kind: &str) -> Vec<T> {
    let documents = documents.iter().filter(|document| document["kind"] == kind);
    documents
        .map(|document| serde_json::from_value(document.clone()).expect(kind))
        .collect()
}

fn policy(rules: &[Rule]) -> Vec<PolicyRule> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    rules
        .iter()
        .map(|rule| PolicyRule {
            api_groups: Some(vec![rule.group.to_owned()]),
            resources: Some(texts(rule.resources)),
            resource_names: rule.only_lease.then(|| texts(&[names::LEASE])),
            verbs: texts(rule.verbs),
            ..PolicyRule::default()
        })
        .collect()
}

/// Every pair of a resource and a verb.
fn granted(rules: &[Rule]) -> BTreeSet<(&str, &str, &str)> {
    let mut all = BTreeSet::new();
    for rule in rules {
        for resource in rule.resources {
            all.extend(rule.verbs.iter().map(|verb| (rule.group, *resource, *verb)));
        }
    }
    all
}

#[test]
fn the_committed_manifest_is_the_data() {
    carillon_tests::generated::check_file("operator/rbac.yaml", &yaml(&install(&[])));
}

#[test]
fn the_docs_hold_the_table() {
    carillon_tests::generated::check_part("docs/operator.md", "rbac", &table::table());
}

#[test]
fn the_whole_cluster_is_one_cluster_role() {
    let documents = documents(&yaml(&install(&[])));
    let [role]: [ClusterRole; 1] = of(&documents, "ClusterRole").try_into().unwrap();
    assert_eq!(role.rules, Some(policy(FLEETS)));
    let [binding]: [ClusterRoleBinding; 1] =
        of(&documents, "ClusterRoleBinding").try_into().unwrap();
    assert_eq!(Some(binding.role_ref.name), role.metadata.name);
    let [account]: [ServiceAccount; 1] = of(&documents, "ServiceAccount").try_into().unwrap();
    let [subject] = binding.subjects.unwrap().try_into().unwrap();
    assert_eq!(
        (Some(subject.name), subject.namespace),
        (account.metadata.name, account.metadata.namespace)
    );
    let [lease]: [Role; 1] = of(&documents, "Role").try_into().unwrap();
    assert_eq!(lease.rules, Some(policy(LEASES)));
    assert_eq!(lease.metadata.namespace.as_deref(), Some(names::NAMESPACE));
    assert_eq!(documents.len(), 5);
}

#[test]
fn some_namespaces_need_nothing_of_the_whole_cluster() {
    // Names that are no text in YAML unless they are quoted.
    let documents = documents(&yaml(&install(&["1", "null"])));
    assert!(of::<ClusterRole>(&documents, "ClusterRole").is_empty());
    assert!(of::<ClusterRoleBinding>(&documents, "ClusterRoleBinding").is_empty());
    let roles: Vec<Role> = of(&documents, "Role");
    let places = |rules: &[Rule]| {
        let rules = Some(policy(rules));
        let found = roles.iter().filter(|role| role.rules == rules);
        found
            .filter_map(|role| role.metadata.namespace.as_deref())
            .collect::<Vec<_>>()
    };
    assert_eq!(places(FLEETS), ["1", "null"]);
    assert_eq!(places(LEASES), [names::NAMESPACE]);
    let bindings: Vec<RoleBinding> = of(&documents, "RoleBinding");
    let bound = |(role, binding): (&Role, &RoleBinding)| {
        role.metadata.name.as_ref() == Some(&binding.role_ref.name)
            && role.metadata.namespace == binding.metadata.namespace
    };
    assert_eq!(roles.len(), bindings.len());
    assert!(roles.iter().zip(&bindings).all(bound));
}

#[test]
fn nothing_is_granted_by_a_wildcard_and_secrets_are_not_listed() {
    let all = granted(FLEETS).into_iter().chain(granted(LEASES));
    for (group, resource, verb) in all.chain(granted(WAIT)) {
        assert!(![group, resource, verb].contains(&"*"), "{resource} {verb}");
        assert!(
            !["deletecollection", "escalate", "bind", "impersonate"].contains(&verb),
            "{resource} {verb}"
        );
        if resource == "secrets" {
            assert_eq!(verb, "get");
        }
    }
}

#[test]
fn every_rule_has_its_reason_and_grants_what_no_other_does() {
    for rules in [FLEETS, LEASES, WAIT] {
        assert!(rules.iter().all(|rule| rule.why.ends_with('.')));
        let pairs = rules
            .iter()
            .map(|rule| rule.resources.len() * rule.verbs.len());
        assert_eq!(granted(rules).len(), pairs.sum::<usize>());
    }
}

/// A child that may go needs `delete`; one that every fleet has does not.
#[test]
fn every_kind_of_child_can_be_kept() {
    let granted = granted(FLEETS);
    for kind in Kind::ALL {
        let resource = kind.api_resource();
        let verbs: BTreeSet<_> = granted
            .iter()
            .filter(|(group, plural, _)| *group == resource.group && *plural == resource.plural)
            .map(|(.., verb)| *verb)
            .collect();
        let mut expected = BTreeSet::from(["get", "list", "watch", "create", "patch"]);
        if !LASTING.contains(&kind) {
            expected.insert("delete");
        }
        assert_eq!(verbs, expected, "{kind:?}");
    }
    let kinds: BTreeSet<_> = possible("x").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, BTreeSet::from(Kind::ALL));
}

/// What the builders make for every fleet: the smallest one has them, each by every name that there may be.
#[test]
fn children_that_are_never_deleted_are_those_of_the_smallest_fleet() {
    let text = include_str!("../../tests/golden/smallest/children.yaml");
    let made: BTreeSet<_> = documents(text)
        .iter()
        .map(|object| {
            let name = object["metadata"]["name"].as_str().expect("a name");
            (
                object["kind"].as_str().expect("a kind").to_owned(),
                name.to_owned(),
            )
        })
        .collect();
    let (_, cluster) = made
        .iter()
        .find(|(kind, _)| kind == "Deployment")
        .expect("a Deployment");
    for (kind, name) in possible(cluster) {
        if LASTING.contains(&kind) {
            assert!(made.contains(&(kind.name().to_owned(), name)), "{kind:?}");
        }
    }
}

const LASTING: [Kind; 3] = [Kind::Service, Kind::PodDisruptionBudget, Kind::Deployment];
