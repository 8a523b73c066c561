//! The entries of a stream.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::cluster::{self, Incoming};
use super::super::out::Out;
use super::super::view::View;
use super::super::{Command, DataRef, Envelope, OptsRef, WireError, parts};

/// The fields of an entry, as XADD takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who wrote it.
    pub uid: Cow<'a, str>,
    /// The namespace.
    pub nsp: Cow<'a, str>,
    /// The number of the command.
    pub kind: u64,
    /// Its data: JSON, or MessagePack in base64 where there are binary parts.
    pub data: Option<String>,
}

impl Entry<'_> {
    /// The names and values in the order in which they are written.
    pub fn pairs(self) -> Vec<(&'static str, String)> {
        let Self {
            uid,
            nsp,
            kind,
            data,
        } = self;
        let mut pairs = vec![
            ("uid", uid.into_owned()),
            ("nsp", nsp.into_owned()),
            ("type", kind.to_string()),
        ];
        pairs.extend(data.map(|data| ("data", data)));
        pairs
    }
}

/// The entry of any command that the format has.
pub fn encode(envelope: &Envelope) -> Result<Entry<'_>, WireError> {
    let Envelope {
        from,
        namespace,
        command,
    } = envelope;
    let kind = cluster::kind_of(command)?;
    let mut out = match command {
        Command::Broadcast { data, .. } | Command::ServerSideEmit { data, .. } => {
            Out::carrying(data.borrow())
        }
        _ => Out::json(0),
    };
    cluster::body(&mut out, command)?;
    Ok(Entry {
        uid: Cow::Borrowed(from),
        nsp: Cow::Borrowed(namespace),
        kind,
        data: Some(text(out)).filter(|data| !data.is_empty()),
    })
}

/// The entry of a broadcast.
pub fn encode_broadcast<'a>(
    from: &'a str,
    namespace: &'a str,
    data: DataRef<'_>,
    opts: OptsRef<'_>,
) -> Result<Entry<'a>, WireError> {
    let mut out = Out::carrying(data);
    cluster::broadcast_body(&mut out, data, opts, None)?;
    Ok(Entry {
        uid: Cow::Borrowed(from),
        nsp: Cow::Borrowed(namespace),
        kind: cluster::BROADCAST,
        data: Some(text(out)),
    })
}

fn text(out: Out) -> String {
    match out {
        Out::Json(text) => text,
        Out::Pack(bytes) => BASE64_STANDARD.encode(bytes),
    }
}

/// The message in the fields of an entry, in any order. An entry without a namespace is refused, as peers skip it.
pub fn decode<'a>(
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Incoming, WireError> {
    let (mut uid, mut nsp, mut kind, mut data) = (None, None, None, None);
    for (name, value) in fields {
        match name {
            b"uid" => uid = Some(value),
            b"nsp" => nsp = Some(value),
            b"type" => kind = Some(value),
            b"data" => data = Some(value),
            _ => {}
        }
    }
    let text = |field: Option<&'a [u8]>, name| {
        let field = field.and_then(|field| std::str::from_utf8(field).ok());
        parts::need(field, name)
    };
    let kind = parts::need(text(kind, "type")?.parse().ok(), "type")?;
    let (uid, nsp) = (text(uid, "uid")?, text(nsp, "nsp")?);
    let binary;
    let data = match data {
        None | Some(b"") => None,
        Some([b'{', ..]) => Some(View::Json(text(data, "data")?)),
        Some(encoded) => {
            binary = BASE64_STANDARD
                .decode(encoded)
                .map_err(|_| WireError::Malformed)?;
            Some(View::pack(&binary)?)
        }
    };
    cluster::message(kind, data, uid.into(), nsp.into())
}
