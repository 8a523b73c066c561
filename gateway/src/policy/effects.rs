//! What an accepted event does: rendered, not yet done.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use carillon_crds::compile::{self, Event};
use carillon_crds::names;
use carillon_crds::template::{RenderError, Room, Values};
use smallvec::SmallVec;

use super::facts::Names;
use super::{Call, Code, Facts, NamespaceRules, Refusal, Rooms};
use crate::socket::json;

/// What an accepted event does, in this order.
#[derive(Debug, PartialEq)]
pub struct Effects<'a> {
    /// Rooms that the sender leaves.
    pub leave: Vec<Arc<str>>,
    /// Rooms that the sender joins.
    pub join: Vec<Arc<str>>,
    /// How many of the last events of each joined room the sender is sent.
    pub replay: usize,
    /// What others are sent.
    pub publish: SmallVec<[Publication<'a>; 1]>,
    /// What the acknowledgement carries; absent if the sender waits for none.
    pub ack: Option<Payload<'a>>,
}

/// Something that others are sent.
#[derive(Debug, PartialEq)]
pub struct Publication<'a> {
    /// To whom.
    pub scope: Scope,
    /// Rooms whose sockets are left out.
    pub except: Vec<Arc<str>>,
    /// The event.
    pub event: EventName<'a>,
    /// Its arguments.
    pub payload: Payload<'a>,
    /// Whether the sender gets it too.
    pub to_self: bool,
    /// Whether it may be left out for a socket that is slow.
    pub volatile: bool,
}

/// To whom something is sent.
#[derive(Debug, PartialEq)]
pub enum Scope {
    /// Sockets in any of these rooms.
    Rooms(Vec<Arc<str>>),
    /// Everybody in the namespace.
    Namespace,
    /// The sender alone.
    Sender,
}

/// The event that others are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum EventName<'a> {
    /// The same, in the very bytes that the sender sent.
    Same,
    /// Another one, as JSON text.
    Other(Arc<str>),
    /// One of the arguments, as JSON text.
    Argument(&'a str),
}

/// The arguments that somebody is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload<'a> {
    /// The event's own, attachments included, in the very bytes that the sender sent.
    Same,
    /// These, as JSON text with commas between them, and the attachments that they stand for.
    Text {
        /// The arguments.
        args: Cow<'a, str>,
        /// Their attachments.
        attachments: Vec<Bytes>,
    },
}

impl<'a> Payload<'a> {
    /// No arguments.
    pub const EMPTY: Self = Self::Text {
        args: Cow::Borrowed(""),
        attachments: Vec::new(),
    };

    fn of(values: &Values, names: &Names<'_>, call: &Call<'a>) -> Result<Self, RenderError> {
        if let (Some(index), true) = (values.only_argument(), call.attachments.is_empty())
            && let Some(text) = call.args.get(index)
        {
            return Ok(Self::Text {
                args: Cow::Borrowed(text),
                attachments: Vec::new(),
            });
        }
        let (mut args, mut used) = (String::new(), Vec::new());
        values.render(names, &mut args, &mut used)?;
        Ok(Self::rendered(args, &used, call))
    }

    fn from(first: usize, call: &Call<'a>) -> Self {
        let rest: Vec<&str> = call.args.iter().skip(first).collect();
        let joined = rest.join(",");
        if call.attachments.is_empty() {
            return Self::Text {
                args: Cow::Owned(joined),
                attachments: Vec::new(),
            };
        }
        let (mut args, mut used) = (String::new(), Vec::new());
        carillon_crds::raw::renumber(&joined, &mut args, &mut used);
        Self::rendered(args, &used, call)
    }

    fn rendered(args: String, used: &[usize], call: &Call<'a>) -> Self {
        let found = used.iter().filter_map(|index| call.attachments.get(*index));
        Self::Text {
            args: Cow::Owned(args),
            attachments: found.cloned().collect(),
        }
    }
}

thread_local! {
    /// Where names of rooms are put together: an event allocates only the names themselves.
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}

/// Renders all that an event does.
pub(super) fn prepare<'a>(
    rules: &NamespaceRules,
    event: &Event,
    call: &Call<'a>,
    facts: &Facts<'_>,
) -> Result<Effects<'a>, Refusal> {
    let mut scratch = SCRATCH.take();
    let effects = render(rules, event, call, facts, &mut scratch);
    // A hostile argument may have made it large; a name that is allowed never does.
    scratch.clear();
    scratch.shrink_to(4 * names::MAX_ROOM_BYTES);
    SCRATCH.set(scratch);
    effects
}

