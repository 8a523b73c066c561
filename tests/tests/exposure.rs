//! Real proxies with the numbers that the presets derive from `engine`, and no affinity.

pub(crate) mod preset;

use std::time::{Duration, Instant};

use carillon_tests::cluster::{Cluster, Kind, Member, Mode, Setup};
use carillon_tests::gateway::Gateway;
use carillon_tests::http::Request;
use carillon_tests::kubernetes::{Load, until};
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use serde_json::{Value, json};

use self::preset::Front;

const RULES: &str = "
limits: { trustedProxies: ['127.0.0.1/32'] }
namespaces:
- name: /
  limits: { events: { rate: 100000/s, burst: 100000 } }
  recovery: { window: 2m }
  events:
  - { name: join, args: [{ type: string }], join: ['room-{0}'], ack: { args: true } }
  - { name: publish, publish: [{ to: ['room-{0}'] }], ack: { args: true } }
  - { name: echo, ack: { args: true } }
";
const TRANSPORTS: [(&str, &[&str]); 3] = [
    ("polling", &["polling"]),
    ("upgrade", &["polling", "websocket"]),
    ("websocket", &["websocket"]),
];
/// Of each transport.
const CLIENTS: usize = 4;
/// What many proxies and appliances allow a silent connection.
const MINUTE: Duration = Duration::from_secs(61);

/// Two gateways behind a proxy, as a preset has it.
struct Scene<'a> {
    cluster: Cluster<'a>,
    proxy: Proxy,
    path: String,
    largest: usize,
}

impl<'a> Scene<'a> {
    fn start(redis: &'a Redis, engine: &Value, front: Front) -> Self {
        let rules = match engine {
            Value::Null => RULES.to_owned(),
            engine => format!("engine: {engine}{RULES}"),
        };
        let setup = Setup::new(Mode::Streams).rules(&rules);
        let cluster = Cluster::start(redis, &setup, &[Kind::Gateway, Kind::Gateway]);
        let ports: Vec<_> = cluster.members.iter().map(|pod| pod.port()).collect();
        Self {
            proxy: front.start(engine, &ports),
            cluster,
            path: engine["path"].as_str().unwrap_or("/socket.io/").to_owned(),
            largest: front.allowance(engine).body as usize,
        }
    }

    fn connect(&self, load: &Load, name: &str, count: usize, rooms: &[&str], more: &Value) {
        let mut options = more.clone();
        options["path"] = json!(self.path);
        load.connect_to("/", name, count, rooms, &options);
    }

    fn gateway(&self, index: usize) -> &Gateway {
        match &self.cluster.members[index] {
            Member::Gateway(pod) => pod.view(),
            Member::Node(_) => unreachable!("all members are gateways"),
        }
    }

    /// Whom the gateways take the clients for.
    fn addresses(&self) -> Vec<String> {
        let answer = self.gateway(0).get("/v1/sockets?namespace=%2F&limit=100");
        let sockets = answer.json()["sockets"].as_array().unwrap().clone();
        let address = |socket: &Value| socket["handshake"]["address"].as_str().unwrap().to_owned();
        sockets.iter().map(address).collect()
    }
}

/// Who comes by the proxy has the address that it tells of them, whatever they say themselves; who does not is believed nothing.
fn addresses_are_those_of_clients(scene: &Scene<'_>, load: &Load) {
    let forged = json!({ "x-forwarded-for": "203.0.113.6" });
    let from = |address: &str| json!({ "transports": ["websocket"], "localAddress": address, "extraHeaders": forged });
    scene.connect(load, "through", 1, &[], &from("127.0.0.2"));
    let direct = Load::start(&format!("http://127.0.0.1:{}", scene.gateway(1).port()));
    scene.connect(&direct, "direct", 1, &[], &from("127.0.0.3"));
    let addresses = scene.addresses();
    let count = |wanted: &str| {
        addresses
            .iter()
            .filter(|address| *address == wanted)
            .count()
    };
    assert_eq!(
        (count("127.0.0.2"), count("127.0.0.3")),
        (1, 1),
        "{addresses:?}"
    );
    assert_eq!(count("203.0.113.6"), 0, "{addresses:?}");
    load.leave("through");
}

