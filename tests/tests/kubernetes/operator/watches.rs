//! The watches: what they know is what is there, whatever becomes of the API server and its history.

use std::net::SocketAddr;
use std::time::Duration;

use carillon_operator::build::Kind;
use carillon_operator::watches::{Watches, discovery};
use carillon_tests::forwarder::Forwarder;
use carillon_tests::kubernetes::{self, Daemon, Kubernetes, NODE, Namespace, Optional, until};
use carillon_tests::ports;
use futures_util::StreamExt;
use kube::Client;
use serde_json::json;

use super::scene::{DEADLINE, watches};

/// The port of the API server.
const API_SERVER: u16 = 6443;

fn map(namespace: &Namespace<'_>, name: &str) {
    let labels = json!({ "carillon.dev/cluster": "game" });
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": labels } });
    namespace.apply(&map.to_string());
}

/// Waits until the cache has exactly these ConfigMaps of the fleet.
async fn maps(
    watches: &Watches,
    namespace: &str,
    expected: &[&str],
    deadline: Duration,
) -> Duration {
    let index = &watches.caches.children[&Kind::ConfigMap];
    let same = async || {
        let names: Vec<_> = index
            .of(namespace, "game")
            .iter()
            .map(|live| live.name.clone())
            .collect();
        (names == expected)
            .then_some(())
            .ok_or_else(|| format!("{names:?}"))
    };
    until(&format!("the cache has {expected:?}"), deadline, same)
        .await
        .1
}

#[test]
fn caches_follow_their_namespaces_and_say_which_fleet_has_changed() {
    kubernetes::test(async |cluster| {
        let (one, two) = (
            cluster.namespace("watched"),
            cluster.namespace("not-watched"),
        );
        map(&one, "before");
        map(&two, "elsewhere");
        let watches = watches(cluster.client().await, vec![Some("watched".to_owned())]);
        let mut changed = Box::pin(watches.triggers.stream(None));
        let running = tokio::spawn(watches.clone().run());
        maps(&watches, "watched", &["before"], DEADLINE).await;
        let fleet = ("watched".to_owned(), "game".to_owned());
        assert_eq!(changed.next().await, Some(fleet.clone()));
        map(&one, "later");
        assert_eq!(changed.next().await, Some(fleet.clone()));
        maps(&watches, "watched", &["before", "later"], DEADLINE).await;
        one.kubectl(&["delete", "configmap", "before"]);
        assert_eq!(changed.next().await, Some(fleet));
        maps(&watches, "watched", &["later"], DEADLINE).await;
        assert_eq!(
            watches.caches.children[&Kind::ConfigMap].of("not-watched", "game"),
            []
        );
        running.abort();
    });
}

/// A client of the API server, on a line that can be cut.
async fn on_a_line(cluster: &Kubernetes, namespace: &Namespace<'_>) -> (Client, Forwarder) {
    namespace.kubectl(&["create", "serviceaccount", "watcher"]);
    let account = format!("--serviceaccount={}:watcher", namespace.name());
    let binding = format!("watcher-{}", namespace.name());
    cluster.kubectl(&[
        "create",
        "clusterrolebinding",
        &binding,
        "--clusterrole=cluster-admin",
        &account,
    ]);
    let here = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let server = SocketAddr::new(NODE.parse().unwrap(), API_SERVER);
    let line = Forwarder::between(here, server);
    let mut config = cluster.config_of(namespace.name(), "watcher").await;
    config.cluster_url = format!("https://{here}").parse().unwrap();
    (Client::try_from(config).unwrap(), line)
}