fn render<'a>(
    rules: &NamespaceRules,
    event: &Event,
    call: &Call<'a>,
    facts: &Facts<'_>,
    scratch: &mut String,
) -> Result<Effects<'a>, Refusal> {
    let names = Names {
        rules,
        socket_id: facts.socket_id,
        kept: facts.kept,
        call: Some(call),
    };
    let leave = rooms(&event.leave, &names, scratch)?;
    let join = rooms(&event.join, &names, scratch)?;
    check_rooms(rules.rules.max_rooms, &leave, &join, facts.rooms)?;
    let publish = event
        .publish
        .iter()
        .map(|publish| publication(publish, &names, call, scratch));
    let publish = publish.collect::<Result<_, _>>()?;
    let ack = call
        .wants_ack
        .then(|| acknowledgement(&event.ack, &names, call))
        .transpose()?;
    Ok(Effects {
        leave,
        join,
        replay: event.replay,
        publish,
        ack,
    })
}

/// Renders a list of rooms.
pub(super) fn rooms(
    list: &[Room],
    names: &Names<'_>,
    scratch: &mut String,
) -> Result<Vec<Arc<str>>, RenderError> {
    list.iter()
        .map(|room| room.render(names, scratch))
        .collect()
}

fn publication<'a>(
    publish: &compile::Publish,
    names: &Names<'_>,
    call: &Call<'a>,
    scratch: &mut String,
) -> Result<Publication<'a>, Refusal> {
    Ok(Publication {
        scope: match &publish.scope {
            compile::Scope::Rooms(list) => Scope::Rooms(rooms(list, names, scratch)?),
            compile::Scope::Namespace => Scope::Namespace,
            compile::Scope::Sender => Scope::Sender,
        },
        except: rooms(&publish.except, names, scratch)?,
        event: match &publish.event {
            compile::EventName::Same => EventName::Same,
            compile::EventName::Other(name) => EventName::Other(name.clone()),
            compile::EventName::Argument(index) => EventName::Argument(event_name(*index, call)?),
        },
        payload: match &publish.payload {
            compile::Payload::Same => Payload::Same,
            compile::Payload::Values(values) => Payload::of(values, names, call)?,
            compile::Payload::From(first) => Payload::from(*first, call),
        },
        to_self: publish.to_self,
        volatile: publish.volatile,
    })
}

/// An event's name that a client chose.
fn event_name<'a>(index: usize, call: &Call<'a>) -> Result<&'a str, Refusal> {
    let raw = call.args.get(index).unwrap_or_default();
    match json::unquote(raw) {
        Some(name) if !names::is_reserved_event(&name) => Ok(raw),
        _ => Err(Refusal::new(
            Code::Invalid,
            format!("/{index}: not an event that can be sent"),
        )),
    }
}

fn acknowledgement<'a>(
    ack: &compile::Ack,
    names: &Names<'_>,
    call: &Call<'a>,
) -> Result<Payload<'a>, RenderError> {
    match ack {
        compile::Ack::Empty => Ok(Payload::EMPTY),
        compile::Ack::Same => Ok(Payload::Same),
        compile::Ack::Values(values) => Payload::of(values, names, call),
    }
}

/// Refuses what would put the socket into more rooms than allowed. Rooms that it is in already
/// cost nothing, even where a reload has lowered the limit below their number.
fn check_rooms(
    most: usize,
    leave: &[Arc<str>],
    join: &[Arc<str>],
    now: &dyn Rooms,
) -> Result<(), Refusal> {
    if join.is_empty() {
        return Ok(());
    }
    let first = |list: &[Arc<str>], at: usize| !list[..at].contains(&list[at]);
    let left = |room: &str| now.contains(room) && leave.iter().any(|it| **it == *room);
    let leaves = (0..leave.len())
        .filter(|at| first(leave, *at) && now.contains(&leave[*at]))
        .count();
    let is_new = |room: &str| !now.contains(room) || left(room);
    let added = (0..join.len())
        .filter(|at| first(join, *at) && is_new(&join[*at]))
        .count();
    if added == 0 || now.count() - leaves.min(now.count()) + added <= most {
        return Ok(());
    }
    Err(Refusal::new(
        Code::TooManyRooms,
        format!("a socket is in at most {most} rooms"),
    ))
}

impl From<RenderError> for Refusal {
    fn from(error: RenderError) -> Self {
        Self::new(Code::Invalid, error.to_string())
    }
}
