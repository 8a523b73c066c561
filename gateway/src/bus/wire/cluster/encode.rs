//! What we publish in the formats of the ClusterAdapter family.

use super::super::out::Out;
use super::super::{
    Command, DataRef, Envelope, Message, OptsRef, Reply, Response, WireError, parts,
};
use super::{Channels, Dialect, SubscriptionMode, kind};

/// The packet type of an event.
const EVENT: u64 = 2;

/// A broadcast without ack.
pub fn broadcast(
    dialect: Dialect,
    from: &str,
    namespace: &str,
    data: DataRef<'_>,
    opts: OptsRef<'_>,
) -> Result<Vec<u8>, WireError> {
    let mut out = dialect.begin(data);
    head(&mut out, kind::BROADCAST, true);
    broadcast_body(&mut out, data, opts, None)?;
    Ok(end(out, from, namespace))
}

/// Any command that the format has, and its channel.
pub fn command(
    dialect: Dialect,
    channels: &Channels,
    mode: SubscriptionMode,
    envelope: &Envelope,
) -> Result<Message, WireError> {
    let Envelope {
        from,
        namespace,
        command,
    } = envelope;
    let kind = kind_of(command)?;
    let mut out = dialect.begin(data_of(command));
    head(&mut out, kind, has_body(kind));
    body(&mut out, command)?;
    let channel = match command {
        Command::Broadcast { opts, ack, .. } => {
            channels.broadcast(mode, &opts.rooms, ack.is_some())
        }
        _ => channels.main().into(),
    };
    Ok(Message {
        channel: channel.into_owned(),
        payload: end(out, from, namespace),
    })
}

/// A response of the server `from` to the server `to`, and its channel.
pub fn response(
    dialect: Dialect,
    channels: &Channels,
    from: &str,
    to: &str,
    namespace: &str,
    response: &Response,
) -> Result<Message, WireError> {
    let Response { request, reply } = response;
    let (kind, carried) = match reply {
        Reply::Sockets(_) => (kind::FETCH_RESPONSE, NOTHING),
        Reply::ServerSideEmit(data) => (kind::SERVER_SIDE_EMIT_RESPONSE, data.borrow()),
        Reply::ClientCount(_) => (kind::CLIENT_COUNT, NOTHING),
        Reply::Ack(data) => (kind::ACK, data.borrow()),
        Reply::SocketIds(_) | Reply::Rooms(_) | Reply::Done => return Err(WireError::Kind),
    };
    let mut out = dialect.begin(carried);
    head(&mut out, kind, true);
    out.map(2);
    out.field("requestId", request);
    match reply {
        Reply::Sockets(sockets) => out.sockets(sockets)?,
        Reply::ClientCount(count) => {
            out.key("clientCount");
            out.uint(*count);
        }
        _ => {
            out.key("packet");
            out.data(carried)?;
        }
    }
    out.end_map();
    Ok(Message {
        channel: channels.response_to(to),
        payload: end(out, from, namespace),
    })
}

/// The number of a command, if the format has it.
pub(in crate::bus::wire) fn kind_of(command: &Command) -> Result<u64, WireError> {
    Ok(match command {
        Command::InitialHeartbeat => kind::INITIAL_HEARTBEAT,
        Command::Heartbeat => kind::HEARTBEAT,
        Command::Broadcast { .. } => kind::BROADCAST,
        Command::Join { .. } => kind::JOIN,
        Command::Leave { .. } => kind::LEAVE,
        Command::Disconnect { .. } => kind::DISCONNECT,
        Command::FetchSockets { .. } => kind::FETCH,
        Command::ServerSideEmit { .. } => kind::SERVER_SIDE_EMIT,
        Command::AdapterClose => kind::CLOSE,
        Command::SocketIds { .. }
        | Command::AllRooms { .. }
        | Command::LegacyRoom { .. }
        | Command::LegacyDisconnect { .. } => return Err(WireError::Kind),
    })
}

/// Appends the `data` of a command; nothing for one that has none.
pub(in crate::bus::wire) fn body(out: &mut Out, command: &Command) -> Result<(), WireError> {
    match command {
        Command::Broadcast { data, opts, ack } => {
            return broadcast_body(out, data.borrow(), opts.borrow(), ack.as_deref());
        }
        Command::Join { opts, rooms } | Command::Leave { opts, rooms } => {
            out.map(2);
            out.opts(opts.borrow());
            out.rooms(rooms);
        }
        Command::Disconnect { opts, close } => {
            out.map(2);
            out.opts(opts.borrow());
            out.key("close");
            out.boolean(*close);
        }
        Command::FetchSockets { request, opts } => {
            out.map(2);
            out.opts(opts.borrow());
            out.field("requestId", request);
        }
        Command::ServerSideEmit { request, data } => {
            event(data.borrow())?;
            out.map(1 + usize::from(request.is_some()));
            if let Some(request) = request {
                out.field("requestId", request);
            }
            out.key("packet");
            out.data(data.borrow())?;
        }
        _ => return Ok(()),
    }
    out.end_map();
    Ok(())
}

/// Appends the `data` of a broadcast.
pub(in crate::bus::wire) fn broadcast_body(
    out: &mut Out,
    data: DataRef<'_>,
    opts: OptsRef<'_>,
    ack: Option<&str>,
) -> Result<(), WireError> {
    event(data)?;
    out.map(2 + usize::from(ack.is_some()));
    out.key("packet");
    out.map(2);
    out.kind(EVENT);
    out.key("data");
    out.data(data)?;
    out.end_map();
    if let Some(request) = ack {
        out.field("requestId", request);
    }
    out.opts(opts);
    out.end_map();
    Ok(())
}

const NOTHING: DataRef<'static> = DataRef {
    json: "",
    attachments: &[],
};

impl Dialect {
    fn begin(self, data: DataRef<'_>) -> Out {
        match self {
            Self::Sharded => Out::carrying(data),
            Self::Streams => Out::pack(data.json.len()),
        }
    }
}

fn data_of(command: &Command) -> DataRef<'_> {
    match command {
        Command::Broadcast { data, .. } | Command::ServerSideEmit { data, .. } => data.borrow(),
        _ => NOTHING,
    }
}

fn has_body(kind: u64) -> bool {
    !matches!(
        kind,
        kind::INITIAL_HEARTBEAT | kind::HEARTBEAT | kind::CLOSE
    )
}

/// `{type,data?,` of a message; the body follows.
fn head(out: &mut Out, kind: u64, has_body: bool) {
    out.map(3 + usize::from(has_body));
    out.kind(kind);
    if has_body {
        out.key("data");
    }
}

fn end(mut out: Out, from: &str, namespace: &str) -> Vec<u8> {
    out.field("uid", from);
    out.field("nsp", namespace);
    out.end_map();
    out.finish()
}

fn event(data: DataRef<'_>) -> Result<(), WireError> {
    if parts::is_event(data.json) {
        Ok(())
    } else {
        Err(WireError::Field("data"))
    }
}
