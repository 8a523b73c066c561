//! One event.

use std::sync::Arc;

use super::namespace::quoted;
use super::rulebook::{Ack, Event, EventName, Payload, Publish, Scope};
use super::schemas::Schemas;
use super::templates::{Has, Names};
use super::{Arguments, Checks};
use crate::document::{self, PublishScope};
use crate::fault;
use crate::names;

pub(super) fn compile(
    rules: &document::Event,
    path: &str,
    names: &mut Names<'_>,
    schemas: &mut Schemas<'_>,
    checks: &mut Checks,
) -> Event {
    let at = |key| fault::key(path, key);
    let name = &rules.name;
    emitted(name, &at("name"), checks);
    if name.starts_with(names::OWN_EVENTS) {
        checks.fault(
            at("name"),
            name,
            "events that start with `carillon:` are the gateway's own",
        );
    }
    let args = rules.args.as_ref();
    let args = args.map(|list| Arguments::compile(list, rules.rest, &at("args"), schemas, checks));
    names.arguments = match &args {
        Some(args) if !rules.rest => Has::Exactly(args.len()),
        _ => Has::Any,
    };
    let leave = names.rooms(&rules.leave, &at("leave"), checks);
    let join = names.rooms(&rules.join, &at("join"), checks);
    if rules.replay > 0 && rules.join.is_empty() {
        checks.fault(
            at("replay"),
            rules.replay,
            "replay is for the rooms of `join`, but there are none",
        );
    }
    let publish = rules.publish.iter().enumerate();
    let publish = publish
        .map(|(index, publish)| {
            self::publish(publish, &fault::item(&at("publish"), index), names, checks)
        })
        .collect();
    let ack = match &rules.ack {
        Some(document::Ack {
            values: Some(values),
            ..
        }) => {
            let path = fault::key(&at("ack"), "values");
            Ack::Values(names.values(values, &path, checks))
        }
        Some(_) => Ack::Same,
        None => Ack::Empty,
    };
    names.arguments = Has::NoEvent;
    let replay = rules.replay as usize;
    Event {
        name: name.as_str().into(),
        limit: rules.limit,
        args,
        leave,
        join,
        replay,
        publish,
        ack,
    }
}

fn publish(
    rules: &document::Publish,
    path: &str,
    names: &mut Names<'_>,
    checks: &mut Checks,
) -> Publish {
    let at = |key| fault::key(path, key);
    let rooms = names.rooms(&rules.to, &at("to"), checks);
    let scope = match (rules.to.is_empty(), rules.scope) {
        (false, None) => Scope::Rooms(rooms),
        (true, Some(PublishScope::Namespace)) => Scope::Namespace,
        (true, Some(PublishScope::Sender)) => Scope::Sender,
        (true, None) => {
            checks.sentence(path, "neither `to` nor `scope`: exactly one of them is set");
            Scope::Rooms(rooms)
        }
        (false, Some(_)) => {
            checks.sentence(path, "both `to` and `scope`: exactly one of them is set");
            Scope::Rooms(rooms)
        }
    };
    if matches!(scope, Scope::Sender) && !rules.except.is_empty() {
        checks.sentence(
            at("except"),
            "with `scope: self` there is nobody to leave out",
        );
    }
    let event = rules.event.as_ref();
    let args = rules.args.as_ref();
    Publish {
        except: names.rooms(&rules.except, &at("except"), checks),
        event: event.map_or(EventName::Same, |event| {
            EventName::Other(emitted(event, &at("event"), checks))
        }),
        payload: args.map_or(Payload::Same, |list| {
            Payload::Values(names.values(list, &at("args"), checks))
        }),
        to_self: rules.to_self || matches!(scope, Scope::Sender),
        volatile: rules.volatile,
        scope,
    }
}

/// The name of an event that is sent, as JSON text.
pub(super) fn emitted(name: &str, path: &str, checks: &mut Checks) -> Arc<str> {
    if names::is_reserved_event(name) {
        let message = format!(
            "reserved by Socket.IO, as are: {}",
            names::RESERVED_EVENTS.join(", ")
        );
        checks.fault(path, name, message);
    }
    quoted(name)
}
