//! From settings to a [`Config`]: one function a part, every fault noted before any is reported.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_crds::names::port;

use super::settings::{Setting, Settings};
use super::variables::{self as v, Variable};
use super::{
    Api, Bind, Check, Config, DrainSettings, Faults, LogFilter, PeerSettings, RedisSettings,
    RulesSource, Secret, SubscriptionMode, values,
};

/// The configuration of a gateway that serves.
pub(super) fn config(mut settings: Settings<'_>) -> Result<Config, Faults> {
    let s = &mut settings;
    let rules = rules(s);
    let development = rules == RulesSource::Development;
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
        redis: redis(s),
        peer: peer(s),
        rules,
    };
    refuse_shared_ports(s, &config);
    settings.finish(config)
}

/// The document that a subcommand is about, and the bus that it is for.
pub(super) fn check(mut settings: Settings<'_>, file: Option<&OsString>) -> Result<Check, Faults> {
    let s = &mut settings;
    let source = match file {
        Some(file) => RulesSource::File(PathBuf::from(file)),
        None => rules(s),
    };
    if source == RulesSource::Development {
        s.fault(
            "",
            None,
            "name a file, or set CARILLON_RULES or CARILLON_RULES_TEXT",
        );
    }
    let check = Check {
        source,
        mode: s.parse(&v::REDIS_MODE, values::redis_mode),
        subscription_mode: subscription_mode(s),
    };
    settings.finish(check)
}

fn subscription_mode(s: &mut Settings<'_>) -> SubscriptionMode {
    s.parse(&v::REDIS_SUBSCRIPTION_MODE, values::subscription_mode)
        .unwrap_or(SubscriptionMode::Dynamic)
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
    let named: Vec<Setting> = [&v::REDIS_URL, &v::REDIS_URL_FILE, &v::APP_URL]
        .into_iter()
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
    let key = secret(s, &v::API_KEY, &v::API_KEY_FILE, values::key);
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

/// A secret that is given itself, or by the file that holds it.
fn secret(
    s: &mut Settings<'_>,
    itself: &Variable,
    in_file: &Variable,
    parse: impl Fn(&str) -> Result<Secret, String>,
) -> Option<Secret> {
    let Some(file) = s.get(in_file) else {
        return s.parse(itself, parse);
    };
    if let Some(value) = s.get(itself) {
        let problem = format!("only one of {} and {} may be set", value.name, file.name);
        s.fault("", None, problem);
    }
    let read = s.environment.read(Path::new(&file.value));
    let value = read
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|text| parse(text.trim()).map_err(|problem| format!("its text {problem}")));
    value.map_err(|problem| s.refuse(&file, problem)).ok()
}

fn redis(s: &mut Settings<'_>) -> Option<RedisSettings> {
    let url = secret(s, &v::REDIS_URL, &v::REDIS_URL_FILE, values::redis_url);
    let key_prefix = s
        .parse(&v::REDIS_KEY_PREFIX, values::key_prefix)
        .unwrap_or_else(|| "socket.io".to_owned());
    let settings = RedisSettings {
        url_file: path(s, &v::REDIS_URL_FILE),
        ca: redis_ca(s),
        ca_file: path(s, &v::REDIS_CA_FILE),
        mode: s.parse(&v::REDIS_MODE, values::redis_mode),
        stream_name: s
            .parse(&v::REDIS_STREAM_NAME, values::key_prefix)
            .unwrap_or_else(|| key_prefix.clone()),
        stream_count: s
            .parse(&v::REDIS_STREAM_COUNT, values::stream_count)
            .unwrap_or(1),
        subscription_mode: subscription_mode(s),
        request_timeout: s
            .parse(&v::REDIS_REQUEST_TIMEOUT, values::duration)
            .unwrap_or(Duration::from_secs(5)),
        key_prefix,
        url: url.clone().unwrap_or_else(|| Secret(String::new())),
    };
    refuse_without_redis(s);
    url.map(|_| settings)
}

fn path(s: &mut Settings<'_>, variable: &Variable) -> Option<PathBuf> {
    s.get(variable).map(|file| PathBuf::from(file.value))
}

/// The text of the file of certificates.
fn redis_ca(s: &mut Settings<'_>) -> Option<String> {
    let file = s.get(&v::REDIS_CA_FILE)?;
    let read = s.environment.read(Path::new(&file.value));
    read.map_err(|error| s.refuse(&file, format!("cannot be read: {error}")))
        .ok()
}

fn refuse_without_redis(s: &mut Settings<'_>) {
    if s.get(&v::REDIS_URL).is_some() || s.get(&v::REDIS_URL_FILE).is_some() {
        return;
    }
    let lost = [
        &v::REDIS_CA_FILE,
        &v::REDIS_MODE,
        &v::REDIS_KEY_PREFIX,
        &v::REDIS_STREAM_NAME,
        &v::REDIS_STREAM_COUNT,
        &v::REDIS_SUBSCRIPTION_MODE,
        &v::REDIS_REQUEST_TIMEOUT,
    ];
    let lost: Vec<Setting> = lost
        .into_iter()
        .filter_map(|variable| s.get(variable))
        .collect();
    for setting in lost {
        s.refuse(&setting, "means nothing without CARILLON_REDIS_URL");
    }
}

fn peer(s: &mut Settings<'_>) -> Option<PeerSettings> {
    let is_on = s.parse(&v::PEER, values::on_off).unwrap_or(true);
    let settings = PeerSettings {
        port: s.parse(&v::PEER_PORT, values::port).unwrap_or(port::PEER),
        address: s.parse(&v::PEER_ADDRESS, values::address),
        key: secret(s, &v::PEER_KEY, &v::PEER_KEY_FILE, values::peer_key),
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
