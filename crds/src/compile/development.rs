//! The rules of development mode. They are built in because no document can say them: every
//! namespace exists, and clients name rooms and events freely.

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use super::arguments::{Argument, Kind};
use super::namespace::quoted;
use super::rulebook::{Ack, Event, EventName, Kept, Namespace, Payload, Publish, Rulebook, Scope};
use super::{Arguments, Origins};
use crate::document::{Cors, Document, Engine, Limits, NamespaceLimits, Overflow};
use crate::template::{Room, Template};

pub(super) fn rulebook() -> Rulebook {
    let every = Regex::new(r"\A/.*\z").expect("a fixed expression");
    let document = Document {
        engine: Engine::default(),
        cors: Cors {
            credentials: true,
            ..Cors::default()
        },
        limits: Limits::default(),
        upstreams: Vec::new(),
        schemas: Default::default(),
        api_keys: Vec::new(),
        namespaces: Vec::new(),
    };
    let rules = Arc::new(namespace());
    Rulebook {
        document,
        hash: "development".to_owned(),
        development: true,
        origins: Origins::localhost(),
        trusted_proxies: Vec::new(),
        api_keys: Vec::new(),
        exact: HashMap::from([("/".into(), rules.clone())]),
        patterns: vec![(every, rules)],
    }
}

fn namespace() -> Namespace {
    let limits = NamespaceLimits::default();
    let room = || vec![first_argument()];
    let publish = Publish {
        scope: Scope::Rooms(room()),
        except: Vec::new(),
        event: EventName::Argument(1),
        payload: Payload::From(2),
        to_self: false,
        volatile: false,
    };
    let events = [
        Event {
            join: room(),
            ..event("join", 1, false)
        },
        Event {
            leave: room(),
            ..event("leave", 1, false)
        },
        Event {
            publish: vec![publish],
            ..event("publish", 2, true)
        },
    ];
    Namespace {
        label: "*".into(),
        exact: false,
        auto_join: Vec::new(),
        welcome: Vec::new(),
        events: events
            .into_iter()
            .map(|event| (Box::from(&*event.name), event))
            .collect(),
        limit: limits.events,
        max_rooms: limits.rooms as usize,
        max_payload: usize::MAX,
        max_pending: limits.pending as usize,
        backlog: 1 << 20,
        overflow: Overflow::default(),
        history: None,
        refuse_on_bus_loss: false,
        recovery: None,
        keep_headers: Vec::new(),
        error_event: quoted("error"),
        kept: Kept::default(),
    }
}

/// An event whose first `count` arguments are strings, and that does nothing.
fn event(name: &str, count: usize, rest: bool) -> Event {
    let strings = (0..count).map(|_| Argument::Kind(Kind::String)).collect();
    Event {
        name: name.into(),
        limit: None,
        args: Some(Arguments::new(strings, rest)),
        leave: Vec::new(),
        join: Vec::new(),
        replay: 0,
        publish: Vec::new(),
        ack: Ack::Empty,
    }
}

/// A room that the client names; rendering refuses what starts like a socket's own room.
fn first_argument() -> Room {
    Room::new(Template::parse("{0}").expect("a fixed template"))
}
