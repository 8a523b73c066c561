//! From settings to a [`Config`]: one function a part, every fault noted before any is reported.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_crds::names::port;

use super::settings::{Setting, Settings};
use super::variables::{self as v, Variable};
use super::{
    Api, Bind, Config, DrainSettings, Faults, LogFilter, PeerSettings, RulesSource, Secret, values,
};

/// The configuration of a gateway that serves.
pub(super) fn config(mut settings: Settings<'_>) -> Result<Config, Faults> {
    let s = &mut settings;
    let rules = rules(s);
    let development = rules == RulesSource::Development;
    refuse_later(s);
    let (api, api_key) = api(s, development);
    let config = Config {
        bind: bind(s, development),
        client_port: s.parse(&v::PORT, values::port).unwrap_or(port::CLIENT),
        api,
        api_key,
        admin_port: s.parse(&v::ADMIN_PORT, values::port).unwrap_or(port::ADMIN),
        node_id: s.parse(&v::NODE_ID, values::node_id),
        shards: shards(s),
        log: s
            .parse(&v::LOG, values::log)
            .unwrap_or_else(|| LogFilter("info".to_owned())),
        app_origin: s.parse(&v::APP_URL, values::origin),
        drain: drain(s, development),
        is_cluster: false,
        peer: peer(s),
        rules,
    };
    refuse_shared_ports(s, &config);
    settings.finish(config)
}

/// The document that a subcommand is about.
pub(super) fn document(
    mut settings: Settings<'_>,
    file: Option<&OsString>,
) -> Result<RulesSource, Faults> {
    if let Some(file) = file {
        return Ok(RulesSource::File(PathBuf::from(file)));
    }
    let source = rules(&mut settings);
    if source == RulesSource::Development {
        settings.fault(
            "",
            None,
            "name a file, or set CARILLON_RULES or CARILLON_RULES_TEXT",
        );
    }
    settings.finish(source)
}

fn rules(s: &mut Settings<'_>) -> RulesSource {
    let (file, text) = (s.get(&v::RULES), s.get(&v::RULES_TEXT));
    if let (Some(file), Some(text)) = (&file, &text) {
        let problem = format!("only one of {} and {} may be set", file.name, text.name);
        s.fault("", None, problem);
    }
    match (file, text) {
        (Some(file), _) => RulesSource::File(PathBuf::from(file.value)),
        (None, Some(text)) => RulesSource::Text(text.value),
        (None, None) => {
            refuse_unruled(s);
            RulesSource::Development
        }
    }
}

/// Who names a bus or an app means production, which development rules are not for.
fn refuse_unruled(s: &mut Settings<'_>) {
    let bus = v::LATER
        .iter()
        .filter(|variable| variable.flag.starts_with("redis-url"));
    let named: Vec<Setting> = bus
        .chain([&v::APP_URL])
        .filter_map(|variable| s.get(variable))
        .collect();
    for setting in named {
        s.refuse(
            &setting,
            "needs rules: set CARILLON_RULES to a document (examples/government-sim.yaml is one); \
             without rules this is development mode, for one machine and its localhost pages",
        );
    }
}

fn refuse_later(s: &mut Settings<'_>) {
    for setting in v::LATER
        .iter()
        .filter_map(|variable| s.get(variable))
        .collect::<Vec<_>>()
    {
        s.refuse(
            &setting,
            "not supported by this version, whose bus is the memory of one node",
        );
    }
}

fn bind(s: &mut Settings<'_>, development: bool) -> Bind {
    let everywhere = s.parse(&v::DEV, values::switch).unwrap_or(false);
    if let (true, false, Some(dev)) = (everywhere, development, s.get(&v::DEV)) {
        s.refuse(
            &dev,
            "is for development mode, but there are rules: unset one of them",
        );
    }
    let given = s.parse(&v::BIND, values::bind);
    if !development || everywhere {
        return given.unwrap_or(Bind::All);
    }
    match (given, s.get(&v::BIND)) {
        (Some(Bind::Only(address)), _) if address.to_canonical().is_loopback() => {}
        (Some(_), Some(setting)) => s.refuse(
            &setting,
            "without rules (CARILLON_RULES) anybody may publish: only loopback, unless CARILLON_DEV=1",
        ),
        _ => {}
    }
    given.unwrap_or(Bind::Only(Ipv4Addr::LOCALHOST.into()))
}

fn api(s: &mut Settings<'_>, development: bool) -> (Api, Option<Secret>) {
    let api = s
        .parse(&v::API_PORT, values::api)
        .unwrap_or(Api::Port(port::API));
    let key = key(s, &v::API_KEY, &v::API_KEY_FILE, values::key);
    let given = s.get(&v::API_KEY).or_else(|| s.get(&v::API_KEY_FILE));
    if let (Api::Client, true, None, Some(setting)) = (api, development, given, s.get(&v::API_PORT))
    {
        s.refuse(
            &setting,
            "needs a key: set CARILLON_API_KEY or CARILLON_API_KEY_FILE",
        );
    }
    (api, key)
}

/// A key, from its variable or from a file.
fn key(
    s: &mut Settings<'_>,
    plain: &Variable,
    file: &Variable,
    parse: fn(&str) -> Result<Secret, String>,
) -> Option<Secret> {
    let Some(file) = s.get(file) else {
        return s.parse(plain, parse);
    };
    if let Some(key) = s.get(plain) {
        let problem = format!("only one of {} and {} may be set", key.name, file.name);
        s.fault("", None, problem);
    }
    let read = s.environment.read(Path::new(&file.value));
    let key = read
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|text| parse(text.trim()).map_err(|problem| format!("its text {problem}")));
    key.map_err(|problem| s.refuse(&file, problem)).ok()
}

fn peer(s: &mut Settings<'_>) -> Option<PeerSettings> {
    let is_on = s.parse(&v::PEER, values::on_off).unwrap_or(true);
    let settings = PeerSettings {
        port: s.parse(&v::PEER_PORT, values::port).unwrap_or(port::PEER),
        address: s.parse(&v::PEER_ADDRESS, values::address),
        key: key(s, &v::PEER_KEY, &v::PEER_KEY_FILE, values::peer_key),
    };
    is_on.then_some(settings)
}

fn shards(s: &mut Settings<'_>) -> usize {
    let processors = s.environment.parallelism().clamp(1, 255);
    s.parse(&v::SHARDS, values::shards).unwrap_or(processors)
}

fn drain(s: &mut Settings<'_>, development: bool) -> DrainSettings {
    // Nobody balances load onto a developer's machine, and Ctrl-C should end at once.
    let hold = Duration::from_secs(if development { 0 } else { 5 });
    DrainSettings {
        hold: s.parse(&v::DRAIN_HOLD, values::duration).unwrap_or(hold),
        timeout: s
            .parse(&v::DRAIN_TIMEOUT, values::duration)
            .unwrap_or(Duration::from_secs(10)),
        per_second: s.parse(&v::DRAIN_RATE, values::rate).unwrap_or(200.0),
    }
}

fn refuse_shared_ports(s: &mut Settings<'_>, config: &Config) {
    let mut ports = vec![
        ("the client port", config.client_port),
        ("the admin port", config.admin_port),
    ];
    if let Api::Port(port) = config.api {
        ports.push(("the API port", port));
    }
    if let Some(peer) = config.peer_link() {
        ports.push(("the peer port", peer.port));
    }
    for (i, (first, port)) in ports.iter().enumerate() {
        for (second, _) in ports[i + 1..]
            .iter()
            .filter(|(_, other)| other == port && *port != 0)
        {
            s.fault("", None, format!("{first} and {second} are both {port}"));
        }
    }
}
