//! One namespace.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::rulebook::{Emit, History, Kept, Namespace};
use super::schemas::Schemas;
use super::templates::{Has, Names};
use super::{Checks, event};
use crate::document::{self, Engine};
use crate::fault;
use crate::glob::Glob;
use crate::names;

/// The rules of a namespace, with its pattern if it has one.
pub(super) fn compile(
    rules: &document::Namespace,
    path: &str,
    engine: &Engine,
    schemas: &mut Schemas<'_>,
    checks: &mut Checks,
) -> (Option<Regex>, Namespace) {
    let at = |key| fault::key(path, key);
    let regex = name_or_pattern(rules, path, checks);
    let captures: Vec<String> = regex
        .iter()
        .flat_map(Regex::capture_names)
        .flatten()
        .map(ToOwned::to_owned)
        .collect();
    let mut kept = Kept::default();
    let mut names = Names {
        captures: &captures,
        kept: &mut kept,
        arguments: Has::NoEvent,
    };

    let auto_join = names.rooms(&rules.auto_join, &at("autoJoin"), checks);
    if rules.auto_join.len() > rules.limits.rooms as usize {
        checks.sentence(
            at("autoJoin"),
            format!(
                "more rooms than limits.rooms allows ({})",
                rules.limits.rooms
            ),
        );
    }
    let welcome = rules.welcome.iter().enumerate();
    let welcome = welcome
        .map(|(index, emit)| {
            let path = fault::item(&at("welcome"), index);
            let event = event::emitted(&emit.event, &fault::key(&path, "event"), checks);
            Emit {
                event,
                args: names.values(&emit.args, &fault::key(&path, "args"), checks),
            }
        })
        .collect();
    let events = events(rules, path, &mut names, schemas, checks);
    let error_event = event::emitted(&rules.error_event, &at("errorEvent"), checks);
    keep_headers(rules, path, checks);

    let compiled = Namespace {
        label: if regex.is_some() {
            &rules.pattern
        } else {
            &rules.name
        }
        .as_str()
        .into(),
        exact: regex.is_none(),
        auto_join,
        welcome,
        events,
        limit: rules.limits.events.clone(),
        max_rooms: rules.limits.rooms as usize,
        max_payload: payload(rules, path, engine, checks),
        max_pending: rules.limits.pending as usize,
        backlog: backlog(rules, path, checks),
        overflow: rules.backlog.then,
        history: history(rules, path, checks),
        refuse_on_bus_loss: rules.on_bus_loss == document::OnBusLoss::Refuse,
        recovery: recovery(rules, path, checks),
        keep_headers: rules
            .keep_headers
            .iter()
            .map(|name| name.to_ascii_lowercase().into())
            .collect(),
        error_event,
        kept,
    };
    (regex, compiled)
}

fn name_or_pattern(rules: &document::Namespace, path: &str, checks: &mut Checks) -> Option<Regex> {
    match (rules.name.as_str(), rules.pattern.as_str()) {
        ("", "") => checks.sentence(
            path,
            "neither `name` nor `pattern`: exactly one of them is set",
        ),
        (name, "") => {
            if !names::is_namespace_name(name) {
                let message = "expected a name such as /politics: a slash, then at most 127 of A-Z a-z 0-9 _ . / -";
                checks.fault(fault::key(path, "name"), name, message);
            }
        }
        ("", pattern) => {
            // Line ends mean nothing in a name, so `$` is the end of all of it.
            let anchored = format!(r"\A(?:{pattern})\z");
            match RegexBuilder::new(&anchored).size_limit(REGEX_BYTES).build() {
                Ok(regex) => return Some(regex),
                Err(error) => {
                    let reason = error.to_string();
                    let last = reason
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_start_matches("error: ")
                        .to_owned();
                    checks.fault(
                        fault::key(path, "pattern"),
                        pattern,
                        format!("no regular expression: {last}"),
                    );
                }
            }
        }
        _ => checks.sentence(
            path,
            "both `name` and `pattern`: exactly one of them is set",
        ),
    }
    None
}

