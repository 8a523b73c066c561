//! The charts, from nothing to nothing, by both versions of Helm.

#[path = "charts/alerts.rs"]
mod alerts;
#[path = "charts/knobs.rs"]
mod knobs;
#[path = "charts/notes.rs"]
mod notes;
#[path = "charts/renders.rs"]
mod renders;

use std::time::Duration;

use carillon_tests::gateway::KEY;
use carillon_tests::kubernetes::{self, Fleet, Helm, Kubernetes, Load, MAJORS, Program, until};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);
const CHARTS: [&str; 2] = ["carillon", "carillon-cluster"];
/// A version before ours. None has been released yet: it differs in what it says of itself.
const EARLIER: &str = "0.0.1";

/// A fleet of two, with a Redis of its own, whose clients may send these events.
fn fleet(cluster: &Kubernetes, events: &[&str]) -> Value {
    let events: Vec<_> = events
        .iter()
        .map(|name| json!({ "name": name, "ack": { "args": true } }))
        .collect();
    json!({
        "spec": {
            "replicas": 2,
            "image": cluster.image(Program::Gateway).values(),
            "drain": { "hold": "1s", "timeout": "5s" },
            "namespaces": [{ "name": "/", "events": events }],
            "apiKeys": [{
                "name": "backend", "namespaces": ["*"], "can": ["emit"],
                "secret": { "secretKeyRef": { "name": "backend", "key": "token" } },
            }],
            "podTemplate": { "spec": { "containers": [
                { "name": "gateway", "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } } },
            ] } },
        },
        "devRedis": { "enabled": true, "image": cluster.redis_image().values() },
        "test": { "image": cluster.image(Program::Gateway).values() },
        "wait": { "image": cluster.image(Program::Operator).values() },
        "extraObjects": [{
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "backend" },
            "stringData": { "token": KEY },
        }],
    })
}

#[test]
fn from_nothing_to_nothing() {
    kubernetes::apart("charts", async |cluster| {
        let client = cluster.client().await;
        for major in MAJORS {
            let system = cluster.namespace(&format!("system-{major}"));
            let chat = cluster.namespace(&format!("chat-{major}"));
            let (ours, theirs) = (
                cluster.helm(major, system.name()),
                cluster.helm(major, chat.name()),
            );
            install(cluster, &ours);
            let fleet = Fleet::find(&chat, &client, "talk");
            serves_and_is_upgraded(cluster, &theirs, &fleet).await;
            chat.kubectl(&["delete", "pod", "talk-test"]);
            theirs.uninstall("talk").unwrap();
            chat.until_empty(DEADLINE).await;
            ours.uninstall("carillon").unwrap();
            assert!(
                cluster.has_definition(),
                "a definition is kept unless that is not wanted"
            );
            // And with it: the kept one is taken over.
            let not_kept = cluster.operator_values(&json!({ "crds": { "keep": false } }));
            ours.apply("carillon", "carillon", &not_kept).unwrap();
            ours.uninstall("carillon").unwrap();
            cluster.until_undefined(DEADLINE).await;
            system.until_empty(DEADLINE).await;
            system.until_nothing_of_ours(DEADLINE).await;
        }
    });
}

fn install(cluster: &Kubernetes, helm: &Helm<'_>) {
    let (earlier, values) = (
        helm.pack("carillon", EARLIER),
        cluster.operator_values(&json!({})),
    );
    let notes = helm.apply_from("carillon", &earlier, &values).unwrap();
    assert!(
        notes.contains("helm install my charts/carillon-cluster"),
        "{notes}"
    );
    // One copy is enough for the rest, and an upgrade.
    let notes = helm.apply(
        "carillon",
        "carillon",
        &cluster.operator_values(&json!({ "replicas": 1 })),
    );
    assert!(notes.unwrap().contains("WARNING: with one copy"));
    // And back: fleets that become ready are kept by what is there then.
    helm.rollback("carillon", 1).unwrap();
}

/// Helm comes back when the fleet is ready, and each revision is what clients meet.
async fn serves_and_is_upgraded(cluster: &Kubernetes, helm: &Helm<'_>, fleet: &Fleet<'_>) {
    let first = self::fleet(cluster, &["echo"]);
    let earlier = helm.pack("carillon-cluster", EARLIER);
    let notes = helm.apply_from("talk", &earlier, &first).unwrap();
    assert!(notes.contains("WARNING: devRedis.enabled"), "{notes}");
    is_ready_now(fleet);
    let logs = helm.test("talk").unwrap();
    for transport in ["polling", "websocket"] {
        let passed = format!("{transport}: connected to / in");
        let line = logs.lines().find(|line| line.starts_with(&passed));
        assert!(
            line.is_some_and(|line| line.contains("an event came in")),
            "{logs}"
        );
    }
    let load = Load::start(&fleet.url());
    load.connect("polling", 1, &[], &["polling"]);
    load.connect("websocket", 1, &[], &["websocket"]);
    for name in ["polling-0", "websocket-0"] {
        assert_eq!(load.ask(name, "echo", &[json!(1)]), [json!(1)]);
    }
    let pods = fleet.pods();
    let more = self::fleet(cluster, &["echo", "more"]);
    helm.apply("talk", "carillon-cluster", &more).unwrap();
    is_ready_now(fleet);
    let answered = async || Ok::<_, String>(load.ask("websocket-0", "more", &[json!(2)]));
    let (answer, _) = until("the new rules hold", DEADLINE, answered).await;
    assert_eq!(answer, [json!(2)]);
    assert_eq!(
        fleet.pods(),
        pods,
        "another version of the chart replaces no pod"
    );
    helm.rollback("talk", 1).unwrap();
    is_ready_now(fleet);
    let events = fleet.object()["spec"]["namespaces"][0]["events"].clone();
    assert_eq!(events.as_array().map(Vec::len), Some(1), "{events}");
}

fn is_ready_now(fleet: &Fleet<'_>) {
    let object = fleet.object();
    let mut conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let ready = conditions.find(|condition| condition["type"] == "Ready");
    let generation = &object["metadata"]["generation"];
    let is_of_now = object["status"]["observedGeneration"] == *generation;
    assert!(
        is_of_now && ready.is_some_and(|ready| ready["status"] == "True"),
        "Helm came back before the fleet was ready: {object:#}"
    );
}

/// Values that mean nothing are refused before anything is sent.
#[test]
fn values_are_checked() {
    kubernetes::test(async |cluster| {
        for major in MAJORS {
            let helm = cluster.helm(major, "default");
            for (chart, values, fault) in [
                ("carillon", json!({ "replica": 2 }), "replica"),
                ("carillon", json!({ "replicas": "two" }), "replicas"),
                (
                    "carillon",
                    json!({ "image": { "pullPolicy": "Sometimes" } }),
                    "pullPolicy",
                ),
                (
                    "carillon",
                    json!({ "leaderElection": { "leaseDuration": 15 } }),
                    "leaseDuration",
                ),
                (
                    "carillon-cluster",
                    json!({ "spec": { "replica": 2 } }),
                    "replica",
                ),
                (
                    "carillon-cluster",
                    json!({ "spec": { "redis": { "mode": "plain" } } }),
                    "mode",
                ),
                (
                    "carillon-cluster",
                    json!({ "fullnameOverride": "9lives" }),
                    "fullnameOverride",
                ),
            ] {
                let refused = helm.render("any", chart, &values).unwrap_err();
                assert!(refused.contains(fault), "{chart} {values}: {refused}");
            }
            for chart in CHARTS {
                helm.render("any", chart, &json!({})).unwrap();
            }
        }
    });
}
