//! What `carillon-gateway probe` is told.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use http::Uri;
use http::uri::{PathAndQuery, Scheme};

use super::settings::Settings;
use super::{Faults, Secret, values, variables};

/// A client that tries a server, once by each transport.
#[derive(Debug, Clone)]
pub struct Probe {
    /// `http://host[:port]/path/` of Socket.IO.
    pub url: Uri,
    /// The namespace that it connects to, with its slash.
    pub namespace: String,
    /// What it connects with: a JSON object.
    pub auth: Option<Secret>,
    /// Where, and with which key, it has an event sent to itself; absent = it only connects.
    pub api: Option<(Uri, Secret)>,
    /// How long all may take by one transport.
    pub timeout: Duration,
}

const URL: &str = "url";
const NAMESPACE: &str = "namespace";
const AUTH_FILE: &str = "auth-file";
const API_URL: &str = "api-url";
const TIMEOUT: &str = "timeout";

pub(super) fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("probe")
        .about("Connect to a server by polling and by websocket and, with --api-url, receive an event that it is made to send; exit 1 if that fails")
        .after_help("The key of the HTTP API is read from CARILLON_API_KEY.")
        .args([
            option(URL, "URL", "The server, with the path of Socket.IO if that is not /socket.io/")
                .default_value("http://127.0.0.1:3001")
                .value_parser(socket_io),
            option(NAMESPACE, "NAMESPACE", "What it connects to")
                .default_value("/")
                .value_parser(namespace),
            option(AUTH_FILE, "FILE", "A JSON object to connect with")
                .value_parser(value_parser!(PathBuf)),
            option(API_URL, "URL", "The HTTP API, by which an event is sent to each connection")
                .value_parser(url),
            option(TIMEOUT, "TIME", "How long one transport may take")
                .default_value("10s")
                .value_parser(values::duration),
        ])
}

/// What the subcommand's arguments say. They were checked one by one when they were read; what is absent was refused.
pub(super) fn probe(mut settings: Settings<'_>, matches: &ArgMatches) -> Result<Probe, Faults> {
    let s = &mut settings;
    let key = s.parse(&variables::API_KEY, values::key);
    let api_url = matches.get_one::<Uri>(API_URL).cloned();
    if api_url.is_some() && key.is_none() {
        s.fault("--api-url", None, "needs a key in CARILLON_API_KEY");
    }
    let auth = matches
        .get_one::<PathBuf>(AUTH_FILE)
        .and_then(|file| auth(s, file));
    let probe = Probe {
        url: matches.get_one::<Uri>(URL).cloned().unwrap_or_default(),
        namespace: matches
            .get_one::<String>(NAMESPACE)
            .cloned()
            .unwrap_or_default(),
        auth,
        api: api_url.zip(key),
        timeout: matches
            .get_one::<Duration>(TIMEOUT)
            .copied()
            .unwrap_or_default(),
    };
    settings.finish(probe)
}

fn auth(s: &mut Settings<'_>, file: &Path) -> Option<Secret> {
    let read = s.environment.read(file);
    let read = read.map_err(|error| error.to_string());
    let object = read.and_then(|text| {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
            .map(|object| serde_json::Value::Object(object).to_string())
            .map_err(|error| format!("must hold a JSON object: {error}"))
    });
    object
        .map(Secret)
        .map_err(|problem| s.fault("--auth-file", Some(file.display().to_string()), problem))
        .ok()
}

fn namespace(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains([',', '?']) {
        Ok(text.to_owned())
    } else {
        Err("must begin with / and have no comma and no question mark".to_owned())
    }
}

/// A probe stands inside the cluster, behind what ends TLS.
fn url(text: &str) -> Result<Uri, String> {
    let problem = || "must be a URL such as http://game.default:3001".to_owned();
    let url: Uri = text.parse().map_err(|_| problem())?;
    let fits = url.scheme() == Some(&Scheme::HTTP) && url.host().is_some() && url.query().is_none();
    fits.then_some(url).ok_or_else(problem)
}

fn socket_io(text: &str) -> Result<Uri, String> {
    let url = url(text)?;
    if url.path().len() > 1 {
        return Ok(url);
    }
    let mut parts = url.into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static("/socket.io/"));
    Uri::from_parts(parts).map_err(|error| error.to_string())
}
