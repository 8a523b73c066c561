//! Container hosts: the page and the compose file, run as they are written, with real clients.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use carillon_tests::clients::Clients;
use carillon_tests::container::Container;
use carillon_tests::desk::Desk;
use carillon_tests::http::Request;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use carillon_tests::{packaging, pages, wait};
use serde_json::{Value, json};

type Environment = BTreeMap<String, String>;

const MEMORY: u64 = 512 << 20;
const EVENT: &str = "election:results-update";
const PAGE: &str = "docs/container-hosts.md";
const EMIT: &str = "curl -sS";
/// The key of the page.
const KEY: &str = "a-long-random-text";

/// The variables of every `env` block of the page, in order.
fn environments() -> Vec<Environment> {
    let blocks = pages::fenced(&pages::read(PAGE), "env");
    blocks
        .iter()
        .map(|block| {
            let pairs = block.lines().map(|line| line.split_once('=').unwrap());
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
        .collect()
}

/// A browser of the app, which joins election 1. `ws-…` has a websocket from the start, others begin by polling.
fn browser(clients: &Clients, name: &str, url: &str, environment: &Environment) {
    let transports = ["polling", "websocket"];
    let more = json!({
        "url": url,
        "transports": &transports[usize::from(name.starts_with("ws-"))..],
        "options": { "extraHeaders": { "origin": environment["NEXT_PUBLIC_APP_URL"] } },
    });
    clients.connect_with(name, 0, "/politics", &more);
    clients.ask(name, "join-election", &[json!("1")]);
}

/// The call of a backend, as the page has it, but for the address and the key; what it prints.
fn emit(url: &str, key: &str) -> Value {
    let call = pages::command((PAGE, EMIT));
    let here = call
        .replace("https://realtime.example.com", url)
        .replace(KEY, key);
    assert!(here.contains(url) && here.contains(key) && here.contains(EVENT));
    let said = Desk::new().unwrap().run(&here);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn url_of(container: &Container, port: u16) -> String {
    format!("http://{}:{port}", container.address())
}

fn wait_for_event(clients: &Clients, names: &[&str]) {
    wait::until("every browser has the event once", || {
        let ledgers = clients.ledgers();
        let once = |name: &&str| ledgers[*name] == [json!([EVENT, { "reported": 42 }])];
        names.iter().all(once).then_some(())
    });
}

#[test]
fn one_container() {
    let environment = environments().remove(0);
    let container = Container::start(&environment, MEMORY);
    let port: u16 = environment["PORT"].parse().unwrap();
    let clients = Clients::start();
    let url = url_of(&container, port);
    browser(&clients, "browser", &url, &environment);

    let key = &environment["CARILLON_API_KEY"];
    assert_eq!(key, KEY, "the page's call has the page's key");
    assert_eq!(emit(&url, key)["recipients"], 1);
    wait_for_event(&clients, &["browser"]);
    assert_eq!(emit(&url, "another-key")["status"], 401);

    let open = Request::get("/socket.io/?EIO=4&transport=polling");
    let from = |origin: &str| {
        let asked = open.clone().header("origin", origin);
        let answer = container.ask(port, &asked).unwrap();
        answer
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    let app = environment["NEXT_PUBLIC_APP_URL"].as_str();
    assert_eq!(from(app).as_deref(), Some(app));
    assert_eq!(from("https://evil.example"), None);
    let api = container.ask(3002, &Request::get("/v1/info"));
    assert!(api.is_err(), "the API has no port of its own");

    let used = container.metric("process_resident_memory_bytes");
    let limit = used / container.metric("carillon_limit_ratio{resource=\"memory\"}");
    let expected = (MEMORY / 100 * 75) as f64;
    assert!(
        (limit / expected - 1.0).abs() < 0.05,
        "{limit} is not near {expected}"
    );
}

/// With Redis any of them serves everybody.
#[test]
fn two_containers() {
    let [mut environment, more] = <[Environment; 2]>::try_from(environments()).unwrap();
    assert_eq!(more.keys().collect::<Vec<_>>(), ["REDIS_URL"]);
    let redis = Redis::start();
    environment.insert("REDIS_URL".to_owned(), redis.url());
    let containers = [0, 1].map(|_| Container::start(&environment, MEMORY));
    let port: u16 = environment["PORT"].parse().unwrap();
    let clients = Clients::start();
    for (name, container) in ["one", "other"].iter().zip(&containers) {
        browser(&clients, name, &url_of(container, port), &environment);
    }
    let told = emit(&url_of(&containers[0], port), KEY);
    assert_eq!(told["accepted"], true, "{told}");
    wait_for_event(&clients, &["one", "other"]);
}

/// The compose file, as Docker Compose reads it.
fn compose() -> Value {
    packaging::json(
        "compose",
        &["deploy/compose.yaml", "CARILLON_API_KEY=a-key-of-this-test"],
    )
}

#[test]
fn every_service_is_nobody_and_writes_nothing() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
        let user = service["user"].as_str().unwrap_or_default();
        assert!(!user.is_empty() && !user.starts_with('0'), "{name}");
        let limit: u64 = service["mem_limit"].as_str().unwrap().parse().unwrap();
        assert!(limit <= MEMORY, "{name}");
    }
}

/// The environment of a service, where the names of other services are what they are here.
fn environment(service: &Value, redis: &Redis) -> Environment {
    let [mount] = service["volumes"].as_array().unwrap().as_slice() else {
        panic!("one volume");
    };
    let [source, target] = ["source", "target"].map(|key| mount[key].as_str().unwrap());
    let here = |value: &str| {
        let value = value.replace("redis://redis:6379", &redis.url());
        match value.strip_prefix(target) {
            Some(file) => format!("{source}{file}"),
            None => value,
        }
    };
    let variables = service["environment"].as_object().unwrap();
    let pairs = variables
        .iter()
        .map(|(name, value)| (name.clone(), here(value.as_str().unwrap())));
    pairs.collect()
}

/// nginx by the file of the compose file, which finds its gateways where they are here.
fn nginx(compose: &Value, gateways: &BTreeMap<String, SocketAddr>) -> Proxy {
    let service = &compose["services"]["nginx"];
    let file = PathBuf::from(service["volumes"][0]["source"].as_str().unwrap());
    let text = fs::read_to_string(file).unwrap();
    let listens = format!("listen {};", service["ports"][0]["target"]);
    assert!(text.contains(&listens), "{listens}");
    Proxy::nginx_by(|folder, port| {
        let mut text = text
            .replace(&listens, &format!("listen 127.0.0.1:{port};"))
            .replace(" /tmp/", &format!(" {}/", folder.display()));
        for (name, address) in gateways {
            let named = format!("server {name}:{};", address.port());
            assert!(text.contains(&named), "{named}");
            text = text.replace(&named, &format!("server {address};"));
        }
        text
    })
}

#[test]
fn two_behind_nginx() {
    let compose = compose();
    let redis = Redis::start();
    let services = compose["services"].as_object().unwrap().iter();
    let gateways = services.filter(|(name, _)| name.starts_with("gateway-"));
    let started: BTreeMap<String, (Container, Environment)> = gateways
        .map(|(name, service)| {
            let environment = environment(service, &redis);
            let memory: u64 = service["mem_limit"].as_str().unwrap().parse().unwrap();
            (
                name.clone(),
                (Container::start(&environment, memory), environment),
            )
        })
        .collect();
    assert_eq!(started.len(), 2);
    let addresses = started.iter().map(|(name, (container, environment))| {
        let port = environment["PORT"].parse().unwrap();
        (name.clone(), SocketAddr::new(container.address(), port))
    });
    let nginx = nginx(&compose, &addresses.collect());
    let url = format!("http://127.0.0.1:{}", nginx.port());
    let clients = Clients::start();
    let names = ["one", "two", "ws-one", "ws-two"];
    let environment = &started["gateway-1"].1;
    for name in names {
        browser(&clients, name, &url, environment);
    }
    let told = emit(&url, &environment["CARILLON_API_KEY"]);
    assert_eq!(told["accepted"], true, "{told}");
    wait_for_event(&clients, &names);
    for (name, (container, _)) in &started {
        let sockets = container.metric("carillon_sockets{namespace=\"/politics\"}");
        assert!(sockets >= 1.0, "round robin reaches {name}");
    }
}