fn events(
    rules: &document::Namespace,
    path: &str,
    names: &mut Names<'_>,
    schemas: &mut Schemas<'_>,
    checks: &mut Checks,
) -> HashMap<Box<str>, super::rulebook::Event> {
    let list = fault::key(path, "events");
    let place = |index| fault::item(&list, index);
    let known = rules.events.iter().enumerate();
    checks.unique(
        "the event",
        known.map(|(i, it)| (fault::key(&place(i), "name"), it.name.as_str())),
    );
    let mut compiled = HashMap::new();
    for (index, event) in rules.events.iter().enumerate() {
        let path = place(index);
        let made = event::compile(event, &path, names, schemas, checks);
        if event.replay > 0 && rules.history.is_none() {
            let message = "replay needs the namespace's `history`";
            checks.fault(fault::key(&path, "replay"), event.replay, message);
        }
        if event.join.len() > rules.limits.rooms as usize {
            let message = format!(
                "more rooms than limits.rooms allows ({})",
                rules.limits.rooms
            );
            checks.sentence(fault::key(&path, "join"), message);
        }
        compiled.insert(event.name.as_str().into(), made);
    }
    compiled
}

/// Absent, what the transport takes of a session holds, which keeps the size it was told at its handshake.
fn payload(rules: &document::Namespace, path: &str, engine: &Engine, checks: &mut Checks) -> usize {
    let most = engine.max_payload;
    let Some(size) = rules.limits.payload else {
        return usize::MAX;
    };
    if size.bytes() == 0 || size > most {
        let message = format!("allowed: 1 byte to engine.maxPayload ({most})");
        checks.fault(
            fault::key(&fault::key(path, "limits"), "payload"),
            size,
            message,
        );
    }
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

fn backlog(rules: &document::Namespace, path: &str, checks: &mut Checks) -> usize {
    let size = rules.backlog.bytes;
    if size.bytes() == 0 {
        checks.fault(
            fault::key(&fault::key(path, "backlog"), "bytes"),
            size,
            "allowed: more than 0",
        );
    }
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

fn history(rules: &document::Namespace, path: &str, checks: &mut Checks) -> Option<History> {
    let history = rules.history.as_ref()?;
    if history.ttl.millis() == 0 {
        let path = fault::key(&fault::key(path, "history"), "ttl");
        checks.fault(path, history.ttl, "allowed: more than 0s");
    }
    Some(History {
        size: history.size as usize,
        ttl: history.ttl.get(),
        read: history
            .read
            .iter()
            .map(|read| Glob::new(&read.room))
            .collect(),
    })
}

/// What is kept grows with the window, so it is no matter of days.
fn recovery(rules: &document::Namespace, path: &str, checks: &mut Checks) -> Option<Duration> {
    let window = rules.recovery.as_ref()?.window;
    if window.millis() == 0 || window.get() > LONGEST_WINDOW {
        let path = fault::key(&fault::key(path, "recovery"), "window");
        checks.fault(path, window, "allowed: more than 0s, at most 1h");
    }
    Some(window.get())
}

fn keep_headers(rules: &document::Namespace, path: &str, checks: &mut Checks) {
    for (index, name) in rules.keep_headers.iter().enumerate() {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let path = fault::item(&fault::key(path, "keepHeaders"), index);
        if name.is_empty() || !name.bytes().all(token) {
            checks.fault(path, name, "expected the name of a header");
        } else if ["cookie", "authorization"].contains(&name.to_ascii_lowercase().as_str()) {
            checks.fault(path, name, "cookies and `authorization` are never kept");
        }
    }
}

/// A name as the JSON text in which it is sent.
pub(super) fn quoted(name: &str) -> Arc<str> {
    serde_json::Value::from(name).to_string().into()
}

const REGEX_BYTES: usize = 1 << 20;
const LONGEST_WINDOW: Duration = Duration::from_hours(1);