async fn largest_messages_pass(scene: &Scene<'_>, load: &Load) {
    let text = json!("x".repeat(scene.largest - 1_000));
    for (name, _) in TRANSPORTS {
        let answer = load.ask(&format!("{name}-1"), "echo", std::slice::from_ref(&text));
        assert_eq!(answer.first(), Some(&text), "{name}");
    }
}

/// A poll's body of `maxPayload` arrives; one byte more is refused by the proxy itself, with a page of its own.
fn larger_bodies_do_not(scene: &Scene<'_>) {
    let path = format!("{}?EIO=4&transport=polling", scene.path);
    let opened = Request::get(&path).send(scene.proxy.port()).text();
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    let path = format!("{path}&sid={}", opened["sid"].as_str().unwrap());
    let post = |body: &str| {
        let request = Request::post(&path).body(body.as_bytes());
        let answer = request.send(scene.proxy.port());
        (answer.status, answer.text().contains("<html>"))
    };
    assert_eq!(post("40"), (200, false));
    for (size, expected) in [
        (scene.largest, (200, false)),
        (scene.largest + 1, (413, true)),
    ] {
        let event = [r#"42["echo",""#, r#""]"#];
        let text = "x".repeat(size - event.concat().len());
        assert_eq!(post(&event.join(&text)), expected, "{size} bytes");
    }
}

/// The proxy is told its configuration anew, and cuts all websockets: nothing is lost, and every session goes on.
async fn reload_loses_nothing(scene: &Scene<'_>, load: &Load) {
    scene.proxy.reload();
    let cut = async || {
        let lost = load.trace().lost.len();
        (lost >= 2 * CLIENTS)
            .then_some(())
            .ok_or_else(|| format!("{lost} were cut"))
    };
    until("all websockets are cut", Duration::from_secs(30), cut).await;
    load.all_ready().await;
    for (name, client) in load.seen() {
        assert!(
            client.recovered.iter().all(|recovered| *recovered),
            "{name}: {client:?}"
        );
    }
}

fn check(front: Front, engine: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let redis = Redis::start();
    let scene = Scene::start(&redis, engine, front);
    let url = format!("http://127.0.0.1:{}", scene.proxy.port());
    let (quiet, load) = (Load::start(&url), Load::start(&url));
    runtime.block_on(async {
        addresses_are_those_of_clients(&scene, &load);
        for (name, transports) in TRANSPORTS {
            let transports = json!({ "transports": transports });
            scene.connect(&load, name, CLIENTS, &["all"], &transports);
            load.publish(&format!("{name}-0"), "all");
        }
        load.post(
            "backend",
            &format!("http://127.0.0.1:{}", scene.gateway(0).api_port()),
            "all",
        );
        largest_messages_pass(&scene, &load).await;
        larger_bodies_do_not(&scene);
        reload_loses_nothing(&scene, &load).await;
        load.settle().await;

        for (name, transports) in TRANSPORTS {
            let transports = json!({ "transports": transports });
            scene.connect(&quiet, name, 1, &[], &transports);
        }
        let began = Instant::now();
        tokio::time::sleep(MINUTE).await;
        let reasons: Vec<_> = quiet
            .seen()
            .into_values()
            .flat_map(|client| client.reasons)
            .collect();
        assert_eq!(
            reasons,
            [""; 0],
            "{front:?}: after {:?} of silence",
            began.elapsed()
        );
        for (transport, _) in TRANSPORTS {
            let answer = quiet.ask(&format!("{transport}-0"), "echo", &[json!(1)]);
            assert_eq!(answer, [json!(1)]);
        }
    });
}

#[test]
fn nginx() {
    let engine = json!({
        "pingInterval": "25s",
        "pingTimeout": "60s",
        "maxPayload": "2MB",
        "path": "/realtime/",
    });
    check(Front::Nginx, &engine);
}

#[test]
fn haproxy() {
    check(Front::Haproxy, &Value::Null);
}
