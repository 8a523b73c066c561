use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::*;

struct Fake(Vec<(String, String)>);

impl Environment for Fake {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        self.0
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/key") => Ok("from-a-file\n".to_owned()),
            Some("/auth") => Ok(r#"{ "token": "t" }"#.to_owned()),
            Some("/spaced") => Ok("two words\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn parallelism(&self) -> usize {
        6
    }
}

/// `A=1 B=2 --flag value`: words with `=` before the first flag are variables.
pub(super) fn given(line: &str) -> Result<Invocation, Faults> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let split = words
        .iter()
        .position(|word| !word.contains('=') || word.starts_with('-'));
    let (variables, arguments) = words.split_at(split.unwrap_or(words.len()));
    let variables = variables.iter().map(|word| {
        let (name, value) = word.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let arguments = [&"carillon-gateway"]
        .into_iter()
        .chain(arguments)
        .map(OsString::from);
    parse(arguments, &Fake(variables.collect()))
}

fn config(line: &str) -> Config {
    match given(line) {
        Ok(Invocation::Run(config)) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

pub(super) fn faults(line: &str) -> Vec<String> {
    match given(line) {
        Err(Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("{line}: {other:?}"),
    }
}

/// The faults of `line` are as many as `expected`, and each holds its text.
fn refused(line: &str, expected: &[&str]) {
    let faults = faults(line);
    assert_eq!(faults.len(), expected.len(), "{line}: {faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(
            fault.contains(expected),
            "{line}: {fault:?} lacks {expected:?}"
        );
    }
}

const LOOPBACK: Bind = Bind::Only(IpAddr::V4(Ipv4Addr::LOCALHOST));

#[test]
fn nothing_given_is_development_on_loopback() {
    let config = config("");
    assert!(config.is_development());
    assert_eq!(config.bind, LOOPBACK);
    assert_eq!((config.client_port, config.admin_port), (3001, 9090));
    assert_eq!(config.api, Api::Port(3002));
    assert_eq!(config.shards, 6);
    assert_eq!(config.log.as_str(), "info");
    assert_eq!(config.drain.hold, Duration::ZERO);
    assert!(config.api_key.is_none() && config.node_id.is_none() && config.app_origin.is_none());
}

#[test]
fn rules_open_all_addresses() {
    let config = config("CARILLON_RULES=/r.yaml");
    assert_eq!(config.rules, RulesSource::File("/r.yaml".into()));
    assert_eq!(config.bind, Bind::All);
    assert_eq!(config.drain.hold, Duration::from_secs(5));
    assert_eq!(config.drain.per_second, 200.0);
}

#[test]
fn socket_port_wins_over_port_and_a_flag_over_both() {
    assert_eq!(config("PORT=1").client_port, 1);
    assert_eq!(config("PORT=1 SOCKET_PORT=2").client_port, 2);
    assert_eq!(config("PORT=1 SOCKET_PORT=2 --port 3").client_port, 3);
    assert_eq!(config("PORT=1 SOCKET_PORT=").client_port, 1);
}

#[test]
fn development_listens_further_only_when_told() {
    assert_eq!(config("CARILLON_DEV=1").bind, Bind::All);
    assert_eq!(
        config("CARILLON_BIND=::1").bind,
        Bind::Only("::1".parse().unwrap())
    );
    let everywhere = config("CARILLON_DEV=1 CARILLON_BIND=10.0.0.1");
    assert_eq!(everywhere.bind, Bind::Only("10.0.0.1".parse().unwrap()));
    refused(
        "CARILLON_BIND=0.0.0.0",
        &["CARILLON_BIND (\"0.0.0.0\"): without rules"],
    );
    refused("CARILLON_BIND=::", &["unless CARILLON_DEV=1"]);
    refused("CARILLON_DEV=1 --rules r.yaml", &["there are rules"]);
}

#[test]
fn every_fault_at_once() {
    let line = "CARILLON_SHARDS=0 PORT=x CARILLON_LOG=loud CARILLON_DRAIN_HOLD=5 \
                CARILLON_DRAIN_RATE=0/s CARILLON_BIND=here CARILLON_SHARD=2 --node-id a/b --nonsense";
    refused(
        line,
        &[
            "CARILLON_SHARD: no such variable; did you mean CARILLON_SHARDS?",
            "unexpected argument '--nonsense'",
            "CARILLON_BIND (\"here\")",
            "PORT (\"x\")",
            "--node-id (\"a/b\")",
            "CARILLON_SHARDS (\"0\"): must be a number from 1 to 255",
            "CARILLON_LOG (\"loud\")",
            "CARILLON_DRAIN_HOLD (\"5\")",
            "CARILLON_DRAIN_RATE (\"0/s\")",
        ],
    );
}

#[test]
fn production_settings_need_rules() {
    refused(
        "NEXT_PUBLIC_APP_URL=https://a.example",
        &["examples/government-sim.yaml"],
    );
    refused("REDIS_URL=redis://:pass@r", &["needs rules"]);
    for fault in faults("REDIS_URL=redis://:pass@r") {
        assert!(!fault.contains("pass@"), "{fault}");
    }
}

#[test]
fn the_link_to_other_nodes() {
    assert!(config("CARILLON_PEER=off").peer.is_none());
    let config = config("");
    assert!(config.peer_link().is_none(), "one node has no peers");
    let peer = config.peer.expect("on by default");
    assert_eq!((peer.port, peer.address), (3003, None));
    assert!(peer.key.is_none());
    refused("CARILLON_PEER=maybe", &["must be on or off"]);
    refused("CARILLON_PEER_ADDRESS=0.0.0.0", &["can dial"]);
    refused("CARILLON_PEER_ADDRESS=pod-1", &["can dial"]);
    refused("CARILLON_PEER_KEY=short", &["32 characters"]);
    for fault in faults("CARILLON_PEER_KEY=short") {
        assert!(!fault.contains("short"), "{fault}");
    }
}

#[test]
fn settings_of_the_link() {
    let config = config(
        "CARILLON_PEER_PORT=4003 CARILLON_PEER_ADDRESS=10.0.0.7 CARILLON_PEER_KEY=0123456789abcdef0123456789abcdef",
    );
    let peer = config.peer.expect("on by default");
    assert_eq!(peer.port, 4003);
    assert_eq!(peer.address, Some([10, 0, 0, 7].into()));
    let key = peer.key.expect("a key");
    assert_eq!(key.expose(), "0123456789abcdef0123456789abcdef");
}

#[test]
fn redis_and_what_goes_with_it() {
    let redis = config("CARILLON_RULES=r REDIS_URL=redis://u:pass@r:1/2")
        .redis
        .unwrap();
    assert_eq!(redis.url.expose(), "redis://u:pass@r:1/2");
    assert!(!format!("{redis:?}").contains("pass"));
    assert_eq!(
        (&*redis.key_prefix, &*redis.stream_name),
        ("socket.io", "socket.io")
    );
    assert_eq!((redis.mode, redis.stream_count), (None, 1));
    let line = "CARILLON_RULES=r CARILLON_REDIS_URL=redis+cluster://r CARILLON_REDIS_MODE=streams CARILLON_REDIS_KEY_PREFIX=p";
    let redis = config(line).redis.unwrap();
    assert_eq!(
        (redis.mode, &*redis.stream_name),
        (Some(RedisMode::Streams), "p")
    );
    assert!(config("CARILLON_RULES=r").redis.is_none());
    let redis = config("CARILLON_RULES=r REDIS_URL=rediss://r CARILLON_REDIS_CA_FILE=/spaced")
        .redis
        .unwrap();
    assert_eq!(redis.ca.as_deref().map(str::trim), Some("two words"));
    refused(
        "CARILLON_RULES=r CARILLON_REDIS_CA_FILE=/key",
        &["means nothing without CARILLON_REDIS_URL"],
    );
    refused("CARILLON_RULES=r REDIS_URL=http://r", &["redis+sentinel"]);
    refused(
        "CARILLON_RULES=r CARILLON_REDIS_MODE=classic",
        &["means nothing without CARILLON_REDIS_URL"],
    );
    let bad = "CARILLON_RULES=r REDIS_URL=redis://r CARILLON_REDIS_MODE=x CARILLON_REDIS_STREAM_COUNT=0 CARILLON_REDIS_SUBSCRIPTION_MODE=y";
    refused(bad, &["must be classic", "1 to 64", "dynamic-private"]);
}

#[test]
fn service_links_are_no_settings() {
    let links = "CARILLON_SERVICE_HOST=10.0.0.1 CARILLON_SERVICE_PORT=3001 \
                 CARILLON_SERVICE_PORT_HTTP=3001 CARILLON_PORT=tcp://10.0.0.1:3001 \
                 CARILLON_PORT_3001_TCP=tcp://10.0.0.1:3001 CARILLON_PORT_3001_TCP_PROTO=tcp \
                 CARILLON_PORT_3001_TCP_PORT=3001 CARILLON_PORT_3001_TCP_ADDR=10.0.0.1 \
                 CARILLON_API_PORT=tcp://10.0.0.2:3002 SOCKET_PORT=tcp://10.0.0.3:1";
    let config = config(links);
    assert_eq!((config.client_port, config.api), (3001, Api::Port(3002)));
    refused("CARILLON_API_PORT=http", &["CARILLON_API_PORT"]);
    refused("CARILLON_X=1", &["no such variable; --help lists them all"]);
    refused("CARILLON_REPORT=1", &["did you mean PORT?"]);
}

#[test]
fn api_and_its_key() {
    assert_eq!(config("CARILLON_API_PORT=off").api, Api::Off);
    assert_eq!(
        config("CARILLON_API_PORT=client CARILLON_API_KEY=k").api,
        Api::Client
    );
    assert_eq!(
        config("CARILLON_RULES=r CARILLON_API_PORT=client").api,
        Api::Client
    );
    refused("CARILLON_API_PORT=client", &["needs a key"]);
    let key = config("CARILLON_API_KEY_FILE=/key").api_key.unwrap();
    assert_eq!(key.expose(), "from-a-file");
    assert_eq!(format!("{key:?}"), "Secret(…)");
    refused("CARILLON_API_KEY_FILE=/none", &["cannot be read"]);
    refused("CARILLON_API_KEY_FILE=/spaced", &["without spaces"]);
    refused(
        "CARILLON_API_KEY=k CARILLON_API_KEY_FILE=/key",
        &["only one of"],
    );
}

#[test]
fn ports_differ() {
    refused(
        "PORT=4000 CARILLON_ADMIN_PORT=4000",
        &["the client port and the admin port are both"],
    );
    config("PORT=0 CARILLON_ADMIN_PORT=0 CARILLON_API_PORT=0");
}

#[test]
fn rules_come_from_one_place() {
    assert_eq!(
        config("--rules-text {}").rules,
        RulesSource::Text("{}".to_owned())
    );
    refused(
        "CARILLON_RULES=a --rules-text b",
        &["only one of CARILLON_RULES and --rules-text"],
    );
}

#[test]
fn subcommands_name_their_document() {
    let file = |name: &str| RulesSource::File(name.into());
    let source = |line: &str| match given(line) {
        Ok(Invocation::Check(Check { source, .. }) | Invocation::Rules(source)) => source,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(source("check a.yaml"), file("a.yaml"));
    assert_eq!(source("CARILLON_RULES=b.yaml rules"), file("b.yaml"));
    assert_eq!(source("--rules c.yaml rules"), file("c.yaml"));
    assert!(matches!(given("rules a"), Ok(Invocation::Rules(_))));
    refused("check", &["name a file"]);
}

#[test]
fn a_check_may_be_for_a_bus() {
    let bus = |line: &str| match given(line) {
        Ok(Invocation::Check(check)) => (check.mode, check.subscription_mode),
        other => panic!("{line}: {other:?}"),
    };
    let dynamic = SubscriptionMode::Dynamic;
    for (line, expected) in [
        ("check a", (None, dynamic)),
        (
            "check --redis-mode classic a",
            (Some(RedisMode::Classic), dynamic),
        ),
        (
            "--redis-mode streams check a",
            (Some(RedisMode::Streams), dynamic),
        ),
        (
            "CARILLON_REDIS_MODE=sharded check --redis-subscription-mode static a",
            (Some(RedisMode::Sharded), SubscriptionMode::Static),
        ),
    ] {
        assert_eq!(bus(line), expected, "{line}");
    }
    refused("check --redis-mode x a", &["classic"]);
}

#[test]
fn help_lists_what_is_supported() {
    let Ok(Invocation::Print(help)) = given("--help") else {
        panic!()
    };
    for variable in variables::ALL {
        assert!(
            help.contains(&format!("--{}", variable.flag)),
            "{}",
            variable.flag
        );
        assert!(
            variable.env.iter().all(|name| help.contains(name)),
            "{}",
            variable.flag
        );
    }
}

#[test]
fn origins() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(values::origin(text).ok().as_deref(), expected, "{text}");
    };
    check(
        "https://App.example.com/path?x#y",
        Some("https://app.example.com"),
    );
    check("http://localhost:3000", Some("http://localhost:3000"));
    check("https://a.example:443/", Some("https://a.example"));
    check("http://[::1]:8080/", Some("http://[::1]:8080"));
    for bad in [
        "a.example",
        "ftp://a",
        "https://",
        "https://u:p@a",
        "https://:80",
        "https://a b",
    ] {
        check(bad, None);
    }
}

#[test]
fn durations_and_rates() {
    assert_eq!(values::duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(values::duration("0s"), Ok(Duration::ZERO));
    assert_eq!(values::duration("1h"), Ok(Duration::from_secs(3600)));
    for bad in [
        "",
        "5",
        "s",
        "-1s",
        "1.5s",
        "2h",
        "99999999999999999999s",
        "18446744073709551615m",
    ] {
        assert!(values::duration(bad).is_err(), "{bad}");
    }
    assert_eq!(values::rate("200/s"), Ok(200.0));
    assert_eq!(values::rate("30/m"), Ok(0.5));
    for bad in ["", "5", "0/s", "-1/s", "5/x", "/s"] {
        assert!(values::rate(bad).is_err(), "{bad}");
    }
}

#[test]
fn log_directives() {
    for good in [
        "info",
        "off",
        "info,carillon_gateway::api=debug",
        "h2=off,trace",
    ] {
        assert!(values::log(good).is_ok(), "{good}");
    }
    for bad in ["", "loud", "info,", "=debug", "a=b", "a b=info"] {
        assert!(values::log(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<&str> = variables::all()
        .flat_map(|variable| variable.env)
        .copied()
        .collect();
    names.extend(variables::all().map(|variable| variable.flag));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    command::command().debug_assert();
}

#[test]
fn the_docs_hold_the_table() {
    carillon_tests::generated::check_part("docs/configuration.md", "settings", &table::markdown());
}
