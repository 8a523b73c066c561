//! The parts that the messages of every format are made of, read from a [`View`].

use std::sync::Arc;

use super::view::View;
use super::{Data, Flags, Opts, RemoteSocket, WireError, cut};
use crate::socket::json;

/// Names with which a client drops its whole connection.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The packet types whose `data` is an event; the second is never sent but means the same.
const EVENTS: [u64; 2] = [2, 5];

/// A field that must be there.
pub(super) fn need<T>(field: Option<T>, name: &'static str) -> Result<T, WireError> {
    field.ok_or(WireError::Field(name))
}

/// A string that must be there.
pub(super) fn text(field: Option<View<'_>>, name: &'static str) -> Result<Box<str>, WireError> {
    let text = need(field.and_then(View::text), name)?;
    Ok(text.into())
}

/// A string that may be missing.
pub(super) fn maybe_text(
    field: Option<View<'_>>,
    name: &'static str,
) -> Result<Option<Box<str>>, WireError> {
    field.map(|field| text(Some(field), name)).transpose()
}

/// The namespace; a missing one is the main one.
pub(super) fn namespace(field: Option<View<'_>>) -> Result<Arc<str>, WireError> {
    let name = maybe_text(field, "nsp")?;
    Ok(name.map_or_else(|| "/".into(), Arc::from))
}

/// Names of rooms, numbers as their decimal text.
pub(super) fn rooms(
    field: Option<View<'_>>,
    name: &'static str,
) -> Result<Vec<Arc<str>>, WireError> {
    let elements = match field {
        Some(field) => field.elements(name)?,
        None => Vec::new(),
    };
    let room = |room: View<'_>| need(room.label(), name).map(Arc::from);
    elements.into_iter().map(room).collect()
}

/// `opts`, with whatever is missing left empty.
pub(super) fn opts(field: View<'_>) -> Result<Opts, WireError> {
    let [targets, except, flags] = field.fields("opts", ["rooms", "except", "flags"])?;
    Ok(Opts {
        rooms: rooms(targets, "opts.rooms")?,
        except: rooms(except, "opts.except")?,
        flags: flags.map(self::flags).transpose()?.unwrap_or_default(),
    })
}

fn flags(field: View<'_>) -> Result<Flags, WireError> {
    let names = [
        "volatile",
        "compress",
        "timeout",
        "expectSingleResponse",
        "carillon",
    ];
    let [volatile, compress, timeout, single, mark] = field.fields("opts.flags", names)?;
    let is = |flag: Option<View<'_>>| flag.and_then(View::flag);
    Ok(Flags {
        volatile: is(volatile) == Some(true),
        compress: is(compress),
        timeout: timeout.and_then(View::count),
        expect_single_response: is(single) == Some(true),
        mark: mark
            .and_then(View::text)
            .and_then(|text| u64::from_str_radix(&text, 16).ok()),
    })
}

/// The event in a packet.
pub(super) fn packet(kind: Option<View<'_>>, data: Option<View<'_>>) -> Result<Data, WireError> {
    let kind = kind.and_then(View::count);
    if !kind.is_some_and(|kind| EVENTS.contains(&kind)) {
        return Err(WireError::Kind);
    }
    let data = need(data, "packet.data")?.data()?;
    let name = cut::first(&data.json).and_then(json::unquote);
    let reserved = name.is_some_and(|name| RESERVED.contains(&name.as_ref()));
    if reserved || !is_event(&data.json) {
        return Err(WireError::Field("packet.data"));
    }
    Ok(data)
}

/// The array of a server-side event.
pub(super) fn event(data: Option<View<'_>>, name: &'static str) -> Result<Data, WireError> {
    let data = need(data, name)?.data()?;
    if !is_event(&data.json) {
        return Err(WireError::Field(name));
    }
    Ok(data)
}

/// A value that is null where it is missing, as `undefined` is.
pub(super) fn value(field: Option<View<'_>>) -> Result<Data, WireError> {
    field.map_or_else(|| Ok(Data::text("null")), View::data)
}

/// The sockets of an answer.
pub(super) fn sockets(elements: &[View<'_>]) -> Result<Vec<RemoteSocket>, WireError> {
    elements
        .iter()
        .map(|socket| self::socket(*socket))
        .collect()
}

fn socket(socket: View<'_>) -> Result<RemoteSocket, WireError> {
    let names = ["id", "handshake", "rooms", "data"];
    let [id, handshake, joined, data] = socket.fields("sockets", names)?;
    let json = |field: Option<View<'_>>| field.map_or_else(|| Ok("{}".into()), View::stringify);
    Ok(RemoteSocket {
        id: text(id, "sockets.id")?,
        handshake: json(handshake)?,
        rooms: rooms(joined, "sockets.rooms")?,
        data: json(data)?,
    })
}

/// Whether a text is an array that begins with a name, as every event does.
pub(super) fn is_event(json: &str) -> bool {
    let first = cut::first(json).and_then(|name| name.bytes().next());
    matches!(first, Some(b'"' | b'-' | b'0'..=b'9'))
}
