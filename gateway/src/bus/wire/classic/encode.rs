//! What we publish in the classic format.

use super::super::out::Out;
use super::super::{
    Command, DataRef, Envelope, Message, OptsRef, Reply, Response, WireError, parts,
};
use super::{Channels, kind};

/// The packet type of an event.
const EVENT: u64 = 2;

/// A broadcast without ack.
pub fn broadcast(
    from: &str,
    namespace: &str,
    data: DataRef<'_>,
    opts: OptsRef<'_>,
) -> Result<Vec<u8>, WireError> {
    let mut out = Out::pack(data.json.len());
    out.array(3);
    out.text(from);
    packet(&mut out, namespace, data)?;
    out.opts_value(opts);
    Ok(out.finish())
}

/// Any command that the format has, and its channel.
pub fn command(channels: &Channels, envelope: &Envelope) -> Result<Message, WireError> {
    let Envelope {
        from,
        namespace,
        command,
    } = envelope;
    if let Command::Broadcast {
        data,
        opts,
        ack: None,
    } = command
    {
        return Ok(Message {
            channel: channels.broadcast(&opts.rooms).into_owned(),
            payload: broadcast(from, namespace, data.borrow(), opts.borrow())?,
        });
    }
    Ok(Message {
        channel: channels.request().to_owned(),
        payload: request(from, namespace, command)?,
    })
}

/// A response and its channel: that of the requester `to`, or the one that all listen to.
pub fn response(
    channels: &Channels,
    to: Option<&str>,
    response: &Response,
) -> Result<Message, WireError> {
    let Response { request, reply } = response;
    let mut out = match reply {
        Reply::ServerSideEmit(data) => Out::carrying(data.borrow()),
        Reply::Ack(data) => Out::pack(data.json.len()),
        _ => Out::json(0),
    };
    match reply {
        Reply::Sockets(sockets) => {
            plain(&mut out, request, 2);
            out.sockets(sockets)?;
        }
        Reply::SocketIds(ids) => {
            plain(&mut out, request, 2);
            out.key("sockets");
            out.texts(ids);
        }
        Reply::Rooms(rooms) => {
            plain(&mut out, request, 2);
            out.rooms(rooms);
        }
        Reply::Done => plain(&mut out, request, 1),
        Reply::ServerSideEmit(data) => {
            typed(&mut out, kind::SERVER_SIDE_EMIT, request);
            out.key("data");
            out.data(data.borrow())?;
        }
        Reply::ClientCount(count) => {
            typed(&mut out, kind::CLIENT_COUNT, request);
            out.key("clientCount");
            out.uint(*count);
        }
        Reply::Ack(data) => {
            typed(&mut out, kind::ACK, request);
            out.key("packet");
            out.data(data.borrow())?;
        }
    }
    out.end_map();
    let to = to.filter(|_| !matches!(reply, Reply::ServerSideEmit(_)));
    Ok(Message {
        channel: to.map_or_else(
            || channels.response().to_owned(),
            |uid| channels.response_to(uid),
        ),
        payload: out.finish(),
    })
}

fn plain(out: &mut Out, request: &str, len: usize) {
    out.map(len);
    out.field("requestId", request);
}

fn typed(out: &mut Out, kind: u64, request: &str) {
    out.map(3);
    out.kind(kind);
    out.field("requestId", request);
}

fn packet(out: &mut Out, namespace: &str, data: DataRef<'_>) -> Result<(), WireError> {
    event(data)?;
    out.map(3);
    out.kind(EVENT);
    out.key("data");
    out.data(data)?;
    out.field("nsp", namespace);
    out.end_map();
    Ok(())
}

fn event(data: DataRef<'_>) -> Result<(), WireError> {
    if parts::is_event(data.json) {
        Ok(())
    } else {
        Err(WireError::Field("data"))
    }
}

fn request(from: &str, namespace: &str, command: &Command) -> Result<Vec<u8>, WireError> {
    let mut out = match command {
        Command::Broadcast { data, .. } => Out::pack(data.json.len()),
        Command::ServerSideEmit { data, .. } => Out::carrying(data.borrow()),
        _ => Out::json(0),
    };
    match command {
        Command::Broadcast { data, opts, ack } => {
            let ack = ack.as_deref().unwrap_or_default();
            head(&mut out, from, Some(ack), kind::BROADCAST, 2);
            out.key("packet");
            packet(&mut out, namespace, data.borrow())?;
            out.opts(opts.borrow());
        }
        Command::Join { opts, rooms } => {
            head(&mut out, from, None, kind::JOIN, 2);
            out.bare_opts(opts.borrow());
            out.rooms(rooms);
        }
        Command::Leave { opts, rooms } => {
            head(&mut out, from, None, kind::LEAVE, 2);
            out.bare_opts(opts.borrow());
            out.rooms(rooms);
        }
        Command::Disconnect { opts, close } => {
            head(&mut out, from, None, kind::DISCONNECT, 2);
            out.bare_opts(opts.borrow());
            out.key("close");
            out.boolean(*close);
        }
        Command::FetchSockets { request, opts } => {
            head(&mut out, from, Some(request), kind::FETCH, 1);
            out.bare_opts(opts.borrow());
        }
        Command::ServerSideEmit { request, data } => {
            event(data.borrow())?;
            head(
                &mut out,
                from,
                request.as_deref(),
                kind::SERVER_SIDE_EMIT,
                1,
            );
            out.key("data");
            out.data(data.borrow())?;
        }
        Command::SocketIds { request, rooms } => {
            head(&mut out, from, Some(request), kind::SOCKETS, 1);
            out.rooms(rooms);
        }
        Command::AllRooms { request } => head(&mut out, from, Some(request), kind::ALL_ROOMS, 0),
        other => legacy(&mut out, other)?,
    }
    out.end_map();
    Ok(out.finish())
}

/// `{uid?,requestId?,type,` and so many members more.
fn head(out: &mut Out, from: &str, request: Option<&str>, kind: u64, more: usize) {
    let uid = !from.is_empty();
    out.map(1 + more + usize::from(uid) + usize::from(request.is_some()));
    if uid {
        out.field("uid", from);
    }
    if let Some(request) = request {
        out.field("requestId", request);
    }
    out.kind(kind);
}

fn legacy(out: &mut Out, command: &Command) -> Result<(), WireError> {
    let (request, socket, kind) = match command {
        Command::LegacyRoom {
            request,
            socket,
            join,
            ..
        } => (
            request,
            socket,
            if *join { kind::JOIN } else { kind::LEAVE },
        ),
        Command::LegacyDisconnect {
            request, socket, ..
        } => (request, socket, kind::DISCONNECT),
        _ => return Err(WireError::Kind),
    };
    head(out, "", Some(request), kind, 2);
    out.field("sid", socket);
    match command {
        Command::LegacyRoom { room, .. } => out.field("room", room),
        Command::LegacyDisconnect { close, .. } => {
            out.key("close");
            out.boolean(*close);
        }
        _ => {}
    }
    Ok(())
}