#[test]
fn caches_are_right_after_history_is_forgotten() {
    kubernetes::alone(async |cluster| {
        let namespace = cluster.namespace("forgotten");
        let (client, line) = on_a_line(cluster, &namespace).await;
        map(&namespace, "deleted");
        map(&namespace, "kept");
        let watches = watches(client, vec![None]);
        let running = tokio::spawn(watches.clone().run());
        maps(&watches, "forgotten", &["deleted", "kept"], DEADLINE).await;

        // What happens while nobody watches lies before what the API server remembers afterwards.
        line.cut();
        namespace.kubectl(&["delete", "configmap", "deleted"]);
        map(&namespace, "made");
        cluster.compact();
        cluster.kill(Daemon::Apiserver);
        cluster.revive(Daemon::Apiserver);
        cluster.apiserver_ready().await;
        let audit = cluster.audit();
        line.mend();
        let took = maps(
            &watches,
            "forgotten",
            &["kept", "made"],
            Duration::from_secs(60),
        )
        .await;
        println!("the caches are right {took:?} after the API server is reached again");
        let mut requests = audit.requests();
        requests.retain(|request| {
            request.user.ends_with(":watcher") && request.resource == "configmaps"
        });
        assert!(
            requests.iter().any(|request| request.verb == "list"),
            "listed anew: {requests:?}"
        );
        map(&namespace, "new");
        maps(&watches, "forgotten", &["kept", "made", "new"], DEADLINE).await;
        running.abort();
    });
}

#[test]
fn caches_are_right_after_the_api_server_restarts() {
    kubernetes::alone(async |cluster| {
        let namespace = cluster.namespace("restarted");
        map(&namespace, "before");
        let watches = watches(cluster.client().await, vec![None]);
        let running = tokio::spawn(watches.clone().run());
        maps(&watches, "restarted", &["before"], DEADLINE).await;
        cluster.kill(Daemon::Apiserver);
        cluster.revive(Daemon::Apiserver);
        cluster.apiserver_ready().await;
        map(&namespace, "later");
        let took = maps(
            &watches,
            "restarted",
            &["before", "later"],
            Duration::from_secs(60),
        )
        .await;
        println!("the caches are right {took:?} after the API server is ready again");
        running.abort();
    });
}

#[test]
fn optional_kinds_may_come_later() {
    kubernetes::alone(async |cluster| {
        for kind in Optional::ALL {
            cluster.kubectl(&["delete", "crd", kind.definition(), "--ignore-not-found"]);
        }
        let namespace = cluster.namespace("later");
        let client = cluster.client().await;
        let found = async || {
            let found = discovery::optional_kinds(&client).await.unwrap();
            found
                .is_empty()
                .then_some(())
                .ok_or_else(|| format!("{found:?}"))
        };
        until("none of them is there", DEADLINE, found).await;
        let watches = watches(client.clone(), vec![None]);
        let mut kinds = watches.caches.kinds.subscribe();
        let running = tokio::spawn(watches.clone().run());
        let own = Kind::ALL.len() - Kind::OPTIONAL.len();
        kinds.wait_for(|kinds| kinds.len() == own).await.unwrap();

        cluster.install(Optional::PodMonitor);
        cluster.install(Optional::HttpRoute);
        let later = [Kind::PodMonitor, Kind::HttpRoute];
        let known = kinds.wait_for(|kinds| later.iter().all(|kind| kinds.contains(kind)));
        let limit = discovery::EVERY + DEADLINE;
        let known = tokio::time::timeout(limit, known).await.unwrap().unwrap();
        assert!(!known.contains(&Kind::PrometheusRule), "{known:?}");
        drop(known);
        let monitor = json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor",
            "metadata": { "name": "game", "labels": { "carillon.dev/cluster": "game" } },
            "spec": { "selector": {}, "podMetricsEndpoints": [{ "port": "admin" }] },
        });
        namespace.apply(&monitor.to_string());
        let seen = async || {
            let monitor = watches.caches.children[&Kind::PodMonitor].get("later", "game");
            monitor
                .map(|_| ())
                .ok_or_else(|| "no PodMonitor".to_owned())
        };
        until("the cache has the PodMonitor", DEADLINE, seen).await;
        running.abort();
    });
}
