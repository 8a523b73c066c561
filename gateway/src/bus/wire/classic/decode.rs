//! What peers and emitters publish in the classic format.

use std::sync::Arc;

use super::super::parts::{self, need};
use super::super::view::View;
use super::super::{Command, Envelope, Reply, Response, WireError};
use super::kind;

/// A message on the channel of broadcasts.
pub fn broadcast(payload: &[u8]) -> Result<Envelope, WireError> {
    let elements = View::pack(payload)?.elements("broadcast")?;
    let [uid, packet, opts, ..] = elements[..] else {
        return Err(WireError::Field("broadcast"));
    };
    let [kind, data, nsp] = packet.fields("packet", ["type", "data", "nsp"])?;
    Ok(Envelope {
        from: uid.label().unwrap_or_default().into(),
        namespace: parts::namespace(nsp)?,
        command: Command::Broadcast {
            data: parts::packet(kind, data)?,
            opts: parts::opts(opts)?,
            ack: None,
        },
    })
}

/// The members of a request.
struct Request<'a> {
    request: Option<View<'a>>,
    data: Option<View<'a>>,
    packet: Option<View<'a>>,
    opts: Option<View<'a>>,
    rooms: Option<View<'a>>,
    close: bool,
    sid: Option<View<'a>>,
    room: Option<View<'a>>,
}

/// A message on the request channel of `namespace`.
pub fn request(namespace: &Arc<str>, payload: &[u8]) -> Result<Envelope, WireError> {
    let names = [
        "uid",
        "type",
        "requestId",
        "data",
        "packet",
        "opts",
        "rooms",
        "close",
        "sid",
        "room",
    ];
    let fields = View::read(payload)?.fields("request", names)?;
    let [
        uid,
        kind,
        request,
        data,
        packet,
        opts,
        rooms,
        close,
        sid,
        room,
    ] = fields;
    let fields = Request {
        request,
        data,
        packet,
        opts,
        rooms,
        close: close.and_then(View::flag) == Some(true),
        sid,
        room,
    };
    Ok(Envelope {
        from: parts::maybe_text(uid, "uid")?.unwrap_or_default(),
        namespace: namespace.clone(),
        command: fields.command(need(kind.and_then(View::count), "type")?)?,
    })
}

impl Request<'_> {
    fn command(&self, kind: u64) -> Result<Command, WireError> {
        let request = || parts::text(self.request, "requestId");
        Ok(match kind {
            kind::SOCKETS => Command::SocketIds {
                request: request()?,
                rooms: parts::rooms(self.rooms, "rooms")?,
            },
            kind::ALL_ROOMS => Command::AllRooms {
                request: request()?,
            },
            kind::JOIN | kind::LEAVE if self.opts.is_none() => Command::LegacyRoom {
                request: request()?,
                socket: parts::text(self.sid, "opts")?,
                room: need(self.room.and_then(View::label), "room")?.into(),
                join: kind == kind::JOIN,
            },
            kind::JOIN => Command::Join {
                opts: self.opts()?,
                rooms: self.rooms()?,
            },
            kind::LEAVE => Command::Leave {
                opts: self.opts()?,
                rooms: self.rooms()?,
            },
            kind::DISCONNECT if self.opts.is_none() => Command::LegacyDisconnect {
                request: request()?,
                socket: parts::text(self.sid, "opts")?,
                close: self.close,
            },
            kind::DISCONNECT => Command::Disconnect {
                opts: self.opts()?,
                close: self.close,
            },
            kind::FETCH => Command::FetchSockets {
                request: request()?,
                opts: self.opts()?,
            },
            kind::SERVER_SIDE_EMIT => Command::ServerSideEmit {
                request: parts::maybe_text(self.request, "requestId")?,
                data: parts::event(self.data, "data")?,
            },
            kind::BROADCAST => self.broadcast(request()?)?,
            _ => return Err(WireError::Kind),
        })
    }

    fn broadcast(&self, ack: Box<str>) -> Result<Command, WireError> {
        let packet = need(self.packet, "packet")?;
        let [kind, data] = packet.fields("packet", ["type", "data"])?;
        Ok(Command::Broadcast {
            data: parts::packet(kind, data)?,
            opts: self.opts()?,
            ack: Some(ack),
        })
    }

    fn opts(&self) -> Result<super::super::Opts, WireError> {
        parts::opts(need(self.opts, "opts")?)
    }

    fn rooms(&self) -> Result<Vec<Arc<str>>, WireError> {
        parts::rooms(Some(need(self.rooms, "rooms")?), "rooms")
    }
}

/// A message on a response channel.
///
/// Nothing tells an answer without sockets to [`Command::SocketIds`] from one to [`Command::FetchSockets`]: it is read as
/// [`Reply::Sockets`] of none.
pub fn response(payload: &[u8]) -> Result<Response, WireError> {
    let names = [
        "type",
        "requestId",
        "sockets",
        "rooms",
        "data",
        "clientCount",
        "packet",
    ];
    let fields = View::read(payload)?.fields("response", names)?;
    let [kind, request, sockets, rooms, data, count, packet] = fields;
    let kind = kind.map(|kind| need(kind.count(), "type")).transpose()?;
    let reply = match (kind, sockets, rooms) {
        (Some(kind::SERVER_SIDE_EMIT), ..) => Reply::ServerSideEmit(parts::value(data)?),
        (Some(kind::CLIENT_COUNT), ..) => {
            Reply::ClientCount(need(count.and_then(View::count), "clientCount")?)
        }
        (Some(kind::ACK), ..) => Reply::Ack(parts::value(packet)?),
        (Some(kind), ..) if kind > kind::ACK => return Err(WireError::Kind),
        (_, Some(sockets), _) => self::sockets(sockets)?,
        (_, _, Some(_)) => Reply::Rooms(parts::rooms(rooms, "rooms")?),
        _ => Reply::Done,
    };
    Ok(Response {
        request: parts::text(request, "requestId")?,
        reply,
    })
}

fn sockets(field: View<'_>) -> Result<Reply, WireError> {
    let elements = field.elements("sockets")?;
    if elements.first().is_some_and(|first| first.text().is_some()) {
        let id = |id: &View<'_>| parts::text(Some(*id), "sockets");
        return Ok(Reply::SocketIds(
            elements.iter().map(id).collect::<Result<_, _>>()?,
        ));
    }
    Ok(Reply::Sockets(parts::sockets(&elements)?))
}
