//! The top level of a document.

use std::collections::HashMap;
use std::sync::Arc;

use super::rulebook::{ApiKey, Rulebook};
use super::schemas::Schemas;
use super::{Checks, Origins, namespace};
use crate::document::{self, Document, Engine, Limits};
use crate::fault;
use crate::glob::Glob;
use crate::network::Network;
use crate::normal;

pub(super) fn compile(document: Document, checks: &mut Checks) -> Rulebook {
    engine(&document.engine, checks);
    let origins = Origins::compile(&document.cors, checks);
    let trusted_proxies = networks(&document.limits, checks);
    let api_keys = api_keys(&document.api_keys, checks);
    let names = |list: &str, i| fault::key(&fault::item(list, i), "name");
    let upstreams = document.upstreams.iter().enumerate();
    checks.unique(
        "the name",
        upstreams.map(|(i, it)| (names("upstreams", i), it.name.as_str())),
    );

    let mut schemas = Schemas::new(&document.schemas, checks);
    let mut exact = HashMap::new();
    let mut patterns = Vec::new();
    for (index, rules) in document.namespaces.iter().enumerate() {
        let path = fault::item("namespaces", index);
        let (regex, compiled) =
            namespace::compile(rules, &path, &document.engine, &mut schemas, checks);
        match regex {
            Some(regex) => patterns.push((regex, Arc::new(compiled))),
            None => drop(exact.insert(rules.name.as_str().into(), Arc::new(compiled))),
        }
    }
    let namespaces = || document.namespaces.iter().enumerate();
    let named = namespaces().filter(|(_, it)| !it.name.is_empty());
    checks.unique(
        "the name",
        named.map(|(i, it)| (names("namespaces", i), it.name.as_str())),
    );
    let by_pattern = namespaces().filter(|(_, it)| !it.pattern.is_empty());
    let place = |i| fault::key(&fault::item("namespaces", i), "pattern");
    checks.unique(
        "the pattern",
        by_pattern.map(|(i, it)| (place(i), it.pattern.as_str())),
    );

    let hash = normal::hash(&document);
    Rulebook {
        hash,
        development: false,
        origins,
        trusted_proxies,
        api_keys,
        exact,
        patterns,
        document,
    }
}

fn engine(engine: &Engine, checks: &mut Checks) {
    let durations = [
        ("engine.pingInterval", engine.ping_interval),
        ("engine.pingTimeout", engine.ping_timeout),
        ("engine.connectTimeout", engine.connect_timeout),
        ("engine.upgradeTimeout", engine.upgrade_timeout),
    ];
    for (path, duration) in durations {
        if duration.millis() == 0 {
            checks.fault(path, duration, "allowed: more than 0s");
        }
    }
    if engine.ping_interval.millis() + engine.ping_timeout.millis() > LONGEST_TIMER {
        let message = "pingInterval and pingTimeout together are at most 24 days: a browser's timer holds no more";
        checks.sentence("engine.pingInterval", message);
    }
    let payload = engine.max_payload;
    if !(1..=LARGEST_PAYLOAD).contains(&payload.bytes()) {
        checks.fault("engine.maxPayload", payload, "allowed: 1 byte to 1GiB");
    }
    let transports = &engine.transports;
    for (index, transport) in transports.iter().enumerate() {
        if transports[..index].contains(transport) {
            checks.fault(
                fault::item("engine.transports", index),
                transport,
                "the transport stands twice",
            );
        }
    }
}

fn networks(limits: &Limits, checks: &mut Checks) -> Vec<Network> {
    let mut networks = Vec::new();
    for (index, text) in limits.trusted_proxies.iter().enumerate() {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(error) => {
                let path = fault::item("limits.trustedProxies", index);
                checks.fault(path, text, format!("{error}"));
            }
        }
    }
    if limits.memory.is_some_and(|memory| memory.bytes() == 0) {
        checks.fault("limits.memory", limits.memory, "allowed: more than 0");
    }
    networks
}

fn api_keys(keys: &[document::ApiKey], checks: &mut Checks) -> Vec<ApiKey> {
    let name = |i| fault::key(&fault::item("apiKeys", i), "name");
    checks.unique(
        "the name",
        keys.iter()
            .enumerate()
            .map(|(i, key)| (name(i), key.name.as_str())),
    );
    for (index, key) in keys.iter().enumerate() {
        if key.name == ENV_KEY {
            checks.fault(
                name(index),
                &key.name,
                "this is the name of the key from CARILLON_API_KEY: choose another",
            );
        }
        let patterns = fault::key(&fault::item("apiKeys", index), "namespaces");
        for (at, pattern) in key.namespaces.iter().enumerate() {
            if !pattern.starts_with(['/', '*']) {
                let message = "expected a namespace such as /politics, in which * stands for any run of characters";
                checks.fault(fault::item(&patterns, at), pattern, message);
            }
        }
    }
    keys.iter()
        .map(|key| ApiKey {
            name: key.name.clone(),
            secret: key.secret.clone(),
            namespaces: key
                .namespaces
                .iter()
                .map(|pattern| Glob::new(pattern))
                .collect(),
            can: key.can.clone(),
        })
        .collect()
}

/// The name of the key that the environment gives.
const ENV_KEY: &str = "env";
/// Milliseconds that a browser's timer can hold.
const LONGEST_TIMER: u64 = i32::MAX as u64;
const LARGEST_PAYLOAD: u64 = 1 << 30;
