//! One Socket.IO packet out of its text.
//!
//! `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`, read as Node's parser does, but for ack ids
//! over 2^53, which it rounds, and blank or fractional numbers of attachments, which it takes.

mod args;
mod name;

use std::borrow::Cow;

use super::json;

pub use args::Args;

/// The most attachments that one packet may have.
pub const MAX_ATTACHMENTS: usize = 10;

/// The largest ack id that a browser can hold.
pub const MAX_ACK_ID: u64 = 1 << 53;

/// A packet that a client may send.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet<'a> {
    /// Wants to join a namespace.
    Connect {
        /// The namespace, with its slash.
        nsp: &'a str,
        /// A JSON object.
        auth: Option<&'a str>,
    },
    /// Leaves a namespace.
    Disconnect {
        /// The namespace, with its slash.
        nsp: &'a str,
    },
    /// Something happened.
    Event(Event<'a>),
    /// The answer to an event of ours.
    Ack(Ack<'a>),
    /// Only servers send it: the connection is to be closed.
    ConnectError {
        /// The namespace, with its slash.
        nsp: &'a str,
    },
    /// An event without a payload. It does nothing in a joined namespace; elsewhere it is as
    /// invalid as any event.
    Blank {
        /// The namespace, with its slash.
        nsp: &'a str,
    },
}

/// An event with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The namespace, with its slash.
    pub nsp: &'a str,
    /// The sender waits for an answer with this id.
    pub id: Option<u64>,
    /// The name, unescaped; of a number its decimal text.
    pub name: Cow<'a, str>,
    /// The name as it came: a quoted string or a number.
    pub raw_name: &'a str,
    /// What follows the name.
    pub args: Args<'a>,
    /// How many binary messages belong to it.
    pub attachments: usize,
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Ack<'a> {
    /// The namespace, with its slash.
    pub nsp: &'a str,
    /// Which event; without it there is nobody to tell.
    pub id: Option<u64>,
    /// The answer.
    pub args: Args<'a>,
    /// How many binary messages belong to it.
    pub attachments: usize,
}

impl<'a> Packet<'a> {
    /// The namespace, with its slash.
    pub fn nsp(&self) -> &'a str {
        match self {
            Self::Event(Event { nsp, .. }) | Self::Ack(Ack { nsp, .. }) => nsp,
            Self::Connect { nsp, .. } | Self::Disconnect { nsp } => nsp,
            Self::ConnectError { nsp } | Self::Blank { nsp } => nsp,
        }
    }

    /// How many binary messages belong to it.
    pub fn attachments(&self) -> usize {
        match self {
            Self::Event(Event { attachments, .. }) | Self::Ack(Ack { attachments, .. }) => {
                *attachments
            }
            _ => 0,
        }
    }
}

/// Why a text is no packet. The connection ends for it; the text of most is Node's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first byte is no type.
    #[error("unknown packet type")]
    UnknownType,
    /// The number of attachments is missing or no number from 1.
    #[error("Illegal attachments")]
    IllegalAttachments,
    /// More than [`MAX_ATTACHMENTS`].
    #[error("too many attachments")]
    TooManyAttachments,
    /// The payload is no JSON, or not what the type needs, or a reserved event name.
    #[error("invalid payload")]
    InvalidPayload,
    /// The payload nests deeper than [`json::MAX_DEPTH`].
    #[error("payload nested too deeply")]
    TooDeep,
    /// The ack id is over [`MAX_ACK_ID`].
    #[error("invalid ack id")]
    InvalidAckId,
}

impl From<json::Fault> for DecodeError {
    fn from(fault: json::Fault) -> Self {
        match fault {
            json::Fault::Syntax => Self::InvalidPayload,
            json::Fault::Depth => Self::TooDeep,
        }
    }
}

