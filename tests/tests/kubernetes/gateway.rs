//! Gateways as pods of a real node: the image, restricted pod security, Services, DNS, probes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use carillon_tests::clients::Clients;
use carillon_tests::gateway::{KEY, workspace};
use carillon_tests::http::Request;
use carillon_tests::kubernetes::{self, Kubernetes, NODE, Namespace, Program, Prometheus, until};
use carillon_tests::redis::{self, Redis};
use serde_json::{Value, json};

/// How long pods may take to be ready, and a state to be seen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Two replicas on a Redis of the node, ready; the Redis must outlive them.
async fn deploy<'a>(cluster: &'a Kubernetes, name: &str) -> (Namespace<'a>, Redis) {
    let redis = redis::Options::default()
        .line("bind 0.0.0.0")
        .line("protected-mode no")
        .start();
    let namespace = cluster.namespace(name);
    let rules = workspace().join("tests/fixtures/cluster.yaml");
    let from = format!("--from-file=rules.yaml={}", rules.display());
    namespace.kubectl(&["create", "configmap", "rules", &from]);
    let manifests = workspace().join("tests/fixtures/kubernetes/gateways.yaml");
    let manifests = std::fs::read_to_string(manifests).unwrap();
    let filled = manifests
        .replace("@IMAGE@", &cluster.image(Program::Gateway).name())
        .replace("@KEY@", KEY)
        .replace("@NAMESPACE@", name)
        .replace("@REDIS_ADDRESS@", NODE)
        .replace("@REDIS_PORT@", &redis.port().to_string());
    namespace.apply(&filled);
    let took = namespace.rolled_out("gateways", DEADLINE).await;
    println!("two gateways are ready after {took:?}");
    (namespace, redis)
}

fn emit(api: SocketAddr, mark: u64) {
    let answer = Request::post("/v1/emit")
        .header("authorization", &format!("Bearer {KEY}"))
        .json(&json!({ "namespace": "/", "rooms": ["room-a"], "event": "news", "args": [mark] }))
        .send_to(api, DEADLINE)
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Each socket has received exactly the marks, in any order: they come from several pods.
async fn received(clients: &Clients, names: &[&str], marks: &[u64]) {
    let wanted: Vec<Value> = marks.iter().map(|mark| json!(["news", mark])).collect();
    let wanted: BTreeMap<String, Vec<Value>> = names
        .iter()
        .map(|name| ((*name).to_owned(), wanted.clone()))
        .collect();
    let all = async || {
        let mut ledgers = clients.ledgers();
        for ledger in ledgers.values_mut() {
            ledger.sort_by_key(|entry| entry[1].as_u64());
        }
        (ledgers == wanted)
            .then_some(())
            .ok_or_else(|| format!("{ledgers:?}"))
    };
    until("everybody has the news", DEADLINE, all).await;
}

#[test]
fn browsers_reach_pods_through_a_service() {
    kubernetes::test(async |cluster| {
        let (namespace, _redis) = deploy(cluster, "gateways").await;
        let pods = namespace.pods("app=gateways");
        assert_eq!(pods.len(), 2, "{pods:?}");

        // Any request of a poller may land on either pod: the Service has no affinity.
        let service = namespace.reached("gateways", 80, DEADLINE).await;
        let url = format!("http://{service}");
        let clients = Clients::start();
        let names = ["polling", "websocket", "upgrade"];
        let transports = [
            json!(["polling"]),
            json!(["websocket"]),
            json!(["polling", "websocket"]),
        ];
        for (name, transports) in names.iter().zip(transports) {
            let more = json!({ "url": url, "transports": transports });
            clients.connect_with(name, 80, "/", &more);
            clients.join(name, "a");
        }

        // From the API of each pod, and from the Service of both.
        let direct = pods.iter().map(|(_, ip)| SocketAddr::new(*ip, 3002));
        let apis = direct.chain([namespace.reached("gateways", 3002, DEADLINE).await]);
        for (mark, api) in (1..).zip(apis) {
            emit(api, mark);
        }
        received(&clients, &names, &[1, 2, 3]).await;
    });
}

#[test]
fn prometheus_sees_a_frozen_pod() {
    kubernetes::test(async |cluster| {
        let (namespace, _redis) = deploy(cluster, "frozen").await;
        let prometheus = Prometheus::start(cluster, &namespace).await;
        let up = async |wanted: &str, count: usize| {
            let query = format!("up{{namespace=\"frozen\"}} == {wanted}");
            let seen = async || {
                let pods = prometheus.query(&query)?;
                (pods.len() == count)
                    .then_some(())
                    .ok_or_else(|| format!("{pods:?}"))
            };
            until(&query, DEADLINE, seen).await
        };
        up("1", 2).await;
        let (frozen, _) = namespace.pods("app=gateways").remove(0);
        namespace.signal(&frozen, "gateway", "STOP");
        up("0", 1).await;
        namespace.signal(&frozen, "gateway", "CONT");
        up("1", 2).await;
    });
}
