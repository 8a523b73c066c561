//! What peers publish in the formats of the ClusterAdapter family.

use std::sync::Arc;

use super::super::parts::{self, need};
use super::super::view::View;
use super::super::{Command, Envelope, Opts, Reply, Response, WireError};
use super::{Incoming, kind};

/// A message on any channel of a namespace.
pub fn decode(payload: &[u8]) -> Result<Incoming, WireError> {
    let fields = View::read(payload)?.fields("message", ["type", "data", "uid", "nsp"])?;
    let [kind, data, uid, nsp] = fields;
    message(
        need(kind.and_then(View::count), "type")?,
        data,
        parts::text(uid, "uid")?,
        parts::namespace(nsp)?,
    )
}

/// A message whose outer fields are known.
pub(in crate::bus::wire) fn message(
    kind: u64,
    data: Option<View<'_>>,
    from: Box<str>,
    namespace: Arc<str>,
) -> Result<Incoming, WireError> {
    let command = match kind {
        kind::INITIAL_HEARTBEAT => Command::InitialHeartbeat,
        kind::HEARTBEAT => Command::Heartbeat,
        kind::CLOSE => Command::AdapterClose,
        _ => match Body::read(need(data, "data")?)?.act(kind, &namespace)? {
            Act::Command(command) => command,
            Act::Response(response) => {
                return Ok(Incoming::Response {
                    from,
                    namespace,
                    response,
                });
            }
        },
    };
    Ok(Incoming::Command(Envelope {
        from,
        namespace,
        command,
    }))
}

enum Act {
    Command(Command),
    Response(Response),
}

/// The members of `data`.
struct Body<'a> {
    packet: Option<View<'a>>,
    request: Option<View<'a>>,
    opts: Option<View<'a>>,
    rooms: Option<View<'a>>,
    close: Option<View<'a>>,
    sockets: Option<View<'a>>,
    count: Option<View<'a>>,
}

impl<'a> Body<'a> {
    fn read(data: View<'a>) -> Result<Self, WireError> {
        let names = [
            "packet",
            "requestId",
            "opts",
            "rooms",
            "close",
            "sockets",
            "clientCount",
        ];
        let [packet, request, opts, rooms, close, sockets, count] = data.fields("data", names)?;
        Ok(Self {
            packet,
            request,
            opts,
            rooms,
            close,
            sockets,
            count,
        })
    }

    fn act(&self, kind: u64, namespace: &str) -> Result<Act, WireError> {
        match kind {
            kind::FETCH_RESPONSE
            | kind::SERVER_SIDE_EMIT_RESPONSE
            | kind::CLIENT_COUNT
            | kind::ACK => self.response(kind).map(Act::Response),
            _ => self.command(kind, namespace).map(Act::Command),
        }
    }

    fn command(&self, kind: u64, namespace: &str) -> Result<Command, WireError> {
        Ok(match kind {
            kind::BROADCAST => self.broadcast(namespace)?,
            kind::JOIN => Command::Join {
                opts: self.opts()?,
                rooms: self.rooms()?,
            },
            kind::LEAVE => Command::Leave {
                opts: self.opts()?,
                rooms: self.rooms()?,
            },
            kind::DISCONNECT => Command::Disconnect {
                opts: self.opts()?,
                close: self.close.and_then(View::flag) == Some(true),
            },
            kind::FETCH => Command::FetchSockets {
                request: self.request()?,
                opts: self.opts()?,
            },
            kind::SERVER_SIDE_EMIT => Command::ServerSideEmit {
                request: parts::maybe_text(self.request, "requestId")?,
                data: parts::event(self.packet, "packet")?,
            },
            _ => return Err(WireError::Kind),
        })
    }

    fn broadcast(&self, namespace: &str) -> Result<Command, WireError> {
        let packet = need(self.packet, "packet")?;
        let [kind, data, inner] = packet.fields("packet", ["type", "data", "nsp"])?;
        // Node would overwrite it: who names another one means something that it does not get.
        if inner.is_some() && *parts::namespace(inner)? != *namespace {
            return Err(WireError::Namespace);
        }
        Ok(Command::Broadcast {
            data: parts::packet(kind, data)?,
            opts: self.opts()?,
            ack: parts::maybe_text(self.request, "requestId")?,
        })
    }

    fn response(&self, kind: u64) -> Result<Response, WireError> {
        let reply = match kind {
            kind::FETCH_RESPONSE => {
                let sockets = need(self.sockets, "sockets")?.elements("sockets")?;
                Reply::Sockets(parts::sockets(&sockets)?)
            }
            kind::SERVER_SIDE_EMIT_RESPONSE => Reply::ServerSideEmit(parts::value(self.packet)?),
            kind::CLIENT_COUNT => {
                Reply::ClientCount(need(self.count.and_then(View::count), "clientCount")?)
            }
            _ => Reply::Ack(parts::value(self.packet)?),
        };
        Ok(Response {
            request: self.request()?,
            reply,
        })
    }

    fn request(&self) -> Result<Box<str>, WireError> {
        parts::text(self.request, "requestId")
    }

    fn opts(&self) -> Result<Opts, WireError> {
        parts::opts(need(self.opts, "opts")?)
    }

    fn rooms(&self) -> Result<Vec<Arc<str>>, WireError> {
        parts::rooms(Some(need(self.rooms, "rooms")?), "rooms")
    }
}
