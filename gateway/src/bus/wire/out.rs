//! Writing a message in either notation, in one pass.

use std::fmt::Write as _;
use std::sync::Arc;

use super::value::{pack, to_msgpack};
use super::{DataRef, Flags, OptsRef, RemoteSocket, WireError};
use crate::socket::json;

/// Room for all of a message but its event.
const ENVELOPE: usize = 256;

/// The message so far.
#[derive(Debug)]
pub(super) enum Out {
    /// JSON text.
    Json(String),
    /// MessagePack.
    Pack(Vec<u8>),
}

impl Out {
    /// Begins in JSON, with room for a value of `size` bytes.
    pub(super) fn json(size: usize) -> Self {
        Self::Json(String::with_capacity(size + ENVELOPE))
    }

    /// Begins in MessagePack.
    pub(super) fn pack(size: usize) -> Self {
        Self::Pack(Vec::with_capacity(size + ENVELOPE))
    }

    /// Begins in the notation that can carry the value: binary parts need MessagePack.
    pub(super) fn carrying(data: DataRef<'_>) -> Self {
        if data.attachments.is_empty() {
            return Self::json(data.json.len());
        }
        Self::pack(data.json.len())
    }

    /// The finished message.
    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Json(text) => text.into_bytes(),
            Self::Pack(bytes) => bytes,
        }
    }

    /// Begins an object of so many members.
    pub(super) fn map(&mut self, len: usize) {
        match self {
            Self::Json(text) => text.push('{'),
            Self::Pack(bytes) => pack::map(bytes, len),
        }
    }

    /// Ends it.
    pub(super) fn end_map(&mut self) {
        if let Self::Json(text) = self {
            text.push('}');
        }
    }

    /// Begins an array of so many elements.
    pub(super) fn array(&mut self, len: usize) {
        match self {
            Self::Json(text) => text.push('['),
            Self::Pack(bytes) => pack::array(bytes, len),
        }
    }

    /// Ends it.
    pub(super) fn end_array(&mut self) {
        if let Self::Json(text) = self {
            text.push(']');
        }
    }

    /// Begins the next element of an array.
    pub(super) fn item(&mut self) {
        if let Self::Json(text) = self
            && !text.ends_with(['[', '{'])
        {
            text.push(',');
        }
    }

    /// Begins the next member of an object; keys need no escapes.
    pub(super) fn key(&mut self, key: &str) {
        self.item();
        match self {
            Self::Json(text) => text.extend(["\"", key, "\":"]),
            Self::Pack(bytes) => pack::text(bytes, key.as_bytes()),
        }
    }

    /// A string.
    pub(super) fn text(&mut self, value: &str) {
        match self {
            Self::Json(text) => json::quote(text, value),
            Self::Pack(bytes) => pack::text(bytes, value.as_bytes()),
        }
    }

    /// An integer.
    pub(super) fn uint(&mut self, value: u64) {
        match self {
            Self::Json(text) => {
                let _ = write!(text, "{value}");
            }
            Self::Pack(bytes) => pack::uint(bytes, value),
        }
    }

    /// A boolean.
    pub(super) fn boolean(&mut self, value: bool) {
        match self {
            Self::Json(text) => text.push_str(if value { "true" } else { "false" }),
            Self::Pack(bytes) => pack::boolean(bytes, value),
        }
    }

    /// A value: into JSON its text goes as it is.
    pub(super) fn data(&mut self, data: DataRef<'_>) -> Result<(), WireError> {
        match self {
            Self::Json(_) if !data.attachments.is_empty() => return Err(WireError::Placeholder),
            Self::Json(text) => text.push_str(data.json),
            Self::Pack(bytes) => to_msgpack(bytes, data)?,
        }
        Ok(())
    }

    /// An array of strings.
    pub(super) fn texts<T: AsRef<str>>(&mut self, texts: &[T]) {
        self.array(texts.len());
        for text in texts {
            self.item();
            self.text(text.as_ref());
        }
        self.end_array();
    }

    /// A member that is a string.
    pub(super) fn field(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text(value);
    }

    /// The member `type`.
    pub(super) fn kind(&mut self, kind: u64) {
        self.key("type");
        self.uint(kind);
    }

    /// The member `rooms`.
    pub(super) fn rooms(&mut self, rooms: &[Arc<str>]) {
        self.key("rooms");
        self.texts(rooms);
    }

    /// The member `opts`, with flags.
    pub(super) fn opts(&mut self, opts: OptsRef<'_>) {
        self.key("opts");
        self.opts_value(opts);
    }

    /// The value of `opts`, with flags.
    pub(super) fn opts_value(&mut self, opts: OptsRef<'_>) {
        self.map(3);
        self.rooms(opts.rooms);
        self.key("except");
        self.texts(opts.except);
        self.key("flags");
        self.flags(opts.flags);
        self.end_map();
    }

    /// The member `opts`, without flags.
    pub(super) fn bare_opts(&mut self, opts: OptsRef<'_>) {
        self.key("opts");
        self.map(2);
        self.rooms(opts.rooms);
        self.key("except");
        self.texts(opts.except);
        self.end_map();
    }

    fn flags(&mut self, flags: Flags) {
        let Flags {
            volatile,
            compress,
            timeout,
            expect_single_response,
            mark,
        } = flags;
        let set = [
            volatile,
            compress.is_some(),
            timeout.is_some(),
            expect_single_response,
            mark.is_some(),
        ];
        self.map(set.into_iter().filter(|set| *set).count());
        if volatile {
            self.key("volatile");
            self.boolean(true);
        }
        if let Some(compress) = compress {
            self.key("compress");
            self.boolean(compress);
        }
        if let Some(timeout) = timeout {
            self.key("timeout");
            self.uint(timeout);
        }
        if expect_single_response {
            self.key("expectSingleResponse");
            self.boolean(true);
        }
        if let Some(mark) = mark {
            // A text: numbers of this size are not exact elsewhere.
            self.field("carillon", &format!("{mark:016x}"));
        }
        self.end_map();
    }

    /// The member `sockets`.
    pub(super) fn sockets(&mut self, sockets: &[RemoteSocket]) -> Result<(), WireError> {
        self.key("sockets");
        self.array(sockets.len());
        for socket in sockets {
            let RemoteSocket {
                id,
                handshake,
                rooms,
                data,
            } = socket;
            self.item();
            self.map(4);
            self.field("id", id);
            self.key("handshake");
            self.data(text(handshake))?;
            self.rooms(rooms);
            self.key("data");
            self.data(text(data))?;
            self.end_map();
        }
        self.end_array();
        Ok(())
    }
}

/// A JSON text without binary parts.
pub(super) fn text(json: &str) -> DataRef<'_> {
    DataRef {
        json,
        attachments: &[],
    }
}