/// Reads the text of a Socket.IO packet (what follows the `4` of Engine.IO).
pub fn decode(text: &str) -> Result<Packet<'_>, DecodeError> {
    let kind = *text.as_bytes().first().ok_or(DecodeError::UnknownType)?;
    let rest = text.get(1..).ok_or(DecodeError::UnknownType)?;
    match kind {
        b'0' => connect(rest),
        b'1' => disconnect(rest),
        b'2' => event(rest, 0),
        b'3' => ack(rest, 0),
        b'4' => connect_error(rest),
        b'5' => attachments(rest).and_then(|(count, rest)| event(rest, count)),
        b'6' => attachments(rest).and_then(|(count, rest)| ack(rest, count)),
        _ => Err(DecodeError::UnknownType),
    }
}

fn connect(rest: &str) -> Result<Packet<'_>, DecodeError> {
    let Head { nsp, payload, .. } = head(rest)?;
    if !payload.is_empty() {
        json::object(payload)?;
    }
    let auth = Some(payload).filter(|payload| !payload.is_empty());
    Ok(Packet::Connect { nsp, auth })
}

fn disconnect(rest: &str) -> Result<Packet<'_>, DecodeError> {
    match head(rest)? {
        Head {
            nsp, payload: "", ..
        } => Ok(Packet::Disconnect { nsp }),
        _ => Err(DecodeError::InvalidPayload),
    }
}

fn connect_error(rest: &str) -> Result<Packet<'_>, DecodeError> {
    Ok(Packet::ConnectError {
        nsp: head(rest)?.nsp,
    })
}

fn event(rest: &str, attachments: usize) -> Result<Packet<'_>, DecodeError> {
    let Head { nsp, id, payload } = head(rest)?;
    if payload.is_empty() && attachments == 0 {
        return Ok(Packet::Blank { nsp });
    }
    let (first, args) = Args::after_name(payload)?;
    let raw_name = first.ok_or(DecodeError::InvalidPayload)?;
    let name = name::read(raw_name).ok_or(DecodeError::InvalidPayload)?;
    Ok(Packet::Event(Event {
        nsp,
        id,
        name,
        raw_name,
        args,
        attachments,
    }))
}

fn ack(rest: &str, attachments: usize) -> Result<Packet<'_>, DecodeError> {
    let Head { nsp, id, payload } = head(rest)?;
    let args = match payload {
        "" if attachments == 0 => Args::default(),
        _ => Args::all(payload)?,
    };
    Ok(Packet::Ack(Ack {
        nsp,
        id,
        args,
        attachments,
    }))
}

/// The number before the first dash, and what follows the dash.
fn attachments(rest: &str) -> Result<(usize, &str), DecodeError> {
    let (count, rest) = rest
        .split_once('-')
        .ok_or(DecodeError::IllegalAttachments)?;
    match digits(count) {
        Some((count, "")) if count > MAX_ATTACHMENTS as u64 => Err(DecodeError::TooManyAttachments),
        Some((count @ 1.., "")) => Ok((count as usize, rest)),
        _ => Err(DecodeError::IllegalAttachments),
    }
}

struct Head<'a> {
    nsp: &'a str,
    id: Option<u64>,
    payload: &'a str,
}

fn head(rest: &str) -> Result<Head<'_>, DecodeError> {
    let (nsp, rest) = match rest.starts_with('/') {
        true => rest.split_once(',').unwrap_or((rest, "")),
        false => ("/", rest),
    };
    match digits(rest) {
        None => Ok(Head {
            nsp,
            id: None,
            payload: rest,
        }),
        Some((id, payload)) if id <= MAX_ACK_ID => Ok(Head {
            nsp,
            id: Some(id),
            payload,
        }),
        Some(_) => Err(DecodeError::InvalidAckId),
    }
}

/// The number at the front, saturating, and what follows it.
fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let add = |sum: u64, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    (!digits.is_empty()).then(|| (digits.bytes().fold(0, add), rest))
}

#[cfg(test)]
mod tests;
