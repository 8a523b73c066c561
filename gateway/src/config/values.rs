//! The forms of values: pure parsers whose error says what is allowed.

use std::net::IpAddr;
use std::time::Duration;

use carillon_crds::units;

use super::{Api, Bind, LogFilter, RedisMode, Secret, SubscriptionMode};

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| "must be a port from 0 to 65535 (0: any free one)".to_owned())
}

pub(super) fn api(text: &str) -> Result<Api, String> {
    match text {
        "off" => Ok(Api::Off),
        "client" => Ok(Api::Client),
        _ => text
            .parse()
            .map(Api::Port)
            .map_err(|_| "must be a port from 0 to 65535, or `client`, or `off`".to_owned()),
    }
}

pub(super) fn bind(text: &str) -> Result<Bind, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.is_unspecified() => Ok(Bind::All),
        Ok(address) => Ok(Bind::Only(address)),
        Err(_) => Err("must be an IP address, such as 127.0.0.1 or ::".to_owned()),
    }
}

pub(super) fn on_off(text: &str) -> Result<bool, String> {
    switch(text).map_err(|_| "must be on or off".to_owned())
}

/// An address of this machine that others can dial.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    match bind(text) {
        Ok(Bind::Only(address)) if !address.is_unspecified() => Ok(address),
        _ => Err("must be an IP address that other nodes can dial, such as 10.0.0.7".to_owned()),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "on" => Ok(true),
        "0" | "false" | "off" => Ok(false),
        _ => Err("must be 1 or 0".to_owned()),
    }
}

pub(super) fn shards(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=255) => Ok(count),
        _ => Err("must be a number from 1 to 255".to_owned()),
    }
}

pub(super) fn node_id(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 characters of A-Z a-z 0-9 . _ -".to_owned())
    }
}

pub(super) fn log(text: &str) -> Result<LogFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for directive in text.split(',') {
        let (target, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
        let named = target
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c));
        if target.is_empty() || !named || !LEVELS.contains(&level) {
            return Err(format!(
                "{directive:?} must be one of {}, or `module=level`",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(LogFilter(text.to_owned()))
}

/// The origin of a URL: scheme and authority, as browsers send it.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let problem = || "must be a URL such as https://app.example.com".to_owned();
    let text = text.to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://").ok_or_else(problem)?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(problem()),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if authority.is_empty() || authority.starts_with(':') || !authority.chars().all(fits) {
        return Err(problem());
    }
    Ok(format!("{scheme}://{authority}"))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<units::Duration>().map(units::Duration::get) {
        Ok(duration) if duration <= Duration::from_secs(3_600) => Ok(duration),
        Ok(_) => Err("must be at most 1h".to_owned()),
        Err(_) => Err("must be a number and a unit, such as 250ms, 5s, 2m or 1h".to_owned()),
    }
}

/// A rate as events in a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<units::Rate>().map(units::Rate::a_second);
    rate.map_err(|_| "must be a rate such as 200/s or 600/m".to_owned())
}

/// A URL of Redis, by its scheme; the bus reads the rest.
pub(super) fn redis_url(text: &str) -> Result<Secret, String> {
    const SCHEMES: [&str; 6] = [
        "redis",
        "rediss",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
    ];
    match text.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme) && !rest.is_empty() => {
            Ok(Secret(text.to_owned()))
        }
        _ => Err(format!(
            "must begin with one of {}, each with ://",
            SCHEMES.join(", ")
        )),
    }
}

pub(super) fn redis_mode(text: &str) -> Result<RedisMode, String> {
    match text {
        "classic" => Ok(RedisMode::Classic),
        "sharded" => Ok(RedisMode::Sharded),
        "streams" => Ok(RedisMode::Streams),
        _ => Err("must be classic, sharded or streams".to_owned()),
    }
}

pub(super) fn subscription_mode(text: &str) -> Result<SubscriptionMode, String> {
    match text {
        "static" => Ok(SubscriptionMode::Static),
        "dynamic" => Ok(SubscriptionMode::Dynamic),
        "dynamic-private" => Ok(SubscriptionMode::DynamicPrivate),
        _ => Err("must be static, dynamic or dynamic-private".to_owned()),
    }
}

/// A prefix of Redis keys and channels.
pub(super) fn key_prefix(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic() && c != '#';
    if (1..=128).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 128 visible ASCII characters without #".to_owned())
    }
}

pub(super) fn stream_count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count @ 1..=64) => Ok(count),
        _ => Err("must be a number from 1 to 64".to_owned()),
    }
}

/// A key that fits into an `Authorization` header.
pub(super) fn key(text: &str) -> Result<Secret, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret(text.to_owned()))
    } else {
        Err("must be of visible ASCII characters without spaces".to_owned())
    }
}

/// A key that is too long to be guessed.
pub(super) fn peer_key(text: &str) -> Result<Secret, String> {
    if text.len() < 32 {
        return Err(
            "must have 32 characters or more (`openssl rand -hex 32` makes some)".to_owned(),
        );
    }
    key(text)
}
