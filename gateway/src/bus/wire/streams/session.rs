//! The record of a session that can be restored.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::out::{Out, text};
use super::super::view::View;
use super::super::{WireError, parts};

/// What the streams adapter saves, and fields of ours, which Node ignores and does not write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The id of the socket.
    pub sid: Box<str>,
    /// The private id that a client restores by.
    pub pid: Box<str>,
    /// The rooms, the own one included.
    pub rooms: Vec<Arc<str>>,
    /// The socket's data, as JSON text.
    pub data: Box<str>,
    /// Who the client is, as text that only we read.
    pub user: Option<Box<str>>,
    /// The process that the socket lives on.
    pub owner: Option<Box<str>>,
    /// Where in the stream the socket was.
    pub position: Option<Box<str>>,
    /// The namespace.
    pub namespace: Option<Box<str>>,
    /// Where in the stream it connected.
    pub since: Option<Box<str>>,
    /// The last entry that it may have been told.
    pub last: Option<Box<str>>,
    /// Where it entered each of its rooms, one after the other with a space between.
    pub entered: Option<Box<str>>,
}

impl Session {
    /// The value that SET takes.
    pub fn encode(&self) -> Result<String, WireError> {
        let Self {
            sid,
            pid,
            rooms,
            data,
            user,
            owner,
            position,
            namespace,
            since,
            last,
            entered,
        } = self;
        let ours = [user, owner, position, namespace, since, last, entered];
        let ours = OURS.into_iter().zip(ours);
        let mut out = Out::pack(data.len());
        out.map(4 + ours.clone().filter(|(_, field)| field.is_some()).count());
        out.field("sid", sid);
        out.field("pid", pid);
        out.rooms(rooms);
        out.key("data");
        out.data(text(data))?;
        for (name, field) in ours {
            if let Some(value) = field {
                out.field(name, value);
            }
        }
        Ok(BASE64_STANDARD.encode(out.finish()))
    }

    /// Reads the value that GET gives. Data that is missing is an empty object; in it, binary parts become what
    /// `JSON.stringify` makes of a Buffer.
    pub fn decode(value: &[u8]) -> Result<Self, WireError> {
        let bytes = BASE64_STANDARD
            .decode(value)
            .map_err(|_| WireError::Malformed)?;
        let [a, b, c, d, e, f, g] = OURS;
        let names = ["sid", "pid", "rooms", "data", a, b, c, d, e, f, g];
        let fields = View::pack(&bytes)?.fields("session", names)?;
        let [
            sid,
            pid,
            rooms,
            data,
            user,
            owner,
            position,
            namespace,
            since,
            last,
            entered,
        ] = fields;
        Ok(Self {
            sid: parts::text(sid, "sid")?,
            pid: parts::text(pid, "pid")?,
            rooms: parts::rooms(rooms, "rooms")?,
            data: data.map_or_else(|| Ok("{}".into()), View::stringify)?,
            user: parts::maybe_text(user, "user")?,
            owner: parts::maybe_text(owner, "owner")?,
            position: parts::maybe_text(position, "position")?,
            namespace: parts::maybe_text(namespace, "namespace")?,
            since: parts::maybe_text(since, "since")?,
            last: parts::maybe_text(last, "last")?,
            entered: parts::maybe_text(entered, "entered")?,
        })
    }
}

const OURS: [&str; 7] = [
    "user",
    "owner",
    "position",
    "namespace",
    "since",
    "last",
    "entered",
];
