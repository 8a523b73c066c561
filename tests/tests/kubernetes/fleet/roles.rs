//! What the operator may do is what it does: no request is refused, and no rule is there for nothing.

use std::collections::BTreeSet;

use carillon_operator::rbac::{FLEETS, LEASES, Rule};
use carillon_tests::kubernetes::{self, Fleet, Request, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, prepare, spec, start_operator};

/// Group, resource, verb.
type Act = (String, String, String);

/// Asked by the API server itself, in the operator's name: no request of it is ever sent.
const AUTHORIZER_ONLY: [(&str, &str, &str); 1] =
    [("carillon.dev", "realtimeclusters/finalizers", "update")];

fn allowed() -> BTreeSet<Act> {
    let act = |rule: &Rule| {
        let Rule {
            group,
            resources,
            verbs,
            ..
        } = *rule;
        resources.iter().flat_map(move |resource| {
            let act =
                move |verb: &&str| (group.to_owned(), (*resource).to_owned(), (*verb).to_owned());
            verbs.iter().map(act)
        })
    };
    let rules = FLEETS.iter().chain(LEASES);
    rules.flat_map(act).collect()
}

/// An apply that makes an object needs the right to create.
fn acts(request: &Request) -> Vec<Act> {
    let act = |verb: &str| {
        (
            request.group.clone(),
            request.resource.clone(),
            verb.to_owned(),
        )
    };
    let made = request.verb == "patch" && request.code == 201;
    let also = made.then(|| act("create"));
    std::iter::once(act(&request.verb)).chain(also).collect()
}

#[test]
fn every_rule_is_used_and_none_is_missing() {
    kubernetes::alone(async |cluster| {
        cluster.install_optional();
        let both = ["NodeRestriction", "OwnerReferencesPermissionEnforcement"];
        cluster.admission(&both).await;
        let (_redis, url) = redis();
        let space = prepare(cluster, "roles");
        let client = cluster.client().await;
        let audit = cluster.audit();
        let operator = start_operator(cluster, &space).await;
        let route = json!({ "type": "HTTPRoute", "hosts": ["game.example.com"], "parentRefs": [{ "name": "edge" }] });
        let ingress =
            json!({ "type": "Ingress", "hosts": ["game.example.com"], "parentRefs": null });
        let mut everything = spec(&url, 2);
        everything["networkPolicy"] = json!({ "enabled": true });
        everything["monitoring"] = json!({ "podMonitor": "Enabled", "prometheusRule": "Enabled", "dashboards": "Enabled" });
        everything["exposure"] = route;
        let fleet = Fleet::apply(&space, &client, "game", &everything);
        fleet.ready(DEADLINE).await;
        fleet.edit(&json!({ "exposure": ingress }));
        fleet
            .condition("Reconciling", "False", None, DEADLINE)
            .await;
        // An event that comes again is counted.
        let good = fleet.object()["spec"]["namespaces"].clone();
        let mut bad = good.clone();
        bad[0]["events"][0]["upstream"] = json!("nowhere");
        for (namespaces, stalled) in [
            (&bad, "True"),
            (&good, "False"),
            (&bad, "True"),
            (&good, "False"),
        ] {
            fleet.edit(&json!({ "namespaces": namespaces }));
            fleet.condition("Stalled", stalled, None, DEADLINE).await;
        }
        // Everything that may go, goes; the pods move to an account of the user's.
        space.kubectl(&["create", "serviceaccount", "theirs"]);
        fleet.edit(&json!({
            "exposure": { "type": "None", "hosts": null },
            "networkPolicy": { "enabled": false },
            "monitoring": { "podMonitor": "Disabled", "prometheusRule": "Disabled", "dashboards": "Disabled" },
            "serviceAccount": { "name": "theirs" },
            "replicas": 3,
        }));
        fleet.ready(DEADLINE * 2).await;
        // A scale-down chooses its victim by an annotation.
        fleet.edit(&json!({ "replicas": 2 }));
        let two = |object: &Value| object["status"]["replicas"] == 2;
        fleet.until("there are two pods", DEADLINE, two).await;
        fleet.delete();
        let gone = async || {
            let list = space.get(&["pods", "--selector=carillon.dev/cluster=game"]);
            let left = list["items"].as_array().map_or(0, Vec::len);
            (left == 0)
                .then_some(())
                .ok_or_else(|| format!("{left} pods"))
        };
        until("the pods have gone", DEADLINE, gone).await;

        let account = operator.account();
        let mut requests = audit.requests();
        cluster.admission(&["NodeRestriction"]).await;
        requests.retain(|request| request.user == account && !request.resource.starts_with('/'));
        let refused: Vec<_> = requests
            .iter()
            .filter(|request| request.code == 403)
            .collect();
        assert!(refused.is_empty(), "{refused:#?}");
        let done: BTreeSet<Act> = requests.iter().flat_map(acts).collect();
        let mut allowed = allowed();
        let never = AUTHORIZER_ONLY.map(|(group, resource, verb)| {
            (group.to_owned(), resource.to_owned(), verb.to_owned())
        });
        never
            .iter()
            .for_each(|act| assert!(allowed.remove(act), "{act:?}"));
        let unused: Vec<_> = allowed.difference(&done).collect();
        assert!(unused.is_empty(), "rules without a use: {unused:#?}");
    });
}
