//! Many fleets at rest, and fleets that cannot be: what the operator does when there is nothing to do.

use std::time::{Duration, Instant};

use carillon_tests::kubernetes::{self, Fleet, redis, until};
use serde_json::json;

use super::{DEADLINE, prepare, spec, start_operator};

/// Fleets without pods; one has some.
const FLEETS: usize = 100;
/// As many as one operator is to keep.
const THOUSAND: usize = 1_000;
/// What a pod of the operator may hold with so many fleets, in bytes.
const MEMORY: u64 = 100_000_000;
/// How long so many may take, on a small machine.
const LONG: Duration = Duration::from_secs(600);
/// How long nothing is written.
const REST: Duration = Duration::from_secs(300);

#[test]
fn at_rest_a_hundred_fleets_cost_no_write() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "rest");
        let client = cluster.client().await;
        let start_operator = start_operator(cluster, &space).await;
        let names: Vec<_> = (1..FLEETS).map(|index| format!("game-{index}")).collect();
        let mut fleets = Fleet::apply_all(&space, &client, &names, &spec(&url, 0));
        fleets.push(Fleet::apply(&space, &client, "game", &spec(&url, 2)));
        for fleet in &fleets {
            fleet
                .condition("Reconciling", "False", None, DEADLINE * 2)
                .await;
        }
        fleets[FLEETS - 1].ready(DEADLINE).await;
        let account = start_operator.account();
        let rest = async |length: Duration| {
            let audit = cluster.audit();
            tokio::time::sleep(length).await;
            let mut writes = audit.requests();
            writes.retain(|request| {
                request.user == account && request.is_write() && request.resource != "leases"
            });
            writes
        };
        // What came just before may still have to be told.
        rest(Duration::from_secs(10)).await;
        assert_eq!(rest(REST).await, []);
    });
}

#[test]
fn bad_fleets_do_not_keep_a_good_one_waiting() {
    kubernetes::test(async |cluster| {
        let (_redis, url) = redis();
        let space = prepare(cluster, "bad");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let mut bad = spec(&url, 1);
        bad["namespaces"][0]["events"][0]["upstream"] = json!("nowhere");
        let names: Vec<_> = (0..20).map(|index| format!("bad-{index}")).collect();
        let all = Fleet::apply_all(&space, &client, &names, &bad);
        let good = Fleet::apply(&space, &client, "game", &spec(&url, 1));
        let took = good.ready(DEADLINE).await;
        println!("the good one is ready after {took:?}");
        for fleet in &all {
            fleet
                .condition("Stalled", "True", Some("InvalidSpec"), DEADLINE)
                .await;
        }
        // Nor are they tried again and again.
        let audit = cluster.audit();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let account = operator.account();
        let mut writes = audit.requests();
        writes.retain(|request| {
            request.user == account && request.is_write() && request.resource != "leases"
        });
        writes.retain(|request| request.name.starts_with("bad-"));
        assert_eq!(writes, []);
    });
}

#[test]
fn a_thousand_fleets_are_kept_within_the_memory_of_a_pod() {
    kubernetes::alone(async |cluster| {
        let (_redis, url) = redis();
        // With these kinds an operator has the most children to keep.
        cluster.install_optional();
        let space = prepare(cluster, "thousand");
        let client = cluster.client().await;
        let operator = start_operator(cluster, &space).await;
        let names: Vec<_> = (0..THOUSAND).map(|index| format!("game-{index}")).collect();
        let began = Instant::now();
        let fleets = Fleet::apply_all(&space, &client, &names, &spec(&url, 0));
        println!(
            "{THOUSAND} resources are applied after {:?}",
            began.elapsed()
        );
        let last = &fleets[THOUSAND - 1];
        last.condition("Reconciling", "False", None, LONG).await;
        let all = async || {
            let list = space.get(&["deployments", "--selector=carillon.dev/cluster"]);
            let count = list["items"].as_array().map_or(0, Vec::len);
            (count == THOUSAND)
                .then_some(())
                .ok_or_else(|| format!("{count} of {THOUSAND}"))
        };
        until("every fleet has its Deployment", LONG, all).await;
        // The largest of the children: without it less would be measured than is meant.
        let rules = async || {
            let names = space.kubectl(&["get", "prometheusrules", "--output=name"]);
            let count = names.lines().count();
            (count == THOUSAND)
                .then_some(())
                .ok_or_else(|| format!("{count} of {THOUSAND}"))
        };
        until("every fleet has its PrometheusRule", LONG, rules).await;
        println!("every fleet has its children after {:?}", began.elapsed());
        // An edit of one does not wait for the others.
        let edited = Instant::now();
        last.edit(&json!({ "namespaces": [super::namespace(&["later"])] }));
        last.condition("Reconciling", "False", None, DEADLINE).await;
        println!("an edit is done after {:?}", edited.elapsed());
        for pod in space.get(&["pods", "--selector=app.kubernetes.io/component=operator"])["items"]
            .as_array()
            .unwrap()
        {
            let (status, name) = (
                &pod["status"]["containerStatuses"][0],
                &pod["metadata"]["name"],
            );
            assert_eq!(status["restartCount"], 0, "it ended: {pod:#}");
            let name = name.as_str().unwrap();
            let resident = space.resident(name, status["name"].as_str().unwrap());
            println!("{name} holds {} MB", resident / 1_000_000);
            assert!(resident < MEMORY, "{name} holds {resident} bytes");
        }
        assert!(operator.leader().is_some());
    });
}
